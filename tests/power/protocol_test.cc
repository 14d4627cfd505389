#include "power/protocol.h"

#include <catch2/catch.hpp>

#include "tests/sim/show_result.h"

using namespace ballast;
using namespace ballast::power;

TEST_CASE("a request reads back as it was written") {
    const Request off{7, "off", {"host1"}}, hosts{8, "hosts", {}};
    CHECK(*read_request(to_line(off)) == off);
    CHECK(*read_request(to_line(hosts)) == hosts);
}

TEST_CASE("what is no request is refused with the reason") {
    const auto [line, why] = GENERATE(table<std::string, std::string>({
        {"", "one JSON object"},
        {"[1]", "one JSON object"},
        {R"({"id": 1, "verb": "off", "host": "a"} {})", "one JSON object"},
        {R"({"verb": "off", "host": "a"})", "whole number"},
        {R"({"id": 1.5, "verb": "off", "host": "a"})", "whole number"},
        {R"({"id": 1, "verb": "cycle", "host": "a"})", "verb has to be"},
        {R"({"id": 1, "verb": "off"})", "host has to be"},
        {R"({"id": 1, "verb": "off", "host": 5})", "host has to be"},
        {R"({"id": 1, "verb": "off", "host": "a\nuser=root"})", "host has to be"},
        {R"({"id": 1, "verb": "hosts", "host": "a"})", "no single host"},
        {R"({"id": 1, "verb": "off", "host": "a", "action": "on"})", "nothing else"},
    }));
    const auto request = read_request(line);
    REQUIRE_FALSE(request);
    CHECK(request.error().code == ErrorCode::invalid);
    CHECK_THAT(request.error().message, Catch::Contains(why));
}

TEST_CASE("answers and errors read back as they were given") {
    const std::vector<PowerHost> hosts = {{{"a"}, true, false, true, true, Duration{48000}},
                                          {{"b"}, {}, {}, {}, {}, {}}};
    CHECK(*read_hosts(*read_reply(to_line(3, to_json(hosts)), 3)) == hosts);
    CHECK(*read_power(*read_reply(to_line(3, to_json(Power::off)), 3)) == Power::off);
    CHECK(*read_watts(*read_reply(to_line(3, to_json(std::optional(119.5))), 3)) == 119.5);
    CHECK_FALSE((*read_watts(*read_reply(to_line(3, to_json(std::optional<double>())), 3))).has_value());
    for (const auto code : {ErrorCode::timed_out, ErrorCode::unavailable, ErrorCode::not_found, ErrorCode::refused}) {
        const Error error{code, "host1", "why"};
        CHECK(read_reply(to_line(3, error), 3).error() == error);
    }
}

TEST_CASE("an answer that makes no sense is never taken for a state") {
    const std::string line =
        GENERATE("", "{}", "nonsense", R"({"id": 4, "result": "off"})", R"({"result": "off"})", R"({"id": 3})");
    CHECK(read_reply(line, 3).error().code == ErrorCode::corrupt);
    for (const char* state : {"\"\"", "\"OFF\"", "0", "null", "true", "[]"})
        CHECK(read_power(boost::json::parse(state)).error().code == ErrorCode::corrupt);
    for (const char* hosts : {"{}", "[1]", "[{}]", R"([{"name": "a"}])", R"([{"name": "a", "longest_ms": -1}])"})
        CHECK(read_hosts(boost::json::parse(hosts)).error().code == ErrorCode::corrupt);
    CHECK(read_watts(boost::json::parse("\"100\"")).error().code == ErrorCode::corrupt);
}
