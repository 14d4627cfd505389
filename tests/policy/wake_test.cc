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

TEST_CASE("A host that is off is woken for VMs of a lost one that find no room, if it has room for them") {
    Cluster cluster = quiet();
    settle(cluster);
    REQUIRE(hosts_on(cluster) == 1);
    const std::string lost = cluster.guest("v0").host.value;
    const std::string full = lost == "host1" ? "host2" : "host1";
    switch_power(cluster, full, PowerState::on);
    cluster.vm("big", full, 0.1, gib(60));
    cluster.tick();
    cluster.at(lost).lost = true;
    cluster.at(lost).connection = Connection::down;
    const std::string reason = "8 VMs of lost hosts find no place on the hosts that are on";
    SECTION("it has") {
        const Plan plan = cluster.plan();
        CHECK(plan.restarts.empty());
        REQUIRE(plan.power.size() == 1);
        CHECK(plan.power.front().on);
        CHECK(plan.power.front().reason == reason);
        switch_power(cluster, plan.power.front().host.value, PowerState::switching_on);
        CHECK(cluster.plan().power.empty());  // one is coming
        switch_power(cluster, plan.power.front().host.value, PowerState::on);
        cluster.tick();
        CHECK(cluster.plan().restarts.size() == 8);
    }
    SECTION("what it has is not known") {
        for (auto& [id, host] : cluster.inventory.hosts)
            if (host.power == PowerState::off) host.facts = {};
        REQUIRE(cluster.plan().power.size() == 1);
        CHECK(cluster.plan().power.front().reason == reason);
    }
    SECTION("it is too small") {
        for (auto& [id, host] : cluster.inventory.hosts)
            if (host.power == PowerState::off) host.facts.memory_total = gib(1);
        CHECK(cluster.plan().power.empty());
    }
    SECTION("it has not what they need") {
        for (auto& [id, host] : cluster.inventory.hosts)
            if (host.power == PowerState::off) host.facts.networks.clear();
        CHECK(cluster.plan().power.empty());
    }
    SECTION("hosts are not to be switched") {
        cluster.options.consolidation.enabled = false;
        CHECK(cluster.plan().power.empty());
    }
}
