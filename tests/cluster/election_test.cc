#include "cluster/election.h"

#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Election;
using cluster::TermStore;

namespace {

Change put_of(const std::string& key, const std::string& value) {
    return {Change::Kind::put, key, value, 0};
}

}  // namespace

TEST_CASE("one member leads, and the next one as soon as it resigns") {
    ClusterBench bench;
    Election first(bench.io.get_executor(), bench.clock, bench.store, "first", bench.ttl);
    Election second(bench.io.get_executor(), bench.clock, bench.store, "second", bench.ttl);
    const Revision term = bench.wait(first.win());
    CHECK(first.term() == term);
    const auto next = bench.begin(second.win());
    bench.begin(first.keep());
    bench.run_for(60s);
    CHECK_FALSE(next->has_value());
    CHECK(first.term() == term);
    REQUIRE(bench.wait(first.resign()));
    CHECK(bench.run_until([&] { return next->has_value(); }, 1s));
    CHECK(**next > term);
    CHECK(bench.data.entries.at(cluster::leader_key).value == "second");
}

TEST_CASE("a member that does not lead asks the store for nothing but who does") {
    ClusterBench bench;
    Election first(bench.io.get_executor(), bench.clock, bench.store, "first", 1h);
    Election second(bench.io.get_executor(), bench.clock, bench.store, "second", bench.ttl);
    bench.wait(first.win());
    const Revision then = bench.data.revision;
    const LeaseId last = bench.data.last_lease;
    const auto next = bench.begin(second.win());
    bench.run_for(5min);
    CHECK_FALSE(next->has_value());
    CHECK(bench.data.revision == then);
    CHECK(bench.data.last_lease == last);
}

TEST_CASE("a leader that keeps nothing is followed within its time and a beat") {
    ClusterBench bench;
    Election first(bench.io.get_executor(), bench.clock, bench.store, "first", bench.ttl);
    Election second(bench.io.get_executor(), bench.clock, bench.store, "second", bench.ttl);
    bench.wait(first.win());
    const auto next = bench.begin(second.win());
    const Instant died = bench.clock.now();
    REQUIRE(bench.run_until([&] { return next->has_value(); }));
    CHECK_FALSE(first.term());
    CHECK(bench.clock.now() - died <= bench.ttl + cluster::beat_every(bench.ttl) + 100ms);
}

TEST_CASE("a leader knows that its term is over when it cannot keep it, before another one is elected") {
    ClusterBench bench;
    Election first(bench.io.get_executor(), bench.clock, bench.store, "first", bench.ttl);
    bench.wait(first.win());
    bool over = false;
    boost::asio::co_spawn(bench.io, first.keep(), [&](std::exception_ptr) { over = true; });
    bench.run_for(5s);
    bench.data.unavailable_until = bench.clock.now() + 1h;
    CHECK(bench.run_until([&] { return over; }, bench.ttl + 1s));
    CHECK_FALSE(first.term());
}

TEST_CASE("a member whose try to lead had no answer leads at the latest when that try's lease has ended") {
    ClusterBench bench;
    Election first(bench.io.get_executor(), bench.clock, bench.store, "first", bench.ttl);
    bench.data.lose_replies = 1;
    const auto term = bench.begin(first.win());
    CHECK(bench.run_until([&] { return term->has_value(); }, 3 * bench.ttl));
    CHECK(first.term() == bench.created(cluster::leader_key));
}

TEST_CASE("a leader that was deposed changes nothing, and hears of it") {
    ClusterBench bench;
    Election first(bench.io.get_executor(), bench.clock, bench.store, "first", bench.ttl);
    Election second(bench.io.get_executor(), bench.clock, bench.store, "second", bench.ttl);
    unsigned over = 0;
    TermStore old(bench.store, bench.wait(first.win()), [&] { ++over; });
    REQUIRE(bench.wait(old.commit({{}, {put_of("/a", "1")}}))->committed);
    bench.erase(cluster::leader_key);
    TermStore current(bench.store, bench.wait(second.win()), [] {});
    const auto refused = bench.wait(old.commit({{}, {put_of("/a", "2")}}));
    CHECK(refused.error().code == ErrorCode::cancelled);
    CHECK(bench.wait(old.commit({{}, {put_of("/a", "2")}})).error().code == ErrorCode::cancelled);
    CHECK(over == 1);
    CHECK(bench.data.entries.at("/a").value == "1");
    CHECK(bench.wait(current.commit({{}, {put_of("/a", "3")}}))->committed);
}

TEST_CASE("another guard that does not hold ends no term") {
    ClusterBench bench;
    Election first(bench.io.get_executor(), bench.clock, bench.store, "first", bench.ttl);
    bool over = false;
    TermStore term(bench.store, bench.wait(first.win()), [&] { over = true; });
    Transaction guarded{{{Compare::Kind::present, "/none", 0, {}}}, {put_of("/a", "1")}};
    const auto commit = bench.wait(term.commit(guarded));
    REQUIRE(commit);
    CHECK_FALSE(commit->committed);
    CHECK_FALSE(over);
}
