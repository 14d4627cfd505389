#include "cluster/leader_watch.h"

#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("every member sees who leads, in which term, and that nobody does") {
    ClusterBench bench;
    cluster::LeaderWatch watch{bench.clock, bench.store};
    bench.begin(watch.run());
    bench.run_for(1s);
    CHECK_FALSE(watch.leader());
    bench.put(cluster::leader_key, "host1");
    bench.run_for(1s);
    REQUIRE(watch.leader());
    CHECK(watch.leader()->member == "host1");
    CHECK(watch.leader()->term == bench.created(cluster::leader_key));
    bench.erase(cluster::leader_key);
    bench.run_for(1s);
    CHECK_FALSE(watch.leader());
    bench.put(cluster::leader_key, "host2");
    bench.run_for(11s);
    REQUIRE(watch.leader());
    CHECK(watch.leader()->member == "host2");
}
