#include "daemon/api_http.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::daemon;

TEST_CASE("A target is split before it is decoded") {
    const auto target = parse_target("/v1/vms/a%2Fb%20c%C3%BC?x=1%262&y").value();
    CHECK(target.path == std::vector<std::string>{"v1", "vms", "a/b c\xC3\xBC"});
    CHECK(target.query == std::map<std::string, std::string>{{"x", "1&2"}, {"y", ""}});
}

TEST_CASE("A slash at the end of a path means nothing") {
    CHECK(parse_target("/v1/hosts/").value().path == parse_target("/v1/hosts").value().path);
    CHECK(parse_target("/v1/hosts?").value().query.empty());
}

TEST_CASE("A target that is not a path or not text is refused") {
    for (const char* target :
         {"", "v1/hosts", "*", "http://localhost/v1/status", "/v1/vms/%", "/v1/vms/%4", "/v1/vms/%zz", "/v1/vms/%ff",
          "/v1/vms/%c3", "/v1/vms/%c0%80", "/v1/x?a=%", "/v1/x?a=1&a=2"}) {
        INFO(target);
        const auto parsed = parse_target(target);
        REQUIRE(!parsed);
        CHECK(parsed.error().code == ErrorCode::invalid);
    }
}

TEST_CASE("A body is an object, and nothing is an empty one") {
    CHECK(parse_body("").value().empty());
    CHECK(parse_body(" \r\n").value().empty());
    CHECK(parse_body("{\"on\": true}\n").value().at("on").as_bool());
}

TEST_CASE("An error in a body names its position") {
    const std::pair<std::string, std::string> cases[] = {{"{\"on\": tru}", "at byte 8"},  // where the word begins
                                                         {"{\"on\": true", "at byte 12"},
                                                         {"{} x", "at byte 4"},
                                                         {"{\"a\": \"\x01\"}", "at byte 8"}};
    for (const auto& [body, where] : cases) {
        const auto parsed = parse_body(body);
        REQUIRE(!parsed);
        INFO(body << " -> " << parsed.error().message);
        CHECK(parsed.error().message.find(where) != std::string::npos);
    }
}

TEST_CASE("A body that is deep, no object or not UTF-8 is refused") {
    const std::string bodies[] = {"[]",
                                  "null",
                                  "1",
                                  "\"x\"",
                                  "{\"a\": \"\xff\"}",
                                  std::string(1000, '['),
                                  "{\"a\":" + std::string(20, '[') + std::string(20, ']') + "}"};
    for (const std::string& body : bodies) {
        INFO(body);
        CHECK(!parse_body(body));
    }
}

TEST_CASE("Fields are read strictly") {
    const auto fields = parse_body(R"({"vm": "web1", "force": 1, "empty": ""})").value();
    CHECK(text_field(fields, "vm").value() == "web1");
    CHECK(text_field(fields, "empty").error().message == "must be a text");
    CHECK(text_field(fields, "to").error().message == "is missing");
    CHECK(flag_field(fields, "force").error().message == "must be true or false");
    CHECK(flag_field(fields, "on", true).value());
    CHECK(flag_field(fields, "on").error().subject == "on");
    CHECK(only_keys(fields, {"vm", "force"}).error().subject == "empty");
    CHECK(only_keys(fields, {"vm", "force", "empty"}).has_value());
}

TEST_CASE("A number in a query is whole and within its bounds") {
    for (const char* text : {"", "0", "501", "-1", "+1", "1.5", " 1", "1 ", "0x10", "99999999999999999999999"}) {
        INFO(text);
        CHECK(!number_parameter({{"limit", text}}, "limit", 1, 500));
    }
    CHECK(number_parameter({{"limit", "500"}}, "limit", 1, 500).value() == 500);
    CHECK(!number_parameter({}, "limit", 1, 500).value());
}

TEST_CASE("Every error code has a status that says who is at fault") {
    for (const ErrorCode code :
         {ErrorCode::invalid, ErrorCode::not_found, ErrorCode::conflict, ErrorCode::refused, ErrorCode::cancelled})
        CHECK(status_of(code) / 100 == 4);
    for (const ErrorCode code :
         {ErrorCode::unavailable, ErrorCode::timed_out, ErrorCode::corrupt, ErrorCode::no_space, ErrorCode::internal})
        CHECK(status_of(code) / 100 == 5);
}
