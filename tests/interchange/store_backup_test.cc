// The file that a backup of the store is.
#include "interchange/store_backup.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::interchange;

namespace {

StoreBackup some_backup() {
    return {"ballastd 0.1.0",
            "2026-11-22T09:15:00Z",
            "the embedded store in /var/lib/ballast",
            42,
            {{"/ballast/maintenance/host1", "uid 0 (root)"},
             {"/ballast/vms/1", "{\"name\":\"\\u00e4 \\\"b\\\"\\n\"}"},
             {"/ballast/empty", ""}}};
}

std::string text_of_some() {
    return to_text(some_backup()).value();
}

std::string with(std::string text, const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("a backup comes back as it was, an entry a line") {
    const std::string text = text_of_some();
    const auto read = parse_store_backup(text);
    REQUIRE(read.has_value());
    CHECK(*read == some_backup());
    CHECK(text.find("\n    \"/ballast/maintenance/host1\": \"uid 0 (root)\"") != std::string::npos);
}

TEST_CASE("the API's form of a backup is the file's") {
    const auto body = as_json(some_backup());
    REQUIRE(body.has_value());
    const auto read = parse_store_backup(boost::json::serialize(*body));
    REQUIRE(read.has_value());
    CHECK(*read == some_backup());
}

TEST_CASE("a backup that was cut short anywhere is refused") {
    const std::string text = text_of_some();
    for (std::size_t length = 0; length + 1 < text.size(); ++length) {
        INFO(length);
        const auto read = parse_store_backup(text.substr(0, length));
        REQUIRE(read.has_error());
        CHECK(read.error().code == ErrorCode::invalid);
    }
}

TEST_CASE("a backup of which an entry was changed, taken away or added is refused") {
    const std::string text = text_of_some();
    for (const auto& damaged :
         {with(text, "root", "toor"), with(text, "/ballast/empty\": \"\"", "/ballast/empty\": \"1\""),
          with(text, "maintenance/host1", "maintenance/host2"), with(text, "\"/ballast/empty\": \"\",", ""),
          with(text, "\"checksum\": \"", "\"checksum\": \"0")}) {
        const auto read = parse_store_backup(damaged);
        REQUIRE(read.has_error());
        CHECK(read.error().message.find("checksum is wrong") != std::string::npos);
    }
}

TEST_CASE("a backup of a later format is refused as such, whatever else is in it") {
    const auto read = parse_store_backup(R"({"format": "ballast-store/2", "things": 1})");
    REQUIRE(read.has_error());
    CHECK(read.error().code == ErrorCode::refused);
    CHECK(read.error().message.find("ballast-store/2") != std::string::npos);
}

TEST_CASE("what is no backup is said to be none") {
    for (const char* text : {"{}", "[]", "7", R"({"format": "ballast-inventory/1"})", R"({"format": 1})"}) {
        const auto read = parse_store_backup(text);
        REQUIRE(read.has_error());
        CHECK(read.error().message == "this is no backup of a store");
    }
}

TEST_CASE("fields that a later version of the same format adds are passed over") {
    const auto read = parse_store_backup(with(text_of_some(), "\"checksum\"", "\"region\": \"north\", \"checksum\""));
    REQUIRE(read.has_value());
    CHECK(*read == some_backup());
}

TEST_CASE("an entry that is no text is named when the backup is made, not when it is needed") {
    StoreBackup backup = some_backup();
    backup.entries["/ballast/odd"] = "\xff\xfe";
    const auto text = to_text(backup);
    REQUIRE(text.has_error());
    CHECK(text.error().subject == "/ballast/odd");
    CHECK(as_json(backup).has_error());
}
