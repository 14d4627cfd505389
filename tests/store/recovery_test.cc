// Torn, damaged and missing files of the embedded store.
#include <map>
#include <random>

#include "store/disk.h"
#include "tests/store/embedded_fixture.h"

using namespace ballast;
using namespace ballast::test;

namespace {

using Content = std::map<std::string, std::string>;

Content content_of(Embedded& bench) {
    Content content;
    for (const auto& entry : bench.everything()) content[entry.key] = entry.value;
    return content;
}

/// Some keys that are in the last good copy, and then one that is not. Closed afterwards.
struct Prepared {
    Prepared() {
        for (int i = 0; i < 40; ++i)
            bench.put("/old/" + std::to_string(i), std::string(200, static_cast<char>('a' + i % 26)));
        bench.reopen();  // renews the copy
        in_copy = content_of(bench);
        revision = bench.put("/new", "not in the copy");
        everything = content_of(bench);
        bench.close();
    }
    Embedded bench;
    Content in_copy, everything;
    Revision revision = 0;
};

void overwrite(Embedded& bench, const std::string& name, std::size_t offset, const std::string& bytes) {
    auto content = bench.read(name);
    BALLAST_ASSERT(offset + bytes.size() <= content.size());
    content.replace(offset, bytes.size(), bytes);
    bench.write(name, content);
}

bool contains(const std::vector<std::string>& notes, const std::string& text) {
    for (const auto& note : notes)
        if (note.find(text) != std::string::npos) return true;
    return false;
}

/// The last good copy is in use, the operator is told, the damaged file is kept, and no number comes again.
void check_restored(Prepared& prepared, const std::string& reason) {
    Embedded& bench = prepared.bench;
    CHECK(contains(bench.notes(), reason));
    CHECK(contains(bench.notes(), "the last good copy is used instead"));
    CHECK(content_of(bench) == prepared.in_copy);
    CHECK(bench.revision() >= prepared.revision + store::numbers_skipped_after_loss);
    bench.put("/after", "works");
    bench.reopen();
    CHECK(bench.notes().empty());
    CHECK(bench.value("/after") == "works");
}

}  // namespace

TEST_CASE("A database that is cut short is replaced by the last good copy, and kept aside") {
    Prepared prepared;
    const auto whole = prepared.bench.read("store.db");
    prepared.bench.write("store.db", whole.substr(0, whole.size() / 2));
    prepared.bench.reopen();
    CHECK(prepared.bench.files_like("store.db.corrupt-20").size() == 1);
    check_restored(prepared, "is damaged");
}

TEST_CASE("A database of no length is not taken for a new one") {
    Prepared prepared;
    prepared.bench.write("store.db", "");
    prepared.bench.reopen();
    check_restored(prepared, "is damaged (is empty)");
}

TEST_CASE("A database that is gone is not taken for a new one") {
    Prepared prepared;
    prepared.bench.remove("store.db");
    prepared.bench.reopen();
    CHECK(prepared.bench.files_like("store.db.corrupt").empty());
    check_restored(prepared, "is missing");
}

TEST_CASE("A database whose first page is overwritten is replaced by the last good copy") {
    Prepared prepared;
    overwrite(prepared.bench, "store.db", 0, std::string(4096, '\0'));
    prepared.bench.reopen();
    check_restored(prepared, "is damaged");
}

TEST_CASE("A value that was altered behind the store's back is found by its checksum") {
    Prepared prepared;
    prepared.bench.sql("UPDATE entry SET value = CAST('forged' AS BLOB) WHERE key = CAST('/new' AS BLOB)");
    prepared.bench.reopen();
    check_restored(prepared, "checksum does not match");
}

TEST_CASE("A row that was lost or came back is found by the digest of all rows") {
    Prepared prepared;
    SECTION("lost") {
        prepared.bench.sql("DELETE FROM entry WHERE key = CAST('/new' AS BLOB)");
    }
    SECTION("a lease that came back") {
        const auto checksum = std::to_string(store::checksum_of("77", 1000));
        prepared.bench.sql("INSERT INTO lease VALUES (77, 1000, " + checksum + ")");
    }
    prepared.bench.reopen();
    check_restored(prepared, "do not add up");
}

TEST_CASE("A database and a copy that are both damaged are refused, and nothing is moved or made") {
    Prepared prepared;
    for (const auto* name : {"store.db", "store.db.good"}) overwrite(prepared.bench, name, 0, std::string(4096, '#'));
    const auto database = prepared.bench.read("store.db");
    const auto opened = prepared.bench.open_another();
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == ErrorCode::corrupt);
    CHECK(opened.error().message.find("the last good copy is unusable too") != std::string::npos);
    CHECK(opened.error().message.find("to begin with an empty store") != std::string::npos);
    CHECK(prepared.bench.read("store.db") == database);
    CHECK(prepared.bench.files_like("store.db.corrupt").empty());
}

TEST_CASE("A damaged copy does no harm to a sound database, and is replaced") {
    Prepared prepared;
    prepared.bench.write("store.db.good", "nonsense");
    prepared.bench.reopen();
    CHECK(content_of(prepared.bench) == prepared.everything);
    prepared.bench.close();
    prepared.bench.remove("store.db");
    prepared.bench.reopen();
    CHECK(content_of(prepared.bench) == prepared.everything);
}

TEST_CASE("A log of a killed daemon is applied in full") {
    Embedded bench;
    for (int i = 0; i < 20; ++i) bench.put("/" + std::to_string(i), "x");
    bench.crash();
    bench.reopen();
    CHECK(bench.notes().empty());
    CHECK(bench.everything().size() == 20);
}

TEST_CASE("A log that has lost acknowledged commits is noticed") {
    Embedded bench;
    for (int i = 0; i < 20; ++i) bench.put("/" + std::to_string(i), "x");
    const Revision acknowledged = bench.revision();
    bench.crash();
    const auto log = bench.read("store.db-wal");
    REQUIRE(log.size() > 20 * 4096);
    SECTION("cut short") {
        bench.write("store.db-wal", log.substr(0, log.size() / 2));
    }
    SECTION("gone") {
        bench.remove("store.db-wal");
    }
    SECTION("overwritten in the middle") {
        overwrite(bench, "store.db-wal", log.size() / 2, std::string(100, '\x5a'));
    }
    bench.reopen();
    // A log that is gone from the first commit on leaves nothing but the copy.
    CHECK((contains(bench.notes(), "has lost its end") || contains(bench.notes(), "last good copy is used")));
    CHECK(bench.everything().size() < 20);
    CHECK(bench.revision() >= acknowledged + store::numbers_skipped_after_loss);
}

TEST_CASE("Leases granted after a loss have numbers that were never granted before") {
    Prepared prepared;
    prepared.bench.reopen();
    const LeaseId before = prepared.bench.wait(prepared.bench.store().grant(std::chrono::seconds(10))).value();
    prepared.bench.close();
    prepared.bench.remove("store.db");
    prepared.bench.reopen();
    CHECK(prepared.bench.wait(prepared.bench.store().grant(std::chrono::seconds(10))).value() > before);
}

TEST_CASE("A recovery that is cut short at any step is done by the next start") {
    Prepared prepared;
    overwrite(prepared.bench, "store.db", 0, std::string(4096, '#'));
    SECTION("the replacement is half written") {
        prepared.bench.write("store.db.new", "half");
    }
    SECTION("the database is moved aside, its replacement not yet in place") {
        files::copy_file(prepared.bench.file("store.db.good"), prepared.bench.file("store.db.new"));
        files::rename(prepared.bench.file("store.db"), prepared.bench.file("store.db.corrupt-x"));
    }
    SECTION("a log of the damaged database is still there") {
        prepared.bench.write("store.db-wal", "old log");
    }
    prepared.bench.reopen();
    check_restored(prepared, "the last good copy is used instead");
}

TEST_CASE("A damaged number of the schema's format is damage, not a later version's file") {
    Prepared prepared;
    overwrite(prepared.bench, "store.db", 44, std::string(4, '\x5a'));
    prepared.bench.reopen();
    check_restored(prepared, "the last good copy is used instead");
}

TEST_CASE("Bytes changed anywhere in the database never change what the store says without a word") {
    Prepared prepared;
    const auto database = prepared.bench.read("store.db"), copy = prepared.bench.read("store.db.good");
    const auto mark = prepared.bench.read("store.mark");
    const auto seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    int restored = 0;
    for (int round = 0; round < 60; ++round) {
        auto damaged = database;
        const std::size_t offset = random() % damaged.size();
        const std::size_t length = std::min<std::size_t>(1 + random() % 64, damaged.size() - offset);
        for (std::size_t i = 0; i < length; ++i) damaged[offset + i] = static_cast<char>(random());
        INFO("round " << round << ": " << length << " bytes at " << offset);
        prepared.bench.write("store.db", damaged);
        prepared.bench.write("store.db.good", copy);
        prepared.bench.write("store.mark", mark);
        prepared.bench.reopen();
        const bool told = contains(prepared.bench.notes(), "last good copy is used instead");
        CHECK(content_of(prepared.bench) == (told ? prepared.in_copy : prepared.everything));
        restored += told ? 1 : 0;
        prepared.bench.close();
        for (const auto& name : prepared.bench.files_like("store.db.corrupt")) prepared.bench.remove(name);
    }
    CHECK(restored > 0);
}
