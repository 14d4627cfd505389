// plan() as the daemon calls it, on large synthetic clusters (large_cluster.h). Prints one line of JSON.
//   bench_plan overload|uneven HOSTS SEED [STEPS]
//       one plan; STEPS of balance's search, 0: as many as it takes by itself
//   bench_plan unchanged HOSTS SEED
//       the planner that the daemon keeps: a plan of the uneven cluster, then others after samples that differ in
//       nothing but their time
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "bench/large_cluster.h"
#include "bench/measure.h"
#include "policy/estimators.h"
#include "policy/planner.h"

using namespace ballast;

namespace {

std::size_t overloads(const Plan& plan, bool only_resolved) {
    return static_cast<std::size_t>(
        std::count_if(plan.findings.begin(), plan.findings.end(), [&](const Finding& finding) {
            return finding.trigger == Trigger::overload && (finding.resolved_by_plan || !only_resolved);
        }));
}

// What balance makes small once all moves are made: the plan itself tells of the part that is CPU.
double unevenness(const Plan& plan, const bench::LargeCluster& cluster) {
    std::map<HostId, double> used;  // memory, as a part of all
    for (const auto& [id, host] : plan.hosts) used[id] = host.memory_demand;
    for (const Move& move : plan.moves) {
        const auto size = static_cast<double>(policy::memory_resident(cluster.inventory.vms.at(move.vm)).count);
        const auto part = [&](const HostId& host) {
            return size / static_cast<double>(cluster.inventory.hosts.at(host).facts.memory_total.count);
        };
        used[move.from] -= part(move.from);
        used[move.to] += part(move.to);
    }
    double sum = 0, squares = 0;
    for (const auto& [id, ratio] : used) sum += ratio, squares += ratio * ratio;
    const double hosts = static_cast<double>(used.size());
    const double memory = std::sqrt(std::max(0.0, squares / hosts - sum / hosts * (sum / hosts)));
    const policy::BalanceOptions& options = cluster.options.balance;
    return (options.cpu_weight * plan.score_after + options.memory_weight * memory) /
           (options.cpu_weight + options.memory_weight);
}

void run(const bench::LargeCluster& cluster, std::uint64_t steps) {
    const double inventory_mib = bench::peak_mib();
    const double start = bench::cpu_seconds();
    const Plan plan = policy::plan(cluster.inventory, cluster.memory, cluster.options, cluster.now, {steps});
    const double cpu_s = bench::cpu_seconds() - start;
    std::printf(
        "{\"vms\": %zu, \"cpu_s\": %.4f, \"moves\": %zu, \"findings\": %zu, \"resolved\": %zu, \"score_before\": "
        "%.6f, \"score\": %.6f, \"uneven\": %.6f, \"inventory_mib\": %.0f, \"peak_mib\": %.0f}\n",
        cluster.inventory.vms.size(), cpu_s, plan.moves.size(), overloads(plan, false), overloads(plan, true),
        plan.score_before, plan.score_after, unevenness(plan, cluster), inventory_mib, bench::peak_mib());
}

// All as before, later.
void sample_again(bench::LargeCluster& cluster) {
    cluster.now += std::chrono::seconds{10};
    *cluster.inventory.wall_time += std::chrono::seconds{1};
    for (auto& [id, host] : cluster.inventory.hosts) host.sampled_at = cluster.now;
    for (auto& [id, host] : cluster.memory.hosts) host.last_sample = cluster.now;
    for (auto& [id, vm] : cluster.memory.vms) vm.last_sample = cluster.now;
}

void unchanged(bench::LargeCluster cluster) {
    constexpr int times = 9;
    // A move of the last hours is told with its age, which changes.
    for (PastMove& move : cluster.inventory.past_moves) move.ended -= std::chrono::hours{24};
    policy::Planner planner;
    double cpu_s[1 + times];
    for (double& taken : cpu_s) {
        const double start = bench::cpu_seconds();
        planner.plan(cluster.inventory, cluster.memory, cluster.options, cluster.now);
        taken = bench::cpu_seconds() - start;
        sample_again(cluster);
    }
    std::sort(cpu_s + 1, cpu_s + 1 + times);
    std::printf("{\"vms\": %zu, \"full_s\": %.4f, \"unchanged_s\": %.6f, \"reused\": %llu, \"peak_mib\": %.0f}\n",
                cluster.inventory.vms.size(), cpu_s[0], cpu_s[1 + times / 2],
                static_cast<unsigned long long>(planner.reused()), bench::peak_mib());
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (argc < 4 || argc > 5 || (what != "overload" && what != "uneven" && what != "unchanged")) {
        std::fprintf(stderr, "usage: %s overload|uneven HOSTS SEED [STEPS] | unchanged HOSTS SEED\n", argv[0]);
        return 2;
    }
    const auto trouble = what == "overload" ? bench::Trouble::overload : bench::Trouble::uneven;
    auto cluster =
        bench::large_cluster(std::strtoul(argv[2], nullptr, 10), std::strtoul(argv[3], nullptr, 10), trouble);
    if (what == "unchanged")
        unchanged(std::move(cluster));
    else
        run(cluster, argc == 5 ? std::strtoul(argv[4], nullptr, 10) : 0);
    return 0;
}
