// When and how the last good copy is made.
#include "store/last_good.h"

#include "tests/store/embedded_fixture.h"

using namespace ballast;
using namespace ballast::test;

namespace {

/// The keys in the copy now.
std::size_t keys_in_copy(const Embedded& bench) {
    auto database = store::Database::open(bench.file("store.db.good"), SQLITE_OPEN_READONLY).value();
    return static_cast<std::size_t>(database.number("SELECT count(*) FROM entry"));
}

EmbeddedStoreOptions every(std::size_t commits, Duration interval) {
    EmbeddedStoreOptions options;
    options.copy_after_commits = commits;
    options.copy_interval = interval;
    return options;
}

constexpr Duration never = std::chrono::hours(1000);

}  // namespace

TEST_CASE("A new store has a last good copy from the first moment on") {
    Embedded bench;
    CHECK(store::verify(bench.file("store.db.good")).has_value());
}

TEST_CASE("A clean start renews the last good copy") {
    Embedded bench(every(1'000'000, never));
    bench.put("/a", "1");
    CHECK(keys_in_copy(bench) == 0);
    bench.reopen();
    CHECK(keys_in_copy(bench) == 1);
}

TEST_CASE("The copy is renewed after enough commits") {
    Embedded bench(every(10, never));
    for (int i = 0; i < 9; ++i) bench.put("/" + std::to_string(i), "x");
    bench.run_for_real(std::chrono::milliseconds(20));
    CHECK(keys_in_copy(bench) == 0);
    bench.put("/9", "x");
    CHECK(bench.run_until([&] { return keys_in_copy(bench) == 10; }));
}

TEST_CASE("The copy is renewed after its interval when anything changed, and only then") {
    Embedded bench(every(1'000'000, std::chrono::minutes(5)));
    bench.clock().advance(std::chrono::minutes(6));
    bench.put("/a", "1");
    CHECK(bench.run_until([&] { return keys_in_copy(bench) == 1; }));
    bench.run_for_real(std::chrono::milliseconds(20));
    const auto written = files::last_write_time(bench.file("store.db.good"));
    bench.clock().advance(std::chrono::hours(1));
    bench.run_for_real(std::chrono::milliseconds(20));
    CHECK(files::last_write_time(bench.file("store.db.good")) == written);
    bench.put("/b", "2");
    bench.clock().advance(std::chrono::minutes(5));
    CHECK(bench.run_until([&] { return keys_in_copy(bench) == 2; }));
}

TEST_CASE("Commits go on while a copy is made, and the copy is sound") {
    Embedded bench(every(50, never));
    const std::string value(20'000, 'v');
    for (int i = 0; i < 300; ++i) bench.put("/" + std::to_string(i % 120), value + std::to_string(i));
    CHECK(bench.run_until([&] { return keys_in_copy(bench) == 120; }));
    CHECK(store::verify(bench.file("store.db.good")).has_value());
    CHECK(bench.run_until([&] { return bench.files_like("store.db.good.new").empty(); }));
}

TEST_CASE("A copy that cannot be made leaves the one before, and the operator is told") {
    Embedded bench(every(1, never));
    std::vector<std::string> heard;
    bench.store().on_note([&](const std::string& note) { heard.push_back(note); });
    // A directory in the way: the one obstacle that stops root too.
    files::create_directory(bench.file("store.db.good.new"));
    files::create_directory(bench.file("store.db.good.new") + "/x");
    bench.put("/a", "1");
    REQUIRE(bench.run_until([&] { return !heard.empty(); }));
    CHECK(heard[0].find("the last good copy could not be renewed") == 0);
    CHECK(store::verify(bench.file("store.db.good")).has_value());
    CHECK(bench.value("/a") == "1");
}

TEST_CASE("A database that went bad while it was in use does not replace the last good copy") {
    Embedded bench(every(3, never));
    std::vector<std::string> heard;
    bench.store().on_note([&](const std::string& note) { heard.push_back(note); });
    bench.put("/a", "1");
    bench.put("/b", "2");
    bench.sql("UPDATE entry SET value = x'00' WHERE key = CAST('/a' AS BLOB)");
    const auto damaged = bench.wait(bench.store().get("/a"));
    REQUIRE(damaged.has_error());
    CHECK(damaged.error().code == ErrorCode::corrupt);
    bench.put("/c", "3");
    REQUIRE(bench.run_until([&] { return !heard.empty(); }));
    CHECK(keys_in_copy(bench) == 0);
}

TEST_CASE("That a call found the database damaged is told to whoever can open it anew") {
    Embedded bench(every(3, never));
    std::vector<Error> heard;
    bench.store().on_damage([&](const Error& error) { heard.push_back(error); });
    bench.put("/a", "1");
    CHECK(bench.value("/a") == "1");
    CHECK(heard.empty());
    bench.sql("UPDATE entry SET value = x'00' WHERE key = CAST('/a' AS BLOB)");
    REQUIRE(bench.wait(bench.store().get("/a")).has_error());
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].code == ErrorCode::corrupt);
}
