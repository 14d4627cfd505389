// What a restarted daemon has not forgotten.
#include "daemon/season_file.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace ballast;
using namespace ballast::daemon;
using namespace std::chrono_literals;

namespace {

struct Folder {
    std::string path;
    Folder() {
        char name[] = "/tmp/ballast-seasons-XXXXXX";
        path = mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file() const { return path + "/seasons.json"; }
};

policy::Seasons some_seasons() {
    policy::Seasons seasons{"Europe/Berlin", WallTime{} + 1h, {}};
    seasons.vms[{"a"}] = {std::string(3 * policy::season_hours, 'B'), 17, 12.5, 30};
    return seasons;
}

std::string hours_in(const std::string& file) {
    const auto read = read_seasons(file);
    return read && *read ? (*read)->vms.at({"a"}).hours : "";
}

}  // namespace

TEST_CASE("Seasons that were written are read again as the same") {
    const Folder folder;
    REQUIRE(write_seasons(folder.file(), some_seasons()).has_value());
    REQUIRE(write_seasons(folder.file(), some_seasons()).has_value());  // replaced
    const auto read = read_seasons(folder.file());
    REQUIRE(read.has_value());
    REQUIRE(read->has_value());
    CHECK((*read)->zone == "Europe/Berlin");
    CHECK((*read)->learned_at == WallTime{} + 1h);
    const auto& season = (*read)->vms.at({"a"});
    CHECK(season.hours == some_seasons().vms.at({"a"}).hours);
    CHECK(season.hour == 17);
    CHECK(season.core_minutes == 12.5);
    CHECK(season.minutes == 30);
    CHECK_FALSE(std::filesystem::exists(folder.file() + ".new"));
}

TEST_CASE("No file is nothing; a damaged one is told with its place") {
    const Folder folder;
    const auto none = read_seasons(folder.file());
    REQUIRE(none.has_value());
    CHECK_FALSE(none->has_value());
    std::ofstream(folder.file()) << R"({"format": "ballast-seasons/1", "seasons": {"vms": {"a": {"hour": "x"}}}})";
    const auto damaged = read_seasons(folder.file());
    REQUIRE_FALSE(damaged.has_value());
    CHECK(damaged.error().subject == folder.file() + ":1:67");
    std::ofstream(folder.file()) << R"({"format": "ballast-seasons/2", "seasons": {}})";
    REQUIRE_FALSE(read_seasons(folder.file()).has_value());
    std::ofstream(folder.file()) << R"({"seasons": {}})";
    REQUIRE_FALSE(read_seasons(folder.file()).has_value());
}

TEST_CASE("The file is written once an hour, and at the end") {
    const Folder folder;
    auto seasons = some_seasons();
    SeasonFile keeper(folder.file(), [](const Error&) { FAIL("it could not be written"); });
    const WallTime begin = WallTime{} + 10h;
    keeper.keep(begin, seasons);
    keeper.keep(begin + 59min, seasons);
    keeper.keep(begin + 61min, seasons);
    seasons.vms.at({"a"}).hours[0] = 'C';
    keeper.keep(begin + 62min, seasons);
    keeper.close(seasons);
    CHECK(hours_in(folder.file()).front() == 'C');
}

TEST_CASE("A folder that cannot be written to is told once, and nothing else happens") {
    int told = 0;
    {
        SeasonFile keeper("/nonexistent/seasons.json", [&](const Error&) { ++told; });
        const WallTime begin = WallTime{} + 10h;
        for (int hour = 0; hour < 5; ++hour) keeper.keep(begin + hour * 1h, some_seasons());
        keeper.close(some_seasons());
    }
    CHECK(told == 1);
}
