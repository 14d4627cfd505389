#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {
// host1 wants 8.4 of 9 usable CPUs (93 %), host2 3.6 (40 %).
Cluster hot_and_cool() {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("a", "host1", 3.6);
    cluster.vm("b", "host1", 2.4);
    cluster.vm("c", "host1", 2.4);
    cluster.vm("d", "host2", 3.6);
    return cluster;
}
}  // namespace

TEST_CASE("A host above its CPU limit for long enough is relieved by one move below the lower limit") {
    Cluster cluster = hot_and_cool();
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 1);
    const Move& move = plan.moves[0];
    CHECK(move.vm.value == "id-b");
    CHECK(move.from.value == "host1");
    CHECK(move.to.value == "host2");
    CHECK(move.trigger == Trigger::overload);
    CHECK(move.wave == 0);
    CHECK(move.effect.source_cpu_after == Approx(6.0 / 9));
    CHECK(move.effect.target_cpu_after == Approx(6.0 / 9));
    CHECK(
        move.reason ==
        "host1 wants 93 % of its usable CPU (limit 80 % for 5 min); moving b (2 GiB, 2.40 CPU) brings it to 67 % CPU, "
        "6.2 % memory and host2 to 67 % CPU, 6.2 % memory");
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(plan.hosts.at({"host1"}).state == "overloaded");
    CHECK(plan.score_after < plan.score_before);
}

TEST_CASE("A host in maintenance is emptied") {
    Cluster cluster = hot_and_cool();
    cluster.at("host2").maintenance = true;
    const Plan plan = cluster.plan_after(10s);
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].vm.value == "id-d");
    CHECK(plan.moves[0].trigger == Trigger::maintenance);
    CHECK(plan.hosts.at({"host2"}).state == "draining");
}
