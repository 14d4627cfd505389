// The small parts of the embedded store, each by itself.
#include <fstream>

#include "store/checksum.h"
#include "store/files.h"
#include "store/high_water_mark.h"
#include "store/lease_table.h"
#include "store/sqlite.h"
#include "store/watch_hub.h"
#include "store/worker.h"
#include "tests/store/store_bench.h"

using namespace ballast;
using namespace ballast::store;
using namespace ballast::test;
using std::chrono::seconds;

TEST_CASE("The checksum is CRC-32C") {
    CHECK(crc32c("") == 0);
    CHECK(crc32c("123456789") == 0xE3069283);            // the check value of the CRC catalogue
    CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);  // RFC 3720, appendix B.4
    CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43);
}

TEST_CASE("Every field of a row is in its checksum") {
    const KeyValue entry{"/a", "value", 1, 2, 3, 4};
    const auto checksum = checksum_of(entry);
    const std::vector<KeyValue> others = {{"/b", "value", 1, 2, 3, 4}, {"/a", "valuf", 1, 2, 3, 4},
                                          {"/av", "alue", 1, 2, 3, 4}, {"/a", "value", 2, 2, 3, 4},
                                          {"/a", "value", 1, 1, 3, 4}, {"/a", "value", 1, 2, 4, 4},
                                          {"/a", "value", 1, 2, 3, 0}, {"/a", "value", 2, 1, 3, 4}};
    for (const auto& other : others) CHECK(checksum_of(other) != checksum);
}

TEST_CASE("The mark is read back, and a damaged one is none") {
    const TemporaryDirectory directory;
    const std::string file = directory / "mark";
    {
        auto mark = HighWaterMark::open(file).value();
        CHECK_FALSE(mark.read());
        mark.raise_to(7);
        mark.raise_to(123456789012);
    }
    CHECK(HighWaterMark::open(file).value().read() == 123456789012);
    std::fstream(file, std::ios::in | std::ios::out).seekp(15) << '9';
    CHECK_FALSE(HighWaterMark::open(file).value().read());
}

TEST_CASE("A lease is due at the end of its time and cannot be renewed from then on") {
    LeaseTable leases;
    const Instant start(seconds(100));
    CHECK_FALSE(leases.next_due());
    leases.add(1, seconds(10), start);
    leases.add(2, seconds(5), start);
    CHECK(leases.next_due() == start + seconds(5));
    CHECK(leases.renew(2, start + seconds(4)));
    CHECK(leases.next_due() == start + seconds(9));
    CHECK_FALSE(leases.renew(2, start + seconds(9)));
    CHECK(leases.take_due(start + seconds(9)) == std::vector<LeaseId>{2});
    CHECK(leases.take_due(start + seconds(10)) == std::vector<LeaseId>{1});
    CHECK_FALSE(leases.next_due());
    leases.try_again(2, start + seconds(11));
    CHECK(leases.next_due() == start + seconds(11));
    CHECK_FALSE(leases.renew(2, start + seconds(10)));
    CHECK(leases.take_due(start + seconds(11)) == std::vector<LeaseId>{2});
    leases.remove(1);
    leases.remove(2);
    leases.try_again(2, start + seconds(12));
    CHECK_FALSE(leases.next_due());
}

TEST_CASE("SQLite's failures become errors a caller can act on") {
    CHECK(error_code_of(SQLITE_FULL, 0) == ErrorCode::no_space);
    CHECK(error_code_of(SQLITE_IOERR_WRITE, ENOSPC) == ErrorCode::no_space);
    CHECK(error_code_of(SQLITE_IOERR_WRITE, EDQUOT) == ErrorCode::no_space);
    CHECK(error_code_of(SQLITE_IOERR_FSYNC, EIO) == ErrorCode::unavailable);
    CHECK(error_code_of(SQLITE_BUSY_RECOVERY, 0) == ErrorCode::unavailable);
    CHECK(error_code_of(SQLITE_CORRUPT_VTAB, 0) == ErrorCode::corrupt);
    CHECK(error_code_of(SQLITE_NOTADB, 0) == ErrorCode::corrupt);
    CHECK(error_code_of(SQLITE_MISUSE, 0) == ErrorCode::internal);
}

TEST_CASE("After the first failure a connection does nothing until the failure is taken") {
    auto database = Database::open(":memory:", SQLITE_OPEN_READWRITE).value();
    database.run("CREATE TABLE t(x)");
    database.run("nonsense");
    database.run("INSERT INTO t VALUES (1)");
    CHECK(database.number("SELECT 42") == 0);
    REQUIRE(database.take_failure());
    CHECK_FALSE(database.take_failure());
    CHECK(database.number("SELECT count(*) FROM t") == 0);
    CHECK(database.number("SELECT 42") == 42);
}

TEST_CASE("A worker does its jobs in order, and the idle work in between and after") {
    std::vector<std::string> done;
    std::atomic<int> slices = 0;
    {
        Worker worker(100, [&] { return ++slices < 5; });
        std::atomic<bool> last = false;
        for (int i = 0; i < 3; ++i) REQUIRE(worker.post([&, i] { done.push_back(std::to_string(i)); }));
        REQUIRE(worker.post([&] { last = true; }));
        while (!last || slices < 5) std::this_thread::yield();
    }
    CHECK(done == Lines{"0", "1", "2"});
}

TEST_CASE("A watch callback that owns its own handle is destroyed with it") {
    boost::asio::io_context io;
    auto hub = std::make_shared<WatchHub>(io.get_executor(), HistoryLimits{}, 1);
    auto handle = std::make_shared<std::unique_ptr<WatchHandle>>();
    int calls = 0;
    *handle = hub->watch(
        "/", 1, [handle, &calls](const auto&) { ++calls; }, [] {});
    hub->publish(2, {WatchEvent{WatchEvent::Kind::put, {"/a", "1", 2, 2, 1, 0}}});
    io.poll();
    CHECK(calls == 1);
    handle->reset();
    hub->publish(3, {WatchEvent{WatchEvent::Kind::put, {"/a", "2", 2, 3, 2, 0}}});
    io.restart();
    io.poll();
    CHECK(calls == 1);
}

TEST_CASE("A watch from a revision that was never reached is told to list again") {
    boost::asio::io_context io;
    auto hub = std::make_shared<WatchHub>(io.get_executor(), HistoryLimits{}, 10);
    bool compacted = false;
    const auto handle = hub->watch(
        "/", 11, [](const auto&) {}, [&] { compacted = true; });
    io.poll();
    CHECK(compacted);
}

TEST_CASE("A copy of a file is complete, and an impossible one leaves nothing") {
    const TemporaryDirectory directory;
    std::ofstream(directory / "from") << std::string(200'000, 'x');
    REQUIRE(copy_file(directory / "from", directory / "to").has_value());
    CHECK(std::filesystem::file_size(directory / "to") == 200'000);
    CHECK(copy_file(directory / "absent", directory / "no").error().code == ErrorCode::unavailable);
    CHECK_FALSE(exists(directory / "no"));
}
