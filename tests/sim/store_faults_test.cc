// What goes wrong between a daemon and the store, and in the store, in the simulation: each as it happens with etcd,
// for one daemon only where it is that one's connection.
#include <catch2/catch.hpp>
#include <set>

#include "sim/sim_store.h"
#include "tests/sim/show_result.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Change put(const char* key, const char* value, LeaseId lease = 0) {
    return {Change::Kind::put, key, value, lease};
}

/// Two daemons, one with a link that is disturbed, and time as a driver makes it pass.
struct Bench {
    void run_ready() {
        data.run_due(clock.now());
        io.restart();
        io.poll();
    }
    void run_for(Duration duration) {
        const Instant end = clock.now() + duration;
        for (run_ready();; run_ready()) {
            auto next = clock.next_wake();
            const auto due = data.next_event();
            if (due && (!next || *due < *next)) next = due;
            if (!next || *next > end) break;
            clock.advance_to(std::max(*next, clock.now()));
        }
        clock.advance_to(end);
        run_ready();
    }
    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        std::optional<Result<T>> answer;
        const Instant began = clock.now();
        boost::asio::co_spawn(io, std::move(call), [&](std::exception_ptr, Result<T> result) {
            answer = std::move(result);
            took = clock.now() - began;
        });
        for (int i = 0; i < 10'000 && !answer; ++i) run_for(1ms);
        BALLAST_ASSERT(answer);
        return *answer;
    }
    Result<Commit> commit(sim::SimStore& by, std::vector<Change> changes) {
        return wait(by.commit({{}, std::move(changes)}));
    }
    void change(const char* key, const char* value) { REQUIRE(commit(other, {put(key, value)})); }
    std::string value(sim::SimStore& by, const char* key) {
        const auto entry = wait(by.get(key));
        if (!entry) return to_string(entry.error().code);
        return *entry ? (*entry)->value : "(absent)";
    }
    void watch() {
        const auto hear = [this](const std::vector<WatchEvent>& events) {
            for (const auto& event : events)
                heard.push_back(event.entry.key +
                                (event.kind == WatchEvent::Kind::put ? "=" + event.entry.value : "-"));
        };
        handle = mine.watch("", data.revision, hear, [this] { heard.push_back("compacted"); });
    }

    test::VirtualClock clock;
    boost::asio::io_context io;
    sim::StoreData data;
    sim::CrashPoints crashes;
    sim::StoreLink link;
    sim::SimStore mine{io, clock, data, crashes, link}, other{io, clock, data, crashes};
    Lines heard;
    std::unique_ptr<WatchHandle> handle;
    Duration took{};
};

}  // namespace

TEST_CASE("A cut connection: calls fail after their time-out and nothing happens, watches go on when it is joined") {
    Bench bench;
    bench.watch();
    bench.change("a", "1");
    bench.link.cut = true;
    CHECK(bench.commit(bench.mine, {put("mine", "1")}).error().code == ErrorCode::unavailable);
    CHECK(bench.took >= 5s);
    CHECK(bench.value(bench.mine, "a") == "unavailable");
    bench.change("b", "2");
    bench.change("c", "3");
    bench.run_for(1min);
    CHECK(bench.heard == Lines{"a=1"});
    CHECK_FALSE(bench.data.next_event());
    bench.link.cut = false;
    bench.run_for(1ms);
    CHECK(bench.heard == Lines{"a=1", "b=2", "c=3"});
    CHECK(bench.value(bench.mine, "mine") == "(absent)");
}

TEST_CASE("An answer under way when the connection is cut is lost, what it answers has happened") {
    Bench bench;
    bench.link.reply_takes = 100ms;
    boost::asio::co_spawn(bench.io, bench.clock.sleep_for(50ms), [&](std::exception_ptr) { bench.link.cut = true; });
    CHECK(bench.commit(bench.mine, {put("a", "1")}).error().code == ErrorCode::timed_out);
    CHECK(bench.value(bench.other, "a") == "1");
}

TEST_CASE("When only the way back is cut, calls are carried out and never answered") {
    Bench bench;
    bench.watch();
    const auto lease = bench.wait(bench.mine.grant(10s));
    bench.commit(bench.mine, {put("a", "1", *lease)});
    bench.link.deaf = true;
    CHECK(bench.commit(bench.mine, {put("b", "1")}).error().code == ErrorCode::timed_out);
    for (int i = 0; i < 10; ++i) CHECK(bench.wait(bench.mine.keep_alive(*lease)).error().code == ErrorCode::timed_out);
    CHECK(bench.value(bench.other, "a") == "1");
    CHECK(bench.value(bench.other, "b") == "1");
    CHECK(bench.heard == Lines{"a=1"});
}

TEST_CASE("Lost and late replies concern one daemon's next commits only") {
    Bench bench;
    bench.link.lose_replies = 2;
    CHECK(bench.commit(bench.other, {put("o", "1")}));
    CHECK(bench.commit(bench.mine, {put("a", "1")}).error().code == ErrorCode::timed_out);
    CHECK(bench.value(bench.other, "a") == "1");
    bench.link.late = 30s;
    CHECK(bench.commit(bench.mine, {put("a", "2")}).error().code == ErrorCode::timed_out);
    CHECK(bench.value(bench.other, "a") == "1");
    CHECK(bench.commit(bench.mine, {put("b", "1")}));
    bench.run_for(30s);
    CHECK(bench.data.entries.at("a").value == "2");
}

TEST_CASE("A stale read is the truth of an earlier moment, no older than allowed; commits see the present") {
    Bench bench;
    bench.data.dice.seed(1);
    for (const char* value : {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
        bench.change("a", value);
        bench.run_for(1s);
    }
    bench.link.stale = 5s;
    std::set<std::string> seen;
    for (int i = 0; i < 300; ++i) seen.insert(bench.value(bench.mine, "a"));
    CHECK(seen.contains("9"));
    CHECK(seen.size() > 3);
    CHECK(*seen.begin() >= "4");
    CHECK(bench.value(bench.other, "a") == "9");
    const auto guarded = bench.wait(bench.mine.commit({{{Compare::Kind::value_is, "a", 0, "9"}}, {}}));
    CHECK(guarded->committed);
}

TEST_CASE("A stale list shows what was erased since, as it was") {
    Bench bench;
    bench.change("a", "1");
    bench.change("b", "1");
    bench.run_for(10s);
    REQUIRE(bench.commit(bench.other, {{Change::Kind::erase, "a", {}, 0}, put("b", "2")}));
    bench.run_for(5s);
    bench.link.stale = 10s;
    bool past = false, present = false;
    for (int i = 0; i < 100; ++i) {
        const auto listed = bench.wait(bench.mine.list(""));
        REQUIRE(listed);
        REQUIRE(listed->size() == (listed->front().key == "a" ? 2 : 1));
        CHECK(listed->back().value == (listed->size() == 2 ? "1" : "2"));
        (listed->size() == 2 ? past : present) = true;
    }
    CHECK(past);
    CHECK(present);
}

TEST_CASE("A lease that is gone may be kept alive in vain, and its keys stay away") {
    Bench bench;
    const auto lease = bench.wait(bench.mine.grant(10s));
    bench.commit(bench.mine, {put("a", "1", *lease)});
    bench.link.keepalive_lies = true;
    bench.watch();
    REQUIRE(bench.data.revoke(bench.data.lease_of("a"), bench.clock.now()));
    CHECK(bench.wait(bench.mine.keep_alive(*lease)));
    CHECK(bench.heard == Lines{"a-"});
    CHECK(bench.value(bench.mine, "a") == "(absent)");
    CHECK(bench.wait(bench.other.keep_alive(*lease)).error().code == ErrorCode::not_found);
}

TEST_CASE("A lease may last longer than its time, but no longer than allowed, and an exact one ends in time") {
    std::set<Duration> lasted;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Bench bench;
        bench.data.dice.seed(seed);
        bench.data.leases_late = seed == 0 ? 0s : 6s;
        const Instant began = bench.clock.now();
        const auto lease = bench.wait(bench.mine.grant(5s));
        bench.commit(bench.mine, {put("a", "1", *lease)});
        while (bench.data.entries.contains("a")) bench.run_for(1ms);
        const Duration after = bench.clock.now() - began;
        CHECK(after >= 5s);
        CHECK(after <= 11s + 2ms);
        if (seed == 0) CHECK(after <= 5s + 2ms);
        lasted.insert(after);
    }
    CHECK(lasted.size() > 10);
}

TEST_CASE("No lease ends while the store is unavailable, and each has its time again afterwards") {
    Bench bench;
    const auto lease = bench.wait(bench.mine.grant(10s));
    bench.commit(bench.mine, {put("a", "1", *lease)});
    bench.data.unavailable_until = bench.clock.now() + 1min;
    bench.run_for(1min + 9s);
    CHECK(bench.data.entries.contains("a"));
    bench.run_for(2s);
    CHECK(bench.data.entries.empty());
}

TEST_CASE("A full store grants no lease") {
    Bench bench;
    bench.data.full_until = bench.clock.now() + 1min;
    CHECK(bench.wait(bench.mine.grant(10s)).error().code == ErrorCode::no_space);
}

TEST_CASE("Events come late, all of them and in order") {
    Bench bench;
    bench.watch();
    bench.link.watch_delay = 3s;
    bench.change("a", "1");
    bench.run_for(1s);
    bench.change("b", "2");
    bench.run_for(1s);
    CHECK(bench.heard.empty());
    bench.run_for(1s);
    CHECK(bench.heard == Lines{"a=1"});
    bench.run_for(1s);
    CHECK(bench.heard == Lines{"a=1", "b=2"});
    CHECK_FALSE(bench.data.next_event());
}

TEST_CASE("A watch that was interrupted goes on from where it was, without anybody calling") {
    Bench bench;
    bench.watch();
    bench.link.watches_silent_until = bench.clock.now() + 10s;
    bench.change("a", "1");
    bench.change("b", "2");
    bench.run_for(5s);
    CHECK(bench.heard.empty());
    bench.run_for(5s);
    CHECK(bench.heard == Lines{"a=1", "b=2"});
}

TEST_CASE("Events are told twice, lost, or replaced by the order to list again, as often as told") {
    Bench bench;
    bench.watch();
    bench.link.double_events = 1;
    bench.change("a", "1");
    bench.link.lose_events = 1;
    bench.change("b", "2");
    bench.change("c", "3");
    CHECK(bench.heard == Lines{"a=1", "a=1", "c=3"});
    bench.link.compact_watches = 1;
    bench.change("d", "4");
    bench.change("e", "5");
    CHECK(bench.heard == Lines{"a=1", "a=1", "c=3", "compacted"});
}

TEST_CASE("Compaction ends the watches that are behind, and those only") {
    Bench bench;
    bench.watch();
    bench.change("a", "1");
    bench.data.compact();
    bench.change("b", "2");
    CHECK(bench.heard == Lines{"a=1", "b=2"});
    bench.link.cut = true;
    bench.change("c", "3");
    bench.change("d", "4");
    bench.data.compact();
    bench.link.cut = false;
    bench.run_for(1s);
    CHECK(bench.heard == Lines{"a=1", "b=2", "compacted"});
    bench.change("e", "5");
    CHECK(bench.heard.size() == 3);
}

TEST_CASE("A store that is restored has what it is given, no leases, and a new revision; watches hear of both") {
    Bench bench;
    const auto lease = bench.wait(bench.mine.grant(10s));
    bench.commit(bench.mine, {put("a", "1"), put("leased", "1", *lease)});
    const Revision before = bench.data.revision;
    bench.watch();
    bench.data.replace({{"a", "0"}, {"b", "2"}}, bench.clock.now());
    bench.run_ready();
    CHECK(bench.heard == Lines{"a-", "leased-", "a=0", "b=2"});
    CHECK(bench.data.revision == before + 1);
    CHECK(bench.value(bench.mine, "a") == "0");
    CHECK(bench.value(bench.mine, "leased") == "(absent)");
    CHECK(bench.wait(bench.mine.keep_alive(*lease)).error().code == ErrorCode::not_found);
}
