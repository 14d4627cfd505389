// What the embedded store does beyond the shared suite: restarts, one owner, calls under way, its own limits.
#include "store/embedded_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/embedded_fixture.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::seconds;

namespace {

unsigned mode_of(const std::string& file) {
    struct stat status {};
    BALLAST_ASSERT(::stat(file.c_str(), &status) == 0);
    return status.st_mode & 0777U;
}

/// Another program that holds the database's write lock, as a stuck disk would hold up a commit.
class Blocker {
public:
    explicit Blocker(const std::string& file) {
        BALLAST_ASSERT(sqlite3_open(file.c_str(), &handle_) == SQLITE_OK);
        BALLAST_ASSERT(sqlite3_exec(handle_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    }
    ~Blocker() { sqlite3_close(handle_); }
    Blocker(const Blocker&) = delete;
    Blocker& operator=(const Blocker&) = delete;

private:
    sqlite3* handle_ = nullptr;
};

}  // namespace

TEST_CASE("What was committed is there after the store is opened again") {
    Embedded bench;
    bench.put("/a", "1");
    const Revision revision = bench.put("/b", "2");
    bench.reopen();
    CHECK(bench.notes().empty());
    CHECK(bench.revision() == revision);
    CHECK(bench.value("/a") == "1");
    CHECK(bench.value("/b") == "2");
    CHECK(bench.put("/c", "3") == revision + 1);
}

TEST_CASE("The directory and the files are kept from others") {
    Embedded bench;
    bench.put("/a", "1");
    CHECK(mode_of(bench.directory()) == 0750);
    for (const auto* name : {"store.db", "store.db-wal", "store.db-shm", "store.db.good", "store.mark", "lock"}) {
        INFO(name);
        CHECK((mode_of(bench.file(name)) & 0137U) == 0);
    }
}

TEST_CASE("A second store in the same directory is refused by the first one's pid") {
    Embedded bench;
    auto second = bench.open_another();
    REQUIRE(second.has_error());
    CHECK(second.error().code == ErrorCode::conflict);
    CHECK(second.error().message == "another ballastd (pid " + std::to_string(::getpid()) + ") uses this directory");
    bench.close();
    CHECK(bench.open_another().has_value());
}

TEST_CASE("A store held by another process is refused, and free when that process dies") {
    Embedded bench;
    bench.close();
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        boost::asio::io_context io;
        VirtualClock clock;
        auto store = EmbeddedStore::open(io.get_executor(), clock, bench.directory());
        const char answer = store ? '+' : '-';
        (void)!::write(ready[1], &answer, 1);
        for (;;) ::pause();
    }
    char answer = 0;
    REQUIRE(::read(ready[0], &answer, 1) == 1);
    REQUIRE(answer == '+');
    auto refused = bench.open_another();
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("pid " + std::to_string(child)) != std::string::npos);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(bench.open_another().has_value());
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("A store that a newer version wrote is refused and left as it is") {
    Embedded bench;
    bench.put("/a", "1");
    bench.close();
    bench.sql("UPDATE meta SET value = 999, checksum = " + std::to_string(store::checksum_of("schema", 999)) +
              " WHERE name = CAST('schema' AS BLOB)");
    auto opened = bench.open_another();
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == ErrorCode::refused);
    CHECK(opened.error().message.find("newer Ballast (schema 999") != std::string::npos);
    CHECK(bench.files_like("store.db.corrupt").empty());
}

TEST_CASE("A directory that cannot be made is an error, not an exception") {
    boost::asio::io_context io;
    VirtualClock clock;
    auto store = EmbeddedStore::open(io.get_executor(), clock, "/proc/no/such/place");
    REQUIRE(store.has_error());
    CHECK(store.error().subject == "/proc/no/such/place");
}

TEST_CASE("A lease gets its full time again when the store is opened") {
    Embedded bench;
    const LeaseId lease = bench.wait(bench.store().grant(seconds(10))).value();
    bench.put("/a", "1", lease);
    bench.clock().advance(seconds(8));
    bench.reopen();
    bench.clock().advance(seconds(8));
    CHECK(bench.value("/a") == "1");
    bench.clock().advance(seconds(3));
    CHECK(bench.value("/a") == std::nullopt);
    CHECK(bench.wait(bench.store().grant(seconds(10))).value() > lease);
}

TEST_CASE("A lease ends by itself, without any call to the store") {
    Embedded bench;
    const LeaseId lease = bench.wait(bench.store().grant(seconds(10))).value();
    bench.put("/a", "1", lease);
    Recorder recorder;
    recorder.watch(bench.store(), "/", bench.revision());
    bench.clock().advance(seconds(10) - Duration(1));
    bench.settle();
    CHECK(recorder.events.empty());
    bench.clock().advance(Duration(1));
    REQUIRE(bench.run_until([&] { return !recorder.events.empty(); }));
    CHECK(recorder.lines() == Lines{"/a erased"});
}

TEST_CASE("A daemon that slept past the end of its lease can neither renew it nor rely on it") {
    Embedded bench;
    const LeaseId lease = bench.wait(bench.store().grant(seconds(10))).value();
    const Revision epoch = bench.put("/leader", "me", lease);
    bench.clock().advance(seconds(11));
    // In the same turn of the event loop, before any timer has run.
    const Transaction guarded{{{Compare::Kind::create_revision_is, "/leader", epoch, ""}}, {put("/ops/1", "x")}};
    const auto committed = start(bench.io(), bench.store().commit(guarded));
    const auto renewed = start(bench.io(), bench.store().keep_alive(lease));
    REQUIRE(bench.run_until([&] { return committed->has_value() && renewed->has_value(); }));
    CHECK_FALSE((*committed)->value().committed);
    CHECK((*renewed)->error().code == ErrorCode::not_found);
    CHECK(bench.value("/ops/1") == std::nullopt);
}

TEST_CASE("A watch from before a restart is told to list again") {
    Embedded bench;
    const Revision old = bench.put("/a", "1");
    bench.put("/a", "2");
    bench.reopen();
    Recorder from_before, from_now;
    from_before.watch(bench.store(), "/", old);
    from_now.watch(bench.store(), "/", bench.revision());
    bench.put("/a", "3");
    REQUIRE(bench.run_until([&] { return from_before.compacted && !from_now.events.empty(); }));
    CHECK(from_before.events.empty());
    CHECK(from_now.lines() == Lines{"/a=3"});
}

TEST_CASE("A watcher that was not served before the history moved on is told to list again") {
    EmbeddedStoreOptions options;
    options.history.bytes = 4096;
    Embedded bench(options);
    Recorder recorder;
    recorder.watch(bench.store(), "/", bench.revision());
    bench.settle();
    const Transaction large = transaction({put("/a", std::string(3000, 'x'))});
    const auto first = start(bench.io(), bench.store().commit(large));
    const auto second = start(bench.io(), bench.store().commit(large));
    REQUIRE(bench.run_until([&] { return first->has_value() && second->has_value(); }));
    bench.settle();
    CHECK((recorder.compacted || recorder.events.size() == 2));
    CHECK(recorder.events.size() <= 2);
}

TEST_CASE("A call that the disk holds up times out, and its outcome is found by reading again") {
    Embedded bench;
    std::shared_ptr<std::optional<Result<Commit>>> answer;
    {
        const Blocker blocker(bench.file("store.db"));
        answer = start(bench.io(), bench.store().commit(transaction({put("/a", "late")})));
        bench.run_for_real(std::chrono::milliseconds(50));
        CHECK_FALSE(answer->has_value());
        bench.clock().advance(seconds(5));
        REQUIRE(bench.run_until([&] { return answer->has_value(); }));
        CHECK((*answer)->error().code == ErrorCode::timed_out);
    }
    CHECK(bench.value("/a") == "late");
}

TEST_CASE("A call that timed out before the disk came to it never happens") {
    Embedded bench;
    std::shared_ptr<std::optional<Result<Commit>>> first, second;
    {
        const Blocker blocker(bench.file("store.db"));
        first = start(bench.io(), bench.store().commit(transaction({put("/a", "begun")})));
        second = start(bench.io(), bench.store().commit(transaction({put("/b", "waiting")})));
        bench.run_for_real(std::chrono::milliseconds(50));
        bench.clock().advance(seconds(5));
        REQUIRE(bench.run_until([&] { return first->has_value() && second->has_value(); }));
    }
    CHECK(bench.value("/b") == std::nullopt);
}

TEST_CASE("Events of a commit that timed out are still told") {
    Embedded bench;
    Recorder recorder;
    recorder.watch(bench.store(), "/", bench.revision());
    std::shared_ptr<std::optional<Result<Commit>>> answer;
    {
        const Blocker blocker(bench.file("store.db"));
        answer = start(bench.io(), bench.store().commit(transaction({put("/a", "late")})));
        bench.run_for_real(std::chrono::milliseconds(50));
        bench.clock().advance(seconds(5));
        REQUIRE(bench.run_until([&] { return answer->has_value(); }));
    }
    REQUIRE(bench.run_until([&] { return !recorder.events.empty(); }));
    CHECK(recorder.lines() == Lines{"/a=late"});
}

TEST_CASE("More calls than may wait are refused at once, and the others answered") {
    EmbeddedStoreOptions options;
    options.most_waiting_calls = 4;
    Embedded bench(options);
    std::vector<std::shared_ptr<std::optional<Result<Commit>>>> answers;
    {
        const Blocker blocker(bench.file("store.db"));
        for (int i = 0; i < 20; ++i)
            answers.push_back(start(bench.io(), bench.store().commit(transaction({put("/a", std::to_string(i))}))));
        bench.run_for_real(std::chrono::milliseconds(50));
    }
    int refused = 0;
    for (const auto& answer : answers) {
        REQUIRE(bench.run_until([&] { return answer->has_value(); }));
        if ((*answer)->has_error()) {
            CHECK((*answer)->error().code == ErrorCode::unavailable);
            ++refused;
        }
    }
    CHECK(refused >= 15);
    CHECK(refused <= 16);
    CHECK(bench.put("/b", "works again") > 0);
}

TEST_CASE("Closing the store ends the calls under way and silences the watches") {
    Embedded bench;
    Recorder recorder;
    recorder.watch(bench.store(), "/", bench.revision());
    std::vector<std::shared_ptr<std::optional<Result<Commit>>>> answers;
    for (int i = 0; i < 50; ++i)
        answers.push_back(start(bench.io(), bench.store().commit(transaction({put("/a", std::to_string(i))}))));
    bench.settle();
    const auto heard = recorder.events.size();
    bench.close();
    for (const auto& answer : answers) {
        REQUIRE(bench.run_until([&] { return answer->has_value(); }));
        if ((*answer)->has_error()) CHECK((*answer)->error().code == ErrorCode::cancelled);
    }
    bench.settle();
    CHECK(recorder.events.size() == heard);
    recorder.handle.reset();
}

TEST_CASE("What was answered before the store was closed is there afterwards") {
    Embedded bench;
    std::vector<std::shared_ptr<std::optional<Result<Commit>>>> answers;
    for (int i = 0; i < 50; ++i)
        answers.push_back(start(bench.io(), bench.store().commit(transaction({put("/" + std::to_string(i), "x")}))));
    bench.run_until([&] { return answers[10]->has_value(); });
    bench.reopen();
    for (int i = 0; i < 50; ++i)
        if (answers[i]->has_value() && (*answers[i])->has_value()) CHECK(bench.value("/" + std::to_string(i)) == "x");
}

TEST_CASE("The io_context may be destroyed with the store's calls still under way") {
    const TemporaryDirectory directory;
    VirtualClock clock;
    std::shared_ptr<std::optional<Result<Commit>>> answer;
    {
        boost::asio::io_context io;
        auto store = EmbeddedStore::open(io.get_executor(), clock, directory.path()).value();
        answer = start(io, store->commit(transaction({put("/a", "1")})));
        io.poll();
        store.reset();
    }
    CHECK_FALSE((answer->has_value() && (*answer)->has_value() && !(*answer)->value().committed));
}

TEST_CASE("A lease that ends while the disk is stuck ends before any later call, however many wait") {
    EmbeddedStoreOptions options;
    options.most_waiting_calls = 2;
    Embedded bench(options);
    const LeaseId lease = bench.wait(bench.store().grant(seconds(3))).value();
    bench.put("/leader", "me", lease);
    Recorder recorder;
    recorder.watch(bench.store(), "/leader", bench.revision());
    std::vector<std::shared_ptr<std::optional<Result<Commit>>>> answers;
    {
        const Blocker blocker(bench.file("store.db"));
        for (int i = 0; i < 5; ++i)
            answers.push_back(start(bench.io(), bench.store().commit(transaction({put("/a", "x")}))));
        bench.run_for_real(std::chrono::milliseconds(50));
        bench.clock().advance(seconds(4));
        bench.run_for_real(std::chrono::milliseconds(50));
    }
    REQUIRE(bench.run_until([&] { return !recorder.events.empty(); }));
    CHECK(recorder.lines() == Lines{"/leader erased"});
    for (const auto& answer : answers) CHECK(bench.run_until([&] { return answer->has_value(); }));
}
