// Answers as docs/api.md describes them, and what ballastctl writes.
#pragma once

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "cli/command_line.h"
#include "cli/page.h"

namespace ballast::cli {

inline boost::json::value sample(const std::string& name) {
    const auto path = std::filesystem::path(__FILE__).parent_path() / "samples" / (name + ".json");
    std::ifstream file(path);
    REQUIRE(file);
    return boost::json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

inline Style style_of_width(int width) {
    Style style;
    style.width = width;
    return style;
}

/// Lines wider than the limit, for tests that want none.
int lines_wider_than(int width, const std::string& text);

/// Answers from a table of "GET /target" to a sample or a value; anything else is not_found. Remembers what was asked.
class FakeApi : public Api {
public:
    Result<Answer> call(Method method, const std::string& target, const boost::json::value& body) override {
        const std::string asked = (method == Method::get ? "GET " : "POST ") + target;
        requests->push_back(body.is_null() ? asked : asked + " " + boost::json::serialize(body));
        if (failure) return *failure;
        const auto found = answers.find(asked);
        if (found == answers.end())
            return Answer{
                404, boost::json::parse(R"({"error":{"code":"not_found","subject":"x","message":"no such thing"}})")};
        Answer answer = found->second.front();
        if (found->second.size() > 1) found->second.erase(found->second.begin());
        return answer;
    }

    std::map<std::string, std::vector<Answer>> answers;  // one after the other; the last one stays
    std::optional<Error> failure;
    std::shared_ptr<std::vector<std::string>> requests = std::make_shared<std::vector<std::string>>();
};

/// One run of ballastctl against a FakeApi.
struct Run {
    FakeApi api;
    std::ostringstream out, err;
    int waits = 0;
    bool live = false;
    Style style = style_of_width(100);

    int operator()(const std::vector<std::string>& words) {
        Terminal terminal{out, err, style, style, live, [this](int) { ++waits; }};
        return static_cast<int>(run(words, terminal, [this](std::string) { return std::make_unique<FakeApi>(api); }));
    }
    std::vector<std::string>& requests() { return *api.requests; }
};

}  // namespace ballast::cli
