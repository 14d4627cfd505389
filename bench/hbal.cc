// One cluster in hbal's format, balanced by Ballast's solver under hbal's own score.
//   bench_hbal CASE MOVES [PLACEMENT]
// CASE is a folder with cluster.data and perhaps util.txt; at most MOVES VMs move (0: as many as are worth it). Writes
// where every VM is in the end as vm,host CSV to PLACEMENT, and prints one line of JSON. cpu_s is what reading the
// files, parsing and solving took.
#include "interchange/hbal.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "bench/measure.h"
#include "policy/solver/balance.h"

namespace {

using namespace ballast;

Result<std::string> text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return Error{ErrorCode::not_found, path, "cannot be read"};
    return text.str();
}

Result<interchange::HbalCluster> read_case(const std::string& folder) {
    const std::string data = folder + "/cluster.data", utilisation = folder + "/util.txt";
    const auto text = text_of(data);
    if (!text) return text.error();
    auto cluster = interchange::parse_hbal_cluster(*text, data);
    if (!cluster) return cluster;
    if (const auto util_text = text_of(utilisation)) {
        const auto parsed = interchange::parse_hbal_utilisation(*util_text, utilisation, *cluster);
        if (!parsed) return parsed.error();
    }
    return cluster;
}

void write_placement(const std::string& path, const interchange::HbalCluster& cluster,
                     const policy::solver::Balanced& plan) {
    std::ofstream out(path);
    for (std::size_t i = 0; i < cluster.instances.size(); ++i)
        out << cluster.instances[i].name << ',' << cluster.nodes[plan.host_of[i]].name << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3 || argc > 4) {
        std::fprintf(stderr, "usage: %s CASE MOVES [PLACEMENT]\n", argv[0]);
        return 2;
    }
    const double before = bench::cpu_seconds();
    const auto cluster = read_case(argv[1]);
    if (!cluster) {
        std::fprintf(stderr, "%s\n", to_string(cluster.error()).c_str());
        return 1;
    }
    policy::solver::BalanceLimits limits;
    if (const auto moves = std::strtoul(argv[2], nullptr, 10); moves > 0) limits.max_moves = moves;
    const auto plan = policy::solver::balance(interchange::to_problem(*cluster), limits);
    const double cpu_s = bench::cpu_seconds() - before;
    if (argc == 4) write_placement(argv[3], *cluster, plan);
    std::printf(
        "{\"hosts\": %zu, \"vms\": %zu, \"score_before\": %.8f, \"score\": %.8f, \"moves\": %zu, \"steps\": %llu, "
        "\"cpu_s\": %.6f}\n",
        cluster->nodes.size(), cluster->instances.size(), plan.score_before, plan.score_after, plan.moves,
        static_cast<unsigned long long>(plan.steps), cpu_s);
}
