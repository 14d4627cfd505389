#include "cluster/leased_key.h"

#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Hold;
using cluster::LeasedKey;

TEST_CASE("a leased key is one's at a time, and the next one's when it was given up") {
    ClusterBench bench;
    LeasedKey first(bench.clock, bench.store, "/key", bench.ttl), second(bench.clock, bench.store, "/key", bench.ttl);
    CHECK(*bench.wait(first.take("first")) == Hold::ours);
    CHECK(*bench.wait(second.take("second")) == Hold::not_ours);
    CHECK(first.held() == bench.created("/key"));
    CHECK_FALSE(second.held());
    CHECK(bench.wait(first.give_up()));
    CHECK_FALSE(first.held());
    CHECK(*bench.wait(second.take("second")) == Hold::ours);
    CHECK(bench.data.entries.at("/key").value == "second");
}

TEST_CASE("a leased key is held no longer than its time, counted from before its last beat was sent") {
    ClusterBench bench;
    LeasedKey key(bench.clock, bench.store, "/key", bench.ttl);
    const Instant sent = bench.clock.now();
    REQUIRE(*bench.wait(key.take("mine")) == Hold::ours);
    CHECK(key.until() == sent + bench.ttl);
    bench.run_for(9s);
    CHECK(key.held());
    const Instant beaten = bench.clock.now();
    CHECK(*bench.wait(key.beat()) == Hold::ours);
    CHECK(key.until() == beaten + bench.ttl);
    bench.run_for(10s);
    CHECK_FALSE(key.held());
}

TEST_CASE("a key that is gone although its lease lives is noticed at the next beat") {
    ClusterBench bench;
    LeasedKey key(bench.clock, bench.store, "/key", bench.ttl);
    REQUIRE(*bench.wait(key.take("mine")) == Hold::ours);
    bench.erase("/key");
    CHECK(*bench.wait(key.beat()) == Hold::not_ours);
    CHECK_FALSE(key.held());
}

TEST_CASE("a key that is another's by now is not overwritten by a beat") {
    ClusterBench bench;
    LeasedKey key(bench.clock, bench.store, "/key", bench.ttl);
    REQUIRE(*bench.wait(key.take("mine")) == Hold::ours);
    bench.erase("/key");
    bench.put("/key", "another's");
    CHECK(*bench.wait(key.beat()) == Hold::not_ours);
    CHECK(bench.data.entries.at("/key").value == "another's");
}

TEST_CASE("a lease that was revoked early is noticed at the next beat") {
    ClusterBench bench;
    LeasedKey key(bench.clock, bench.store, "/key", bench.ttl);
    REQUIRE(*bench.wait(key.take("mine")) == Hold::ours);
    bench.data.leases.begin()->second.ends = bench.clock.now();
    CHECK(*bench.wait(key.beat()) == Hold::not_ours);
    CHECK_FALSE(key.held());
}

TEST_CASE("a store that does not answer ends nothing before the time is over") {
    ClusterBench bench;
    LeasedKey key(bench.clock, bench.store, "/key", bench.ttl);
    REQUIRE(*bench.wait(key.take("mine")) == Hold::ours);
    bench.data.unavailable_until = bench.clock.now() + 5s;
    CHECK_FALSE(bench.wait(key.beat()));
    CHECK(key.held());
    bench.run_for(5s);
    CHECK(*bench.wait(key.beat()) == Hold::ours);
}

TEST_CASE("a key is taken only when the other guards hold") {
    ClusterBench bench;
    LeasedKey key(bench.clock, bench.store, "/key", bench.ttl);
    Transaction together;
    together.guards.push_back({Compare::Kind::present, "/other", 0, {}});
    together.changes.push_back({Change::Kind::put, "/beside", "it", 0});
    CHECK(*bench.wait(key.take("mine", together)) == Hold::not_ours);
    CHECK_FALSE(bench.has("/beside"));
    bench.put("/other", "there");
    CHECK(*bench.wait(key.take("mine", together)) == Hold::ours);
    CHECK(bench.has("/beside"));
}
