// plan() as the daemon calls it, on large synthetic clusters (large_cluster.h). Prints one line of JSON.
//   bench_plan overload|uneven HOSTS SEED [STEPS]   one plan; STEPS of balance's search, 0: as many as it takes by
//   itself
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/large_cluster.h"
#include "bench/measure.h"

using namespace ballast;

namespace {

std::size_t resolved(const Plan& plan) {
    std::size_t count = 0;
    for (const Finding& finding : plan.findings) count += finding.resolved_by_plan ? 1 : 0;
    return count;
}

void run(const bench::LargeCluster& cluster, std::uint64_t steps) {
    const double inventory_mib = bench::peak_mib();
    const double start = bench::cpu_seconds();
    const Plan plan = policy::plan(cluster.inventory, cluster.memory, cluster.options, cluster.now, {steps});
    const double cpu_s = bench::cpu_seconds() - start;
    std::printf(
        "{\"vms\": %zu, \"cpu_s\": %.4f, \"moves\": %zu, \"findings\": %zu, \"resolved\": %zu, \"score_before\": "
        "%.6f, \"score\": %.6f, \"inventory_mib\": %.0f, \"peak_mib\": %.0f}\n",
        cluster.inventory.vms.size(), cpu_s, plan.moves.size(), plan.findings.size(), resolved(plan), plan.score_before,
        plan.score_after, inventory_mib, bench::peak_mib());
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (argc < 4 || argc > 5 || (what != "overload" && what != "uneven")) {
        std::fprintf(stderr, "usage: %s overload|uneven HOSTS SEED [STEPS]\n", argv[0]);
        return 2;
    }
    const auto trouble = what == "overload" ? bench::Trouble::overload : bench::Trouble::uneven;
    run(bench::large_cluster(std::strtoul(argv[2], nullptr, 10), std::strtoul(argv[3], nullptr, 10), trouble),
        argc == 5 ? std::strtoul(argv[4], nullptr, 10) : 0);
    return 0;
}
