#include <cmath>
#include <limits>

#include "policy/capacity.h"
#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {
Cluster one_host(double cpu) {
    Cluster cluster;
    cluster.host("host1");
    cluster.vm("a", "host1", cpu);
    return cluster;
}
}  // namespace

TEST_CASE("Demand counts what a VM used and what it waited for, up to its vCPUs") {
    Cluster cluster = one_host(2);
    cluster.guest("a").load.ready_ratio = 0.25;
    cluster.tick();
    CHECK(cluster.memory.vms.at({"id-a"}).cpu_demand_cores == Approx(3));
    CHECK(cluster.seen("host1").cpu_demand_cores == Approx(3));
    cluster.guest("a").load.ready_ratio = 0.9;
    CHECK(policy::measured_demand(cluster.guest("a")) == 4.0);
}

TEST_CASE("A host's demand counts what it uses beyond its VMs") {
    Cluster cluster = one_host(2);
    cluster.measures_hosts = false;
    cluster.at("host1").load.cpu_used_cores = 5;
    cluster.tick();
    CHECK(cluster.seen("host1").other_cpu_cores == Approx(3));
    CHECK(cluster.seen("host1").cpu_demand_cores == Approx(5));
}

TEST_CASE("A new value weighs as much as the time it stands for") {
    const Duration tau = policy::smoothing_time(policy::OverloadOptions{});
    CHECK(tau == 30s);
    const double whole = policy::blend(0, 1, policy::weight_of(20s, tau));
    const double half = policy::blend(0, 1, policy::weight_of(10s, tau));
    CHECK(policy::blend(half, 1, policy::weight_of(10s, tau)) == Approx(whole));
    CHECK(policy::weight_of(0s, tau) == 0);
    CHECK(policy::weight_of(10s, 0s) == 1);
    policy::OverloadOptions quick;
    quick.cpu.persistence = 20s;
    CHECK(policy::smoothing_time(quick) == 5s);
}

TEST_CASE("The same sample is not counted twice") {
    Cluster cluster = one_host(1);
    cluster.tick();
    cluster.guest("a").load.cpu_used_cores = 4;
    cluster.tick();
    const policy::Memory once = cluster.memory;
    for (int i = 0; i < 5; ++i) {
        cluster.now += 1min;
        cluster.observe();
    }
    CHECK(cluster.memory.vms.at({"id-a"}).cpu_demand_cores == once.vms.at({"id-a"}).cpu_demand_cores);
    CHECK(cluster.seen("host1").cpu_demand_cores == once.hosts.at({"host1"}).cpu_demand_cores);
}

TEST_CASE("An overload is detected in the very cycle whose sample crosses the persistence") {
    Cluster cluster = one_host(4);
    cluster.at("host1").facts.cpus = 4;
    cluster.tick();
    cluster.persist(4min + 50s);
    CHECK_FALSE(cluster.seen("host1").cpu.set);
    cluster.tick();
    CHECK(cluster.seen("host1").cpu.set);
}

TEST_CASE("One odd sample neither starts nor ends an overload") {
    Cluster cluster = one_host(4);
    cluster.at("host1").facts.cpus = 4;
    cluster.persist(3min);
    const auto since = cluster.seen("host1").cpu.above_since;
    REQUIRE(since);
    cluster.guest("a").load.cpu_used_cores = 2.4;
    cluster.tick();
    CHECK(cluster.seen("host1").cpu.above_since == since);
    cluster.guest("a").load.cpu_used_cores = 1;
    cluster.persist(3min);
    cluster.guest("a").load.cpu_used_cores = 3.8;
    cluster.tick();
    cluster.guest("a").load.cpu_used_cores = 1;
    cluster.tick();
    CHECK_FALSE(cluster.seen("host1").cpu.above_since);
}

TEST_CASE("A stale host keeps its state and gains nothing") {
    Cluster cluster = one_host(4);
    cluster.at("host1").facts.cpus = 4;
    cluster.persist(4min);
    const auto before = cluster.seen("host1");
    cluster.at("host1").stale = true;
    cluster.persist(10min);
    CHECK(cluster.seen("host1").cpu.above_since == before.cpu.above_since);
    CHECK_FALSE(cluster.seen("host1").cpu.set);
    CHECK(cluster.seen("host1").last_sample == before.last_sample);
    cluster.at("host1").stale = false;
    cluster.tick();
    CHECK_FALSE(cluster.seen("host1").cpu.set);  // ten minutes without a sample prove nothing
}

TEST_CASE("A VM measured for the first time does not count twice") {
    Cluster cluster = one_host(4);
    cluster.guest("a").load.cpu_used_cores.reset();
    cluster.measures_hosts = false;
    cluster.at("host1").load.cpu_used_cores = 4;
    cluster.tick();
    CHECK(cluster.seen("host1").cpu_demand_cores == Approx(4));
    cluster.guest("a").load.cpu_used_cores = 4;
    cluster.tick();
    CHECK(cluster.seen("host1").cpu_demand_cores == Approx(4));
}

TEST_CASE("Load that was not measured is not known, rather than zero") {
    Cluster cluster = one_host(4);
    cluster.measures_hosts = false;
    cluster.at("host1").load = {};
    cluster.guest("a").load = {};
    cluster.tick();
    CHECK_FALSE(cluster.seen("host1").cpu_known);
    CHECK_FALSE(cluster.seen("host1").cpu.last_value);
    CHECK_FALSE(cluster.seen("host1").ready.last_value);
    CHECK_FALSE(cluster.seen("host1").memory.last_value);
    CHECK_FALSE(cluster.seen("host1").memory_pressure.last_value);
    CHECK_FALSE(policy::demand_known(cluster.guest("a"), cluster.memory));
    CHECK(policy::demand_cores(cluster.guest("a"), cluster.memory) == 2.0);  // half of four vCPUs
}

TEST_CASE("Values that are no load are treated as not measured") {
    const double bad = GENERATE(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1.0,
                                -std::numeric_limits<double>::infinity());
    Cluster cluster = one_host(2);
    cluster.tick();
    cluster.guest("a").load.cpu_used_cores = bad;
    cluster.guest("a").load.ready_ratio = bad;
    cluster.measures_hosts = false;
    cluster.at("host1").load.cpu_used_cores = bad;
    cluster.at("host1").load.pressure.memory_some = bad;
    cluster.tick();
    CHECK(cluster.seen("host1").cpu_demand_cores == Approx(2));
    CHECK(cluster.seen("host1").ready_ratio == 0);
    CHECK_FALSE(cluster.seen("host1").memory_pressure.last_value);
}

TEST_CASE("Ready time is the mean over the vCPUs of a host") {
    Cluster cluster = one_host(1);
    cluster.guest("a").load.ready_ratio = 0.4;  // 4 vCPUs
    cluster.vm("b", "host1", 1, gib(1), 12);
    cluster.tick();
    CHECK(cluster.seen("host1").ready_ratio == Approx(0.1));
}

TEST_CASE("Who left the cluster is forgotten: hosts at once, VMs after ten minutes") {
    Cluster cluster = one_host(1);
    cluster.host("host2");
    cluster.tick();
    cluster.inventory.hosts.erase({"host2"});
    cluster.inventory.vms.erase({"id-a"});
    cluster.tick();
    CHECK(cluster.memory.hosts.size() == 1);
    CHECK(cluster.memory.vms.size() == 1);
    cluster.persist(10min);
    CHECK(cluster.memory.vms.empty());
}

TEST_CASE("A reserve takes CPUs off what guests can use, and memory by ratio or minimum") {
    Cluster cluster = one_host(1);
    policy::Options options;
    CHECK(policy::usable_cpus(cluster.at("host1"), options) == Approx(9));
    CHECK(policy::reserved_memory(cluster.at("host1"), options) == scaled(gib(64), 0.05));
    cluster.at("host1").facts.memory_total = gib(4);
    CHECK(policy::reserved_memory(cluster.at("host1"), options) == mib(512));
    options.reserve.cpu = 1.5;
    CHECK(policy::usable_cpus(cluster.at("host1"), options) == 0);
}
