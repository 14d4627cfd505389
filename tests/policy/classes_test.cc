// What load cannot change is asked once for a pair of classes: the answer has to be that of asking each pair.
#include "policy/classes.h"

#include "policy/constraints/constraint.h"
#include "tests/policy/random_sites.h"

using namespace ballast;
using namespace ballast::policy;
using namespace ballast::test;

namespace {

constexpr std::uint64_t cases = 2000;

Context context_of(const Cluster& cluster) {
    return make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
}

Classes classes_in(const Cluster& cluster) {
    const Context context = context_of(cluster);
    return classes_of(context);
}

Cluster three_hosts() {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"a", "b", "c", "d"}) cluster.vm(name, "host1", 1);
    return cluster;
}

Rule rule(Rule::Kind kind, std::vector<std::string> vms, std::vector<HostId> hosts) {
    return {kind, "r", std::move(vms), std::move(hosts), ""};
}

}  // namespace

TEST_CASE("Classes give the verdict of asking each VM on each host") {
    std::size_t allowed = 0, forbidden = 0, vms = 0, classes_of_vms = 0;
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Cluster cluster = random_rules(seed);
        const Context context = context_of(cluster);
        const Classes classes = classes_of(context);
        std::size_t v = 0;
        for (const auto& [vm_id, vm] : cluster.inventory.vms) {
            std::size_t h = 0;
            for (const auto& [host_id, host] : cluster.inventory.hosts) {
                const bool direct = statically_accepts(context, vm, host);
                if (classes.accepts(classes.of_vm[v], classes.of_host[h]) != direct)
                    FAIL_CHECK("seed " << seed << ": " << vm.facts.name << " on " << host_id.value);
                ++(direct ? allowed : forbidden);
                ++h;
            }
            ++v;
        }
        vms += cluster.inventory.vms.size();
        classes_of_vms += classes.vm_classes;
    }
    CHECK(allowed > forbidden / 10);
    CHECK(forbidden > allowed / 10);
    CHECK(classes_of_vms < vms);
}

TEST_CASE("Classes give the verdict of asking also where hosts stand in several sites, and some are left for another") {
    for (std::uint64_t seed = 0; seed < cases / 4; ++seed) {
        const Cluster cluster = random_sites(seed);
        const Context context = context_of(cluster);
        const Classes classes = classes_of(context);
        std::size_t v = 0;
        for (const auto& [vm_id, vm] : cluster.inventory.vms) {
            std::size_t h = 0;
            for (const auto& [host_id, host] : cluster.inventory.hosts) {
                const bool direct = statically_accepts(context, vm, host);
                if (classes.accepts(classes.of_vm[v], classes.of_host[h++]) != direct)
                    FAIL_CHECK("seed " << seed << ": " << vm.facts.name << " on " << host_id.value);
            }
            ++v;
        }
    }
}

TEST_CASE("VMs that differ in nothing but their own disks are one class, on hosts that are one") {
    const Classes classes = classes_in(three_hosts());
    CHECK(classes.vm_classes == 1);
    CHECK(classes.host_classes == 1);
    CHECK(classes.allowed == std::vector<std::uint8_t>{1});
}

TEST_CASE("A host is a class of its own only where a VM has to heed that it is named") {
    Cluster cluster = three_hosts();
    SECTION("a pin") {
        cluster.options.rules = {rule(Rule::Kind::pin, {"a"}, {{"host2"}})};
        const Classes classes = classes_in(cluster);
        CHECK(classes.host_classes == 2);
        CHECK(classes.of_host == std::vector<std::uint32_t>{0, 1, 0});
        CHECK(classes.of_vm == std::vector<std::uint32_t>{0, 1, 1, 1});
        CHECK(classes.allowed == std::vector<std::uint8_t>{0, 1, 1, 1});
    }
    SECTION("a pin that names no VM there is") {
        cluster.options.rules = {rule(Rule::Kind::pin, {"nobody"}, {{"host2"}})};
        CHECK(classes_in(cluster).host_classes == 1);
    }
    SECTION("a mere preference") {
        cluster.options.rules = {rule(Rule::Kind::prefer, {"a"}, {{"host2"}})};
        CHECK(classes_in(cluster).host_classes == 1);
        CHECK(classes_in(cluster).vm_classes == 1);
    }
    SECTION("the wishes of two VMs for the same two hosts") {
        cluster.guest("a").facts.wishes.only_on = {{"host1"}, {"host2"}};
        cluster.guest("b").facts.wishes.only_on = {{"host2"}, {"host1"}};
        CHECK(classes_in(cluster).host_classes == 2);
        CHECK(classes_in(cluster).vm_classes == 2);
    }
}

TEST_CASE("Hosts that differ in what nobody needs are one class") {
    Cluster cluster = three_hosts();
    cluster.at("host2").facts.networks.insert("dmz");
    cluster.at("host3").facts.cpu_by_virt_type["kvm"].models.insert("EPYC");
    CHECK(classes_in(cluster).host_classes == 1);
    cluster.guest("a").facts.requirements.networks.insert("dmz");
    CHECK(classes_in(cluster).host_classes == 2);
}

TEST_CASE("Guests that see their host's CPU are told apart by what their host has") {
    Cluster cluster = three_hosts();
    cluster.at("host3").facts.cpu_by_virt_type["kvm"].host_model = "AMD EPYC";
    for (const char* name : {"a", "b", "c"})
        cluster.guest(name).facts.requirements.cpu = {CpuRequirement::Mode::host_passthrough, "", {}};
    cluster.guest("b").host = {"host2"};
    cluster.guest("c").host = {"host3"};
    const Classes classes = classes_in(cluster);
    CHECK(classes.of_vm == std::vector<std::uint32_t>{0, 0, 1, 2});
    CHECK(classes.of_host == std::vector<std::uint32_t>{0, 0, 1});
    CHECK(classes.allowed == std::vector<std::uint8_t>{1, 0, 0, 1, 1, 1});
}
