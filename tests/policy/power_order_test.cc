// What an operator's order to switch a host off is refused for.
#include "policy/power_order.h"

#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {

std::string objection(const Cluster& cluster, const std::string& host) {
    return policy::objection_to_power_off(cluster.inventory, cluster.memory, cluster.options, cluster.now, {host});
}

}  // namespace

TEST_CASE("A host that the policy wants on is not switched off by an order") {
    Cluster cluster = small_cluster();
    cluster.options.consolidation.min_hosts_on = 2;
    CHECK(objection(cluster, "h3").empty());
    SECTION("never_off") {
        cluster.options.consolidation.never_off = {{"h3"}};
        CHECK(objection(cluster, "h3") ==
              "it is never switched off (never_off, or the daemon or a member of etcd runs on it)");
        CHECK(objection(cluster, "h1").empty());
    }
    SECTION("min_hosts_on") {
        cluster.options.consolidation.min_hosts_on = 3;
        CHECK(objection(cluster, "h3") == "3 hosts are on and the policy's min_hosts_on is 3");
    }
    SECTION("the last host") {
        cluster.options.consolidation.min_hosts_on = 0;
        for (const char* off : {"h2", "h3"}) cluster.at(off).connection = Connection::down;
        for (const char* off : {"h2", "h3"}) cluster.at(off).stale = true;
        CHECK(objection(cluster, "h1") == "1 hosts are on and the policy's min_hosts_on is 1");
    }
    SECTION("the loss of a host") {
        cluster.options.admission.host_failures = 1;
        CHECK(objection(cluster, "h3").empty());
        for (const char* name : {"a", "b", "c"}) cluster.guest(name).facts.memory = gib(20);
        CHECK(objection(cluster, "h3").find("of memory would be missing after the loss of 1 host") !=
              std::string::npos);
    }
}

TEST_CASE("A host that holds up nothing may be off") {
    Cluster cluster = small_cluster();
    cluster.options.consolidation.min_hosts_on = 3;
    SECTION("in maintenance") {
        cluster.at("h3").maintenance = true;
    }
    SECTION("that does not report") {
        cluster.at("h3").stale = true;
    }
    CHECK(objection(cluster, "h3").empty());
}
