// The room that is left, and the loss that can be borne.
#include "policy/capacity_report.h"

#include "tests/policy/cluster_builder.h"
#include "tests/policy/random_cluster.h"

using namespace ballast;
using namespace ballast::test;

namespace {

policy::CapacityReport report_of(const Cluster& cluster) {
    return policy::capacity(cluster.inventory, cluster.memory, cluster.options, cluster.now, policy::questions_at_once);
}

Cluster hosts_with(unsigned count, Bytes used_each) {
    Cluster cluster;
    for (unsigned i = 1; i <= count; ++i) {
        const std::string n = std::to_string(i);
        cluster.host("h" + n, 10, gib(32));
        cluster.vm("a" + n, "h" + n, 1, used_each);
    }
    cluster.persist(1min);
    return cluster;
}

}  // namespace

TEST_CASE("Room is counted over the hosts that take VMs") {
    Cluster cluster = hosts_with(3, gib(8));
    cluster.at("h3").maintenance = true;
    const auto report = report_of(cluster);
    CHECK(report.counted == std::vector<HostId>{{"h1"}, {"h2"}});
    CHECK(report.not_counted == std::vector<HostId>{{"h3"}});
    CHECK(report.cpu.total == 20);
    CHECK(report.cpu.reserved == Approx(2));
    CHECK(report.cpu.demand == Approx(2));
    CHECK(report.cpu.free == Approx(2 * (0.8 * 9 - 1)));
    CHECK(report.cpu.promised == 8);
    CHECK(report.memory.total == Approx(64.0 * (1 << 30)));
    CHECK(report.memory.promised == Approx(16.0 * (1 << 30)));
    CHECK(report.memory.free == Approx(2 * (32 * 0.95 - 8) * (1 << 30)));
}

TEST_CASE("The loss of a host is absorbed as long as all its VMs fit elsewhere") {
    const auto light = report_of(hosts_with(3, gib(12)));
    CHECK(light.survives_any_loss);
    CHECK(light.losses.size() == 3);
    const auto heavy = report_of(hosts_with(3, gib(20)));
    CHECK_FALSE(heavy.survives_any_loss);
    REQUIRE(heavy.losses[0].stranded.size() == 1);
    CHECK(heavy.losses[0].stranded[0].vm == VmId{"id-a1"});
    CHECK(heavy.losses[0].stranded[0].reason == Reason::no_target);
}

TEST_CASE("The largest VM is as large as what the roomiest host has left") {
    Cluster cluster = hosts_with(2, gib(8));
    cluster.guest("a1").facts.memory = gib(4);
    const auto report = report_of(cluster);
    REQUIRE(report.by_memory);
    CHECK(report.by_memory->host == HostId{"h1"});
    CHECK(report.by_memory->memory.gib() == Approx(32 * 0.95 - 8).margin(4.01));
    CHECK(report.by_cpu->cpu_cores == Approx(0.8 * 9 - 1));
    const auto full = report_of(hosts_with(2, gib(31)));
    CHECK_FALSE(full.by_memory);
}

TEST_CASE("Hosts can be off as long as their VMs fit elsewhere and a loss can still be absorbed") {
    const auto light = report_of(hosts_with(4, gib(2)));
    CHECK(light.could_be_off.size() == 2);  // one more would leave a single host, whose loss stops everything
    const auto heavy = report_of(hosts_with(4, gib(20)));
    CHECK(heavy.could_be_off.empty());
    Cluster stuck = hosts_with(4, gib(2));
    for (auto& [id, vm] : stuck.inventory.vms) vm.facts.wishes.no_migrate = true;
    CHECK(report_of(stuck).could_be_off.empty());
    Cluster busy = hosts_with(4, gib(2));
    for (auto& [id, vm] : busy.inventory.vms) vm.load.cpu_used_cores = 4;
    busy.persist(10min);
    CHECK(report_of(busy).could_be_off.empty());
    Cluster one_busy = hosts_with(4, gib(2));
    one_busy.guest("a1").facts.vcpus = 8;
    one_busy.guest("a1").load.cpu_used_cores = 8;
    one_busy.persist(10min);
    CHECK(report_of(one_busy).could_be_off.empty());
}

TEST_CASE("A host that is never off is none of those that could be") {
    Cluster cluster = hosts_with(3, gib(1));
    const auto before = report_of(cluster).could_be_off;
    REQUIRE_FALSE(before.empty());
    cluster.options.consolidation.never_off = before;
    for (const HostId& host : report_of(cluster).could_be_off)
        CHECK(std::find(before.begin(), before.end(), host) == before.end());
}

TEST_CASE("A report of any cluster is sane and the same for the same cluster") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        INFO("seed " << seed);
        const Cluster cluster = random_cluster(seed);
        const auto report = report_of(cluster);
        CHECK(report.counted.size() + report.not_counted.size() == cluster.inventory.hosts.size());
        CHECK(report.could_be_off.size() <= report.counted.size());
        CHECK(report.cpu.free >= 0);
        CHECK(report.memory.free <= report.memory.total);
        CHECK(report_of(cluster).could_be_off == report.could_be_off);
    }
}

TEST_CASE("A report that may ask little tries the fullest hosts and says how many it left out") {
    Cluster cluster = hosts_with(5, gib(4));
    cluster.guest("a3").facts.memory = gib(12);
    const auto report = policy::capacity(cluster.inventory, cluster.memory, cluster.options, cluster.now, 1);
    REQUIRE(report.losses.size() == 1);
    CHECK(report.losses[0].host == HostId{"h3"});
    CHECK(report.losses_not_tried == 4);
    CHECK(report.off_not_tried == 4);
}
