// hbal's clusters as inventories.
#include "interchange/hbal_inventory.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::interchange;

namespace {

HbalCluster two_groups() {
    HbalCluster cluster;
    cluster.groups = {{"a", "u1", 4}, {"b", "u2", 4}};
    for (const char* name : {"n1", "n2", "n3"}) {
        HbalNode node;
        node.name = name;
        node.total_memory_mib = 4096;
        node.free_memory_mib = 3072;
        node.cpus = 8;
        cluster.nodes.push_back(node);
    }
    cluster.nodes[1].offline = true;
    cluster.nodes[2].group = 1;
    HbalInstance instance;
    instance.name = "i1";
    instance.memory_mib = 1024;
    instance.vcpus = 2;
    instance.status = "running";
    instance.disk_template = "ext";
    instance.tags = {"db:x", "other"};
    instance.utilisation = {0.5, 1, 1, 1};
    cluster.instances = {instance, instance, instance};
    cluster.instances[1].name = "i2";
    cluster.instances[1].disk_template = "drbd";
    cluster.instances[1].node = 2;
    cluster.instances[2].name = "i3";
    cluster.instances[2].status = "ADMIN_down";
    cluster.instances[2].auto_balance = false;
    cluster.exclusion_prefixes = {"db"};
    return cluster;
}

}  // namespace

TEST_CASE("Each fact of an hbal cluster becomes what Ballast has for it") {
    const Inventory inventory = to_inventory(two_groups(), true);
    CHECK(inventory.hosts.at({"n1"}).facts.memory_total == gib(4));
    CHECK(inventory.hosts.at({"n1"}).load.memory_available == gib(3));
    CHECK(inventory.hosts.at({"n2"}).connection == Connection::down);
    const Vm& first = inventory.vms.at({"i1"});
    CHECK(first.host == HostId{"n1"});
    CHECK(first.facts.memory == gib(1));
    CHECK(first.load.cpu_used_cores == 0.5);
    CHECK(first.facts.wishes.only_on == std::vector<HostId>{{"n1"}, {"n2"}});
    CHECK(first.facts.wishes.keep_apart == std::vector<std::string>{"db:x"});
    CHECK(first.facts.blockers.empty());
    REQUIRE(inventory.vms.at({"i2"}).facts.blockers.size() == 1);
    CHECK(inventory.vms.at({"i2"}).facts.blockers[0].reason == Reason::local_storage);
    CHECK(inventory.vms.at({"i3"}).state == VmState::shut_off);
    CHECK(inventory.vms.at({"i3"}).facts.wishes.no_migrate);
    CHECK_FALSE(to_inventory(two_groups(), false).vms.at({"i1"}).load.cpu_used_cores);
}
