// The in-memory store keeps to ports/store.h where the executor depends on it, and fails as it is told.
#include "sim/sim_store.h"

#include <catch2/catch.hpp>

#include "tests/sim/show_result.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {

struct Bench {
    Bench() : store(io, clock, data, crashes) {}

    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call) {
        std::optional<Result<T>> answer;
        boost::asio::co_spawn(io, std::move(call),
                              [&](std::exception_ptr, Result<T> result) { answer = std::move(result); });
        for (int i = 0; i < 100 && !answer; ++i) clock.run_for(io, 100ms);
        BALLAST_ASSERT(answer);
        return *answer;
    }
    Result<Commit> commit(std::vector<Compare> guards, std::vector<Change> changes) {
        Transaction transaction{std::move(guards), std::move(changes)};
        return wait(store.commit(std::move(transaction)));
    }
    std::string value(const char* key) {
        const auto entry = wait(store.get(key));
        return *entry ? (*entry)->value : "(absent)";
    }

    test::VirtualClock clock;
    boost::asio::io_context io;
    sim::StoreData data;
    sim::CrashPoints crashes;
    sim::SimStore store;
};

Change put(const char* key, const char* value, LeaseId lease = 0) {
    return {Change::Kind::put, key, value, lease};
}

}  // namespace

TEST_CASE("A transaction changes everything or nothing, and makes one revision") {
    Bench bench;
    const auto first = bench.commit({{Compare::Kind::absent, "a", 0, {}}}, {put("a", "1"), put("b", "2")});
    CHECK(first->committed);
    const auto again = bench.commit({{Compare::Kind::absent, "a", 0, {}}}, {put("c", "3")});
    CHECK_FALSE(again->committed);
    CHECK(again->revision == first->revision);
    CHECK(bench.value("c") == "(absent)");
    const auto entry = bench.wait(bench.store.get("a"));
    CHECK((*entry)->mod_revision == first->revision);
    CHECK(bench.commit({{Compare::Kind::mod_revision_is, "a", first->revision, {}}}, {put("a", "9")})->committed);
    CHECK(bench.commit({{Compare::Kind::mod_revision_is, "none", 0, {}}}, {put("none", "x")})->committed);
    CHECK_FALSE(bench.commit({{Compare::Kind::value_is, "gone", 0, ""}}, {put("d", "x")})->committed);
}

TEST_CASE("A commit whose answer is lost is applied, at once or late") {
    Bench bench;
    bench.data.lose_replies = 2;
    CHECK(bench.commit({}, {put("a", "1")}).error().code == ErrorCode::timed_out);
    CHECK(bench.value("a") == "1");
    bench.data.late = 1min;
    CHECK(bench.commit({}, {put("a", "2")}).error().code == ErrorCode::timed_out);
    CHECK(bench.value("a") == "1");
    bench.clock.advance(1min);
    CHECK(bench.value("a") == "2");
}

TEST_CASE("A full store still erases, and an unavailable one does nothing") {
    Bench bench;
    bench.commit({}, {put("a", "1")});
    bench.data.full_until = bench.clock.now() + 1min;
    CHECK(bench.commit({}, {put("b", "1")}).error().code == ErrorCode::no_space);
    CHECK(bench.commit({}, {{Change::Kind::erase, "a", {}, 0}})->committed);
    bench.data.unavailable_until = bench.clock.now() + 1min;
    CHECK(bench.wait(bench.store.get("a")).error().code == ErrorCode::unavailable);
}

TEST_CASE("A key goes with its lease, and watches hear of it") {
    Bench bench;
    std::vector<std::string> heard;
    const auto handle = bench.store.watch(
        "l/", 0,
        [&](const std::vector<WatchEvent>& events) {
            for (const auto& event : events)
                heard.push_back(event.entry.key + (event.kind == WatchEvent::Kind::put ? "+" : "-"));
        },
        [] {});
    const auto lease = bench.wait(bench.store.grant(10s));
    REQUIRE(lease);
    bench.commit({}, {put("l/a", "1", *lease)});
    bench.clock.advance(6s);
    CHECK(bench.wait(bench.store.keep_alive(*lease)));
    bench.clock.advance(6s);
    CHECK(bench.value("l/a") == "1");
    bench.clock.advance(10s);
    CHECK(bench.value("l/a") == "(absent)");
    CHECK(bench.wait(bench.store.keep_alive(*lease)).error().code == ErrorCode::not_found);
    CHECK(heard == std::vector<std::string>{"l/a+", "l/a-"});
}

namespace {

/// A second daemon on the same data, with an io_context of its own.
struct Other {
    explicit Other(Bench& bench) : store(io, bench.clock, bench.data, bench.crashes) {}
    void watch(const char* prefix, Revision after) {
        handle = store.watch(
            prefix, after,
            [this](const std::vector<WatchEvent>& events) {
                for (const auto& event : events)
                    heard.push_back(event.entry.key + (event.kind == WatchEvent::Kind::put ? "+" : "-"));
            },
            [] {});
    }
    void run() {
        io.restart();
        io.poll();
    }

    boost::asio::io_context io;
    sim::SimStore store;
    std::vector<std::string> heard;
    std::unique_ptr<WatchHandle> handle;
};
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("What one daemon commits, the watches of all hear of, each on its own io_context and in order") {
    Bench bench;
    Other second(bench), third(bench);
    second.watch("", bench.data.revision);
    third.watch("b", bench.data.revision);
    bench.commit({}, {put("a", "1"), put("b", "2")});
    bench.commit({}, {{Change::Kind::erase, "b", {}, 0}});
    CHECK(second.heard.empty());
    second.run();
    CHECK(second.heard == Lines{"a+", "b+", "b-"});
    CHECK(third.heard.empty());
    third.run();
    CHECK(third.heard == Lines{"b+", "b-"});
}

TEST_CASE("A daemon that has ended hears of nothing, and the others go on") {
    Bench bench;
    auto ended = std::make_unique<Other>(bench);
    Other other(bench);
    ended->watch("", 0);
    other.watch("", 0);
    ended.reset();
    bench.commit({}, {put("a", "1")});
    other.run();
    CHECK(other.heard == Lines{"a+"});
}

TEST_CASE("A lease ends when its time has come, although nobody calls") {
    Bench bench;
    Other other(bench);
    const auto lease = bench.wait(bench.store.grant(10s));
    bench.commit({}, {put("l", "1", *lease)});
    other.watch("", bench.data.revision);
    REQUIRE(bench.data.next_event());
    bench.clock.advance_to(*bench.data.next_event() - 1ms);
    bench.data.run_due(bench.clock.now());
    CHECK(bench.data.entries.contains("l"));
    bench.clock.advance(1ms);
    bench.data.run_due(bench.clock.now());
    CHECK(bench.data.entries.empty());
    CHECK_FALSE(bench.data.next_event());
    other.run();
    CHECK(other.heard == Lines{"l-"});
}

TEST_CASE("A late commit whose lease has ended meanwhile does nothing") {
    Bench bench;
    const auto lease = bench.wait(bench.store.grant(10s));
    bench.data.lose_replies = 1;
    bench.data.late = 1min;
    CHECK(bench.commit({}, {put("a", "1", *lease)}).error().code == ErrorCode::timed_out);
    bench.clock.advance(2min);
    CHECK(bench.value("a") == "(absent)");
}
