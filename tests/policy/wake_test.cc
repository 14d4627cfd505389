// Which hosts are switched on, and for what.
#include "policy/wake.h"

#include "tests/policy/quiet_cluster.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("A host that nobody has seen on yet is woken, after those that are known and by itself where room matters") {
    Cluster cluster = quiet();
    settle(cluster);
    REQUIRE(hosts_on(cluster) == 1);
    const auto forget = [&](auto wanted) {
        for (auto& [id, host] : cluster.inventory.hosts)
            if (host.power == PowerState::off && wanted(id)) host.facts = {};
    };
    SECTION("min_hosts_on needs no facts") {
        forget([](const HostId&) { return true; });
        cluster.options.consolidation.min_hosts_on = 3;
        CHECK(cluster.plan().power.size() == 2);
        cluster.at(cluster.plan().power.front().host.value).power = PowerState::switching_on;
        CHECK(cluster.plan().power.size() == 1);  // the one that is coming counts
    }
    SECTION("the reserve takes one that is known") {
        std::optional<HostId> known;
        forget([&](const HostId& id) { return known.has_value() || (known = id, false); });
        cluster.options.admission.host_failures = 1;
        const Plan plan = cluster.plan();
        REQUIRE(plan.power.size() == 1);
        CHECK(plan.power.front().host == *known);
    }
    SECTION("where none is known, one comes and is looked at") {
        forget([](const HostId&) { return true; });
        cluster.options.admission.host_failures = 1;
        REQUIRE(cluster.plan().power.size() == 1);
        cluster.at(cluster.plan().power.front().host.value).power = PowerState::switching_on;
        CHECK(cluster.plan().power.empty());
    }
    SECTION("no VM is planned to go to it") {
        forget([](const HostId&) { return true; });
        for (auto& [id, vm] : cluster.inventory.vms) vm.load.cpu_used_cores = 0.8;
        for (int i = 0; i < 180; ++i) {
            cluster.tick(1min);
            CHECK(cluster.plan().moves.empty());
        }
    }
}
