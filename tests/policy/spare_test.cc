// Whether the cluster can do without a host for a while.
#include "policy/spare.h"

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
