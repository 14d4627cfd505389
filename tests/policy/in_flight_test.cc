// What is under way counts: its memory on both hosts, its CPU on the target, its slot everywhere.
#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {

// host1 is overloaded by three VMs of 2.8 CPUs; host2 and host3 are idle.
Cluster overloaded() {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"a", "b", "c"}) cluster.vm(name, "host1", 2.8, gib(8));
    cluster.persist(6min);
    return cluster;
}

}  // namespace

TEST_CASE("A host whose relief is under way is judged by its demand after it") {
    Cluster cluster = overloaded();
    REQUIRE(cluster.plan().moves.size() == 1);
    cluster.under_way("a", "host2");
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    REQUIRE(finding_of(plan, "host1"));
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(finding_of(plan, "host1")->text.find("moves under way bring it to 62 % CPU") != std::string::npos);
}

TEST_CASE("A VM under way is not planned again, not even from a host in maintenance") {
    Cluster cluster = overloaded();
    cluster.at("host1").maintenance = true;
    cluster.under_way("a", "host2");
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 2);
    CHECK_FALSE(move_of(plan, "a"));
    CHECK(plan.immovable.empty());
    CHECK(finding_of(plan, "host1")->text ==
          "host1 is in maintenance: 3 VMs on it, 1 under way, 2 to be moved, 0 cannot leave");
}

TEST_CASE("Incoming CPU counts on the target") {
    Cluster cluster = overloaded();
    cluster.inventory.hosts.erase({"host3"});
    cluster.vm("x", "host4", 4);
    cluster.host("host4");
    cluster.tick();
    cluster.at("host4").stale = true;
    cluster.under_way("x", "host2");  // 4 + 2.8 of 9 are above 70 %
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "a", Reason::cpu));
}

TEST_CASE("Memory of a VM under way is taken on its target and not yet free on its source") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name, 10, gib(32));
    cluster.vm("a", "host1", 0.1, gib(20));
    cluster.vm("b", "host3", 0.1, gib(16));
    cluster.tick();
    cluster.under_way("a", "host2");
    CHECK(has(cluster.refusals("b", "host2"), Reason::memory));
    CHECK(has(cluster.refusals("b", "host1"), Reason::memory));
    cluster.inventory.in_flight.clear();
    CHECK_FALSE(has(cluster.refusals("b", "host2"), Reason::memory));
}

TEST_CASE("A VM seen on its target before its move is verified still occupies its source") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name, 10, gib(32));
    cluster.vm("a", "host1", 0.1, gib(20));
    cluster.vm("b", "host3", 0.1, gib(16));
    cluster.tick();
    cluster.under_way("a", "host2");
    cluster.guest("a").host = {"host2"};
    CHECK(has(cluster.refusals("b", "host1"), Reason::memory));
    CHECK(has(cluster.refusals("b", "host2"), Reason::memory));
}

TEST_CASE("A VM that arrived after the target's last sample is in its free memory already") {
    Cluster cluster;
    for (const char* name : {"host1", "host2"}) cluster.host(name, 10, gib(32));
    cluster.vm("a", "host2", 0.1, gib(8));
    cluster.vm("b", "host1", 0.1, gib(16));
    cluster.measures_hosts = false;
    cluster.at("host2").load.memory_available = gib(25);
    cluster.tick();
    CHECK(cluster.refusals("b", "host2").empty());
    cluster.moved("a", "host1", "host2", -1s);
    CHECK(has(cluster.refusals("b", "host2"), Reason::memory));
    cluster.tick();
    CHECK_FALSE(has(cluster.refusals("b", "host2"), Reason::memory));
}

TEST_CASE("Whoever is on its way there is kept apart too, as is whoever still leaves") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    cluster.vm("db1", "host1", 1).facts.wishes.keep_apart = {"db"};
    cluster.vm("db2", "host3", 1).facts.wishes.keep_apart = {"db"};
    cluster.tick();
    CHECK(cluster.refusals("db2", "host2").empty());
    cluster.under_way("db1", "host2");
    CHECK(has(cluster.refusals("db2", "host2"), Reason::keep_apart));
    CHECK(has(cluster.refusals("db2", "host1"), Reason::keep_apart));
}

TEST_CASE("Only free slots go to the first wave") {
    Cluster cluster = overloaded();
    cluster.at("host1").maintenance = true;
    cluster.under_way("a", "host2");
    cluster.options.limits.outgoing_per_host = 2;
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].wave == 0);
    CHECK(plan.moves[1].wave == 1);
}

TEST_CASE("An operation on a VM or host that is gone does not disturb the plan") {
    Cluster cluster = overloaded();
    cluster.inventory.in_flight.push_back({{"op-1"}, {"id-gone"}, {"host1"}, {"host2"}});
    cluster.inventory.in_flight.push_back({{"op-2"}, {"id-gone"}, {"lost"}, {"also-lost"}});
    CHECK(cluster.plan().moves.size() == 1);
}
