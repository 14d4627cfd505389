// Why a host stays on.
#include "policy/staying.h"

#include "tests/policy/quiet_cluster.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("What keeps a host on is told: the first of what consolidation asks for") {
    Cluster cluster = quiet();
    auto& options = cluster.options.consolidation;
    const auto why = [&](const char* host) {
        const auto context = policy::make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
        return policy::reason_to_stay_on(policy::ClusterView(context), {host});
    };
    CHECK(why("host9").empty());
    SECTION("not enabled") {
        options.enabled = false;
        CHECK(why("host1").empty());
    }
    SECTION("never off") {
        options.never_off = {{"host1"}};
        CHECK(why("host1").starts_with("it is never switched off"));
        cluster.at("host2").power_managed = false;
        CHECK(why("host2").starts_with("Ballast cannot switch it"));
    }
    SECTION("a closed window") {
        options.windows = {{"night", {{0, 6, 22 * 60, 6 * 60}}, {}}, {"never", {}, {}}};
        cluster.inventory.wall_time = WallTime{} + 12h;
        CHECK(why("host1") == "no window of consolidation is open until Thu 22:00 (UTC)");
        options.windows.erase(options.windows.begin());
        CHECK(why("host1") == "no window of consolidation is open");
    }
    SECTION("watch") {
        options.watch = 24h;
        CHECK(why("host1").starts_with("load was watched for "));
        CHECK(why("host1").ends_with(" (watch)"));
    }
    SECTION("min_time_on") {
        options.min_time_on = 1h;
        cluster.at("host1").power_since = cluster.now - 12min;
        CHECK(why("host1") ==
              "it is on for " + to_string(Duration(12min)) + ", less than min_time_on " + to_string(Duration(1h)));
    }
    SECTION("min_hosts_on") {
        options.min_hosts_on = 4;
        CHECK(why("host1") == "4 hosts are on, and min_hosts_on is 4");
    }
    SECTION("shut off VMs") {
        cluster.vm("shut", "host4", 0).state = VmState::shut_off;
        CHECK(why("host4").starts_with("VMs that are shut off are defined on it"));
    }
    SECTION("the reserve") {
        cluster.options.admission.host_failures = 3;
        for (auto& [id, vm] : cluster.inventory.vms) vm.facts.memory = gib(7);
        CHECK(why("host1").starts_with("the reserve needs it: "));
    }
    SECTION("one that is off") {
        switch_power(cluster, "host1", PowerState::off);
        CHECK(why("host1").empty());
    }
}
