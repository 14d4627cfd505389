// Limits of CPU demand that follow a host's own past, and the other signs of overload beside the classic ones.
#include "policy/overload_limit.h"

#include "policy/need.h"
#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;
using policy::CpuMethod;

namespace {

policy::OverloadOptions with_method(CpuMethod method) {
    policy::OverloadOptions options;
    options.cpu_method = method;
    return options;
}

// Restless around a half: from 0.4 to 0.6 and back.
std::vector<double> restless(std::size_t count, double swing = 0.1) {
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(0.5 + (i % 2 == 0 ? swing : -swing));
    return values;
}

// One busy VM on host1 whose demand swings from slot to slot; host2 is idle.
Cluster swinging(CpuMethod method) {
    Cluster cluster;
    cluster.options.overload.cpu = {0.9, 0.8, 5min};
    cluster.options.overload.cpu_method = method;
    cluster.options.balance.enabled = false;
    cluster.host("host1", 10);
    cluster.host("host2", 10);
    cluster.vm("a", "host1", 3, gib(2), 8);
    cluster.vm("b", "host1", 3, gib(2), 8);
    for (int slot = 0; slot < 24; ++slot) {
        cluster.guest("a").load.cpu_used_cores = 4.0 - 0.8 * (slot % 3);
        cluster.persist(5min);
    }
    return cluster;
}

}  // namespace

TEST_CASE("A fixed threshold and a short history leave the limit as it is configured") {
    CHECK_FALSE(policy::cpu_limit(restless(24), with_method(CpuMethod::threshold)).adapted);
    for (const CpuMethod method : {CpuMethod::iqr, CpuMethod::mad}) {
        const auto limit = policy::cpu_limit(restless(11), with_method(method));
        CHECK_FALSE(limit.adapted);
        CHECK(limit.above == 0.90);
    }
    CHECK_FALSE(policy::cpu_limit(restless(9), with_method(CpuMethod::lr)).adapted);
}

TEST_CASE("A restless host gets a lower limit, a quiet one the configured limit, none a limit below the floor") {
    CHECK(policy::cpu_limit(restless(24), with_method(CpuMethod::iqr)).above == Approx(0.70));        // 1 - 1.5 * 0.2
    CHECK(policy::cpu_limit(restless(24, 0.04), with_method(CpuMethod::iqr)).above == Approx(0.88));  // 1 - 1.5 * 0.08
    CHECK(policy::cpu_limit(restless(24, 0.04), with_method(CpuMethod::mad)).above == Approx(0.90));
    CHECK(policy::cpu_limit(restless(24, 0.06), with_method(CpuMethod::mad)).above == Approx(0.85));  // 1 - 2.5 * 0.06
    CHECK(policy::cpu_limit(restless(24, 0.3), with_method(CpuMethod::mad)).above == Approx(0.70));
    CHECK(policy::cpu_limit(restless(24, 0), with_method(CpuMethod::mad)).above == Approx(0.90));
    auto options = with_method(CpuMethod::iqr);
    options.cpu_safety = 3;
    options.cpu_floor = 0.5;
    CHECK(policy::cpu_limit(restless(24, 0.07), options).above == Approx(0.58));
}

TEST_CASE("A local regression sees a rise coming and compares it with 1 / safety") {
    std::vector<double> rising;
    for (int i = 0; i < 10; ++i) rising.push_back(0.3 + 0.05 * i);
    const auto limit = policy::cpu_limit(rising, with_method(CpuMethod::lr));
    CHECK(limit.adapted);
    CHECK(limit.above == Approx(1 / 1.2));
    REQUIRE(limit.expected);
    CHECK(*limit.expected == Approx(0.80));
}

TEST_CASE("A host's history is that of the VMs it has now, and what is not known stays out") {
    const auto history = [](Instant slot, std::vector<std::optional<double>> means) {
        policy::VmMemory memory;
        memory.cpu_demand_cores = 1;
        memory.history.slot = slot;
        memory.history.means = std::move(means);
        return memory;
    };
    const Instant now = Instant{} + 10h;
    const auto a = history(now, {2.0, std::nullopt, 4.0});
    const auto b = history(now - 5min, {3.0});  // its last slot ended when a's began to fill
    CHECK(policy::host_history({&a, &b}, 1, 10) == std::vector<double>{0.4, 0.5, 0.6});
    CHECK(policy::host_history({&a}, 0, 10) == std::vector<double>{0.2, 0.4});
    CHECK(policy::host_history({}, 1, 10).empty());
    const policy::VmMemory fresh;
    CHECK(policy::host_history({&fresh}, 1, 10).empty());
}

TEST_CASE("The lower limit keeps its distance from the one in force") {
    policy::HostMemory memory;
    policy::OverloadOptions options;
    CHECK(policy::cpu_threshold(memory, options).below == options.cpu.below);
    memory.cpu_limit = 0.8;
    CHECK(policy::cpu_threshold(memory, options).above == 0.8);
    CHECK(policy::cpu_threshold(memory, options).below == Approx(0.65));
    CHECK(policy::cpu_threshold(memory, options).persistence == options.cpu.persistence);
}

TEST_CASE("By IQR and MAD a restless host is overloaded at a demand that a fixed threshold lets pass, and told why") {
    CHECK(swinging(CpuMethod::threshold).plan().findings.empty());
    for (const auto& [method, name] : {std::pair(CpuMethod::iqr, "by the interquartile range of its last 2 h"),
                                       std::pair(CpuMethod::mad, "by the median absolute deviation of its last 2 h")}) {
        Cluster cluster = swinging(method);
        CHECK(cluster.seen("host1").cpu_limit < 0.9);
        cluster.guest("a").load.cpu_used_cores = 4.8;  // 87 % of nine CPUs
        const Plan plan = cluster.plan_after(6min);
        REQUIRE(plan.findings.size() == 1);
        CHECK_THAT(plan.findings[0].text, Catch::Contains(name));
        CHECK(plan.moves.size() == 1);
    }
}

TEST_CASE("By local regression a host whose demand rises is relieved before it arrives") {
    Cluster cluster;
    cluster.options.overload.cpu = {0.9, 0.8, 5min};
    cluster.options.overload.cpu_method = CpuMethod::lr;
    cluster.options.balance.enabled = false;
    cluster.host("host1", 10);
    cluster.host("host2", 10);
    cluster.vm("a", "host1", 1, gib(2), 8);
    cluster.vm("b", "host1", 3, gib(2), 8);
    double first = 0;
    for (int slot = 0; slot < 24 && cluster.plan().findings.empty(); ++slot) {
        cluster.guest("a").load.cpu_used_cores = first = 1 + 0.25 * slot;
        cluster.persist(5min);
    }
    CHECK(first + 3 < 0.9 * 9);
    const Plan plan = cluster.plan();
    REQUIRE(plan.findings.size() == 1);
    CHECK_THAT(plan.findings[0].text, Catch::Contains("by local regression, which expects"));
    CHECK(plan.moves.size() == 1);
}

TEST_CASE("A host that reads back from swap is short of memory") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("a", "host1", 1, gib(8));
    cluster.at("host1").load.swap_in_mib_per_s = 3;
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.findings.size() == 1);
    CHECK_THAT(plan.findings[0].text,
               Catch::Contains("host1 reads 3.0 MiB/s back from swap (limit 1.0 MiB/s for 5 min)"));
    CHECK(plan.moves.size() == 1);
    cluster.at("host1").load.swap_in_mib_per_s = 0.05;
    cluster.tick();
    CHECK_FALSE(cluster.seen("host1").swap.set);
}

TEST_CASE("A guest that swaps counts only while its balloon keeps memory from it") {
    Cluster cluster;
    cluster.host("host1");
    cluster.vm("a", "host1", 1, gib(8));
    cluster.guest("a").load.swap_in_mib_per_s = 3;
    cluster.persist();
    CHECK_FALSE(cluster.seen("host1").swap.last_value);  // whether it has all its memory is not known
    cluster.guest("a").load.memory_balloon = gib(8);
    cluster.persist();
    CHECK(cluster.seen("host1").swap.last_value);
    CHECK_FALSE(cluster.seen("host1").swap.above_since);
    cluster.guest("a").load.memory_balloon = gib(6);
    cluster.persist();
    CHECK(cluster.seen("host1").swap.set);
}

TEST_CASE("Swapping that was not measured is not known, rather than zero") {
    Cluster cluster;
    cluster.host("host1");
    cluster.vm("a", "host1", 1);
    cluster.persist();
    CHECK_FALSE(cluster.seen("host1").swap.last_value);
}

TEST_CASE("With the percentile a host needs room for more than a VM's mean; with the mean it does not") {
    Cluster cluster;
    cluster.options.estimator.method = policy::EstimatorOptions::Method::percentile;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("a", "host1", 1, gib(2), 8);
    for (int slot = 0; slot < 24; ++slot) {
        cluster.guest("a").load.cpu_used_cores = slot % 4 == 0 ? 6.0 : 1.0;
        cluster.persist(5min);
    }
    CHECK(policy::demand_cores(cluster.guest("a"), cluster.memory) == Approx(1).margin(0.01));
    CHECK(policy::planned_cores(cluster.guest("a"), &cluster.memory.vms.at(cluster.guest("a").id)) ==
          Approx(6).margin(0.1));
    cluster.vm("b", "host2", 4, gib(2), 8);
    cluster.tick();
    const auto crowded = cluster.refusals("a", "host2");
    REQUIRE(crowded.size() == 1);
    CHECK(crowded[0].reason == Reason::cpu);
    cluster.options.estimator.method = policy::EstimatorOptions::Method::ewma;
    cluster.tick();
    CHECK(policy::planned_cores(cluster.guest("a"), &cluster.memory.vms.at(cluster.guest("a").id)) ==
          policy::demand_cores(cluster.guest("a"), cluster.memory));
    CHECK(cluster.refusals("a", "host2").empty());
}

TEST_CASE("The estimator looks back as far as its window, and never below the mean") {
    policy::VmMemory memory;
    memory.cpu_demand_cores = 2;
    memory.history.means = {8.0, 8.0, 1.0, 1.0, 1.0, 1.0};
    policy::EstimatorOptions options;
    CHECK(policy::estimated_cores(memory, options) == 2);
    options.method = policy::EstimatorOptions::Method::percentile;
    CHECK(policy::estimated_cores(memory, options) == 8);
    options.window = 20min;
    CHECK(policy::estimated_cores(memory, options) == 2);
    memory.history.means.clear();
    CHECK(policy::estimated_cores(memory, options) == 2);
}
