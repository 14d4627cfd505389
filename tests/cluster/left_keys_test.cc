#include "cluster/left_keys.h"

#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("what a host told that is configured no more is erased, and nothing else of it or of others") {
    ClusterBench bench;
    const HostId h3{"h3"};
    for (const HostId& host : {h1, h2, h3}) {
        bench.put(cluster::findings_key(host), "{}");
        bench.put(cluster::report_key(host), "{}");
        bench.put(cluster::events_key(host), "{}");
        bench.put(cluster::host_key(host), "{}");
    }
    bench.put(cluster::agent_key(h3), "of a member that has another configuration");
    REQUIRE(bench.wait(cluster::erase_left_keys(bench.store, {h1})));
    for (const HostId& host : {h1, h3}) {
        CHECK(bench.has(cluster::findings_key(host)));
        CHECK(bench.has(cluster::report_key(host)));
        CHECK(bench.has(cluster::events_key(host)));
    }
    CHECK_FALSE(bench.has(cluster::findings_key(h2)));
    CHECK_FALSE(bench.has(cluster::report_key(h2)));
    CHECK_FALSE(bench.has(cluster::events_key(h2)));
    CHECK(bench.has(cluster::host_key(h2)));
}

TEST_CASE("what a host left stays when the store does not answer") {
    ClusterBench bench;
    bench.put(cluster::findings_key(h2), "{}");
    bench.data.lose_replies = 1;
    bench.data.late = 1h;
    CHECK_FALSE(bench.wait(cluster::erase_left_keys(bench.store, {h1})));
    CHECK(bench.has(cluster::findings_key(h2)));
}
