// Every file of tests/config/hostile/ begins with one "# expect: LINE:COLUMN: words of the message" for each problem.
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/load.h"
#include "tests/config/samples.h"

using namespace ballast::config;

namespace {

struct Expected {
    int line = 0;
    int column = 0;
    std::string words;
};

std::vector<Expected> expected_of(const std::string& text) {
    std::vector<Expected> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line) && line.starts_with("# expect: ");) {
        Expected expected;
        char colon = 0;
        std::istringstream fields(line.substr(10));
        fields >> expected.line >> colon >> expected.column >> colon >> std::ws;
        std::getline(fields, expected.words);
        all.push_back(expected);
    }
    return all;
}

Diagnostics problems_of(const std::filesystem::path& path) {
    const bool daemon = path.filename().string().starts_with("daemon-");
    return daemon ? load_daemon_file(path).problems() : load_policy_files({path}).problems();
}

}  // namespace

TEST_CASE("Every hostile file gives exactly its expected errors, at their place and at once") {
    const auto files = samples("tests/config/hostile");
    REQUIRE(files.size() >= 50);
    for (const auto& path : files) {
        const auto expected = expected_of(read_sample(path));
        const auto start = std::chrono::steady_clock::now();
        const auto problems = problems_of(path);
        const auto elapsed = std::chrono::steady_clock::now() - start;
        INFO(path << "\n" << to_string(problems));
        CHECK(elapsed < std::chrono::milliseconds{100});
        CHECK(!expected.empty());
        CHECK(problems.size() == expected.size());
        for (std::size_t i = 0; i < std::min(problems.size(), expected.size()); ++i) {
            CHECK(problems[i].file == path);
            CHECK(problems[i].line == expected[i].line);
            CHECK(problems[i].column == expected[i].column);
            CHECK_THAT(problems[i].message, Catch::Contains(expected[i].words));
        }
    }
}
