// Whether the cluster can do without a host for a while.
#include "policy/spare.h"

#include "policy/fleet.h"
#include "tests/policy/plan_text.h"
#include "tests/policy/random_rules.h"

using namespace ballast;
using namespace ballast::test;

namespace {

std::string objection(const Cluster& cluster, const char* host) {
    return policy::objection_to_maintenance(cluster.inventory, cluster.memory, cluster.options, cluster.now, {host});
}

}  // namespace

TEST_CASE("A host whose VMs find room can be spared, whether it has any or not") {
    const Cluster cluster = small_cluster();
    CHECK(objection(cluster, "h1").empty());
    CHECK(objection(cluster, "h2").empty());
    CHECK(objection(cluster, "h3").empty());
    CHECK(objection(cluster, "h9") == "there is no such host");
}

TEST_CASE("A VM that cannot leave speaks against it, by name and reason") {
    Cluster cluster = small_cluster();
    SECTION("wherever it should go") {
        cluster.guest("a").facts.wishes.no_migrate = true;
        CHECK(objection(cluster, "h1").starts_with("a cannot leave: a rule or its own metadata says"));
        CHECK(objection(cluster, "h3").empty());  // who stays elsewhere does not matter for this one
    }
    SECTION("for want of room") {
        for (const char* host : {"h2", "h3"}) cluster.vm(std::string("big-") + host, host, 1, gib(16));
        cluster.guest("a").facts.memory = cluster.guest("a").load.memory_rss.emplace(gib(20));
        cluster.persist(1min);
        CHECK(objection(cluster, "h1").starts_with("a cannot leave: no host can take it (h2: memory "));
    }
}

TEST_CASE("Others may make room") {
    Cluster cluster;
    for (const char* host : {"h1", "h2", "h3"}) cluster.host(host, 10, gib(32));
    cluster.vm("a", "h1", 1, gib(20));
    cluster.vm("b", "h2", 1, gib(12));
    cluster.vm("c", "h3", 1, gib(12));
    cluster.persist(1min);
    CHECK(objection(cluster, "h1").empty());
    cluster.guest("b").facts.wishes.no_migrate = cluster.guest("c").facts.wishes.no_migrate = true;
    CHECK_FALSE(objection(cluster, "h1").empty());
}

TEST_CASE("The room kept for a loss has to be there meanwhile, where the policy asks for it") {
    Cluster cluster;
    for (const char* host : {"h1", "h2", "h3"}) {
        cluster.host(host, 10, gib(32));
        cluster.vm(std::string("on-") + host, host, 1, gib(14));
    }
    cluster.persist(1min);
    CHECK(objection(cluster, "h1").empty());
    cluster.options.admission.host_failures = 1;
    CHECK(objection(cluster, "h1").find("would be missing after the loss of 1 host") != std::string::npos);
}

TEST_CASE("What objects to a maintenance is what a plan of it would say") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        Cluster cluster = random_rules(seed);
        cluster.options.admission = {};
        const auto& host = cluster.inventory.hosts.begin()->first;
        const std::string against = objection(cluster, host.value.c_str());
        cluster.inventory.hosts.begin()->second.maintenance = true;
        const Plan plan = cluster.plan();
        const bool stays = std::any_of(plan.immovable.begin(), plan.immovable.end(), [&](const Rejection& rejection) {
            return cluster.inventory.vms.at(rejection.vm).host == host;
        });
        if (stays == against.empty()) FAIL_CHECK("seed " << seed << ": " << against);
    }
    SUCCEED();
}

namespace {

/// Two hosts in each of two sites; site a holds 28 of 64 GiB, site b `in_b` GiB on each host.
Cluster sites_with(std::uint64_t in_b) {
    Cluster cluster;
    for (const char* name : {"a1", "a2", "b1", "b2"}) {
        cluster.host(name, 10, gib(32)).site = std::string(name).substr(0, 1);
        cluster.vm(std::string("on-") + name, name, 1, name[0] == 'a' ? gib(14) : gib(in_b));
    }
    cluster.options.admission.host_failures = 1;
    cluster.persist(1min);
    return cluster;
}

std::string warnings_of(const Cluster& cluster) {
    std::string all;
    for (const std::string& warning : cluster.plan().warnings) all += warning + "\n";
    return all;
}

}  // namespace

TEST_CASE("Room for a loss is that of the lost host's own site") {
    Cluster cluster = sites_with(20);  // 40 GiB on b, where one host alone holds 30; the other site has the room
    CHECK(warnings_of(cluster).find("of memory would be missing in site b after the loss of 1 host") !=
          std::string::npos);
    CHECK(warnings_of(cluster).find("site a") == std::string::npos);
    cluster.options.failover.across_sites = true;
    CHECK(warnings_of(cluster).empty());
}

TEST_CASE("What another site lacks does not speak against a host's maintenance") {
    Cluster cluster = sites_with(20);
    for (const char* name : {"a3", "a4"}) cluster.host(name, 10, gib(32)).site = "a";
    cluster.persist(1min);
    CHECK(objection(cluster, "a1").empty());
    CHECK_FALSE(objection(cluster, "b1").empty());
}

TEST_CASE("Each site keeps as many hosts on as bear the loss of one of them, and wakes its own") {
    Cluster cluster;
    for (const char* name : {"a1", "a2", "a3", "b1", "b2", "b3"}) {
        Host& host = cluster.host(name, 10, gib(32));
        host.site = std::string(name).substr(0, 1);
        host.power_managed = true;
        host.power_since = cluster.now - 24h;
    }
    for (const char* name : {"a1", "b1", "b2"}) cluster.vm(std::string("on-") + name, name, 1, gib(14));
    cluster.options.admission.host_failures = 1;
    cluster.options.consolidation.enabled = true;
    cluster.persist(1min);
    const policy::Context context =
        policy::make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
    const policy::ClusterView view(context);
    const policy::Fleet fleet(view);
    CHECK(fleet.sites() == 2);
    const auto off = [&](std::initializer_list<std::size_t> hosts) {
        policy::HostFlags flags = fleet.none();
        for (const std::size_t host : hosts) flags[host] = true;
        return fleet.lacking_without(flags, 0.9);
    };
    CHECK(off({2}).empty());  // a1 and a2 stay: 14 GiB, and one of them holds 30
    CHECK(off({1, 2}).find("in site a after the loss of 1 host") != std::string::npos);
    CHECK(off({5}).empty());  // b1 and b2: 28 GiB
    CHECK(off({4, 5}).find("in site b") != std::string::npos);

    cluster.at("b3").power = PowerState::off;
    cluster.at("a3").power = PowerState::off;
    for (const char* name : {"a3", "b3"}) cluster.at(name).connection = Connection::down;
    cluster.vm("more", "b1", 1, gib(10));
    cluster.persist(1min);
    std::size_t woken = 0;
    for (const PowerChange& change : cluster.plan().power) {
        if (!change.on) continue;
        ++woken;
        CHECK(change.host.value == "b3");
        CHECK(change.reason.find("would be missing in site b") != std::string::npos);
    }
    CHECK(woken == 1);
}
