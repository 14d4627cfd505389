// plan() as the daemon calls it, on large synthetic clusters (large_cluster.h). Prints one line of JSON.
//   bench_plan overload|uneven HOSTS SEED
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/large_cluster.h"
#include "bench/measure.h"

using namespace ballast;

namespace {

int run(bench::Trouble trouble, std::size_t hosts, std::uint64_t seed) {
    const bench::LargeCluster cluster = bench::large_cluster(hosts, seed, trouble);
    const double before_mib = bench::peak_mib();
    const double start = bench::cpu_seconds();
    const Plan plan = policy::plan(cluster.inventory, cluster.memory, cluster.options, cluster.now);
    const double cpu_s = bench::cpu_seconds() - start;
    std::size_t resolved = 0;
    for (const Finding& finding : plan.findings) resolved += finding.resolved_by_plan ? 1 : 0;
    std::printf(
        "{\"vms\": %zu, \"cpu_s\": %.4f, \"moves\": %zu, \"findings\": %zu, \"resolved\": %zu, \"rejections\": %zu, "
        "\"score_before\": %.6f, \"score\": %.6f, \"inventory_mib\": %.0f, \"peak_mib\": %.0f}\n",
        cluster.inventory.vms.size(), cpu_s, plan.moves.size(), plan.findings.size(), resolved, plan.rejections.size(),
        plan.score_before, plan.score_after, before_mib, bench::peak_mib());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (argc != 4 || (what != "overload" && what != "uneven")) {
        std::fprintf(stderr, "usage: %s overload|uneven HOSTS SEED\n", argv[0]);
        return 2;
    }
    const auto trouble = what == "overload" ? bench::Trouble::overload : bench::Trouble::uneven;
    return run(trouble, std::strtoul(argv[2], nullptr, 10), std::strtoul(argv[3], nullptr, 10));
}
