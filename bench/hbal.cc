// A cluster in hbal's format under hbal's own score. Prints one line of JSON.
//   bench_hbal plan CASE MOVES [PLACEMENT]   balanced by Ballast's solver, at most MOVES VMs moving (0: as many as are
//                                            worth it); PLACEMENT gets where every VM is in the end, as vm,host CSV
//   bench_hbal rule CASE                     what hbal itself would do, by its published rule and without hbal
// CASE is a folder with cluster.data and perhaps util.txt. cpu_s is what reading, parsing and solving took.
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

void print(const interchange::HbalCluster& cluster, double before, double after, std::size_t moves, double cpu_s) {
    std::printf(
        "{\"hosts\": %zu, \"vms\": %zu, \"score_before\": %.8f, \"score\": %.8f, \"moves\": %zu, \"cpu_s\": %.6f}\n",
        cluster.nodes.size(), cluster.instances.size(), before, after, moves, cpu_s);
}

void plan(const interchange::HbalCluster& cluster, double start_s, std::size_t moves, const char* placement) {
    policy::solver::BalanceLimits limits;
    if (moves > 0) limits.max_moves = moves;
    const auto plan = policy::solver::balance(interchange::to_problem(cluster), limits);
    const double cpu_s = bench::cpu_seconds() - start_s;
    if (placement != nullptr) write_placement(placement, cluster, plan);
    print(cluster, plan.score_before, plan.score_after, plan.moves, cpu_s);
}

// The one move that lowers the score most; false when none does.
bool best_move(policy::solver::Placement& placement, double least_gain) {
    const auto& problem = placement.problem();
    double best = placement.score() - least_gain;
    policy::solver::VmIndex chosen = 0;
    policy::solver::HostIndex target = policy::solver::no_host;
    for (policy::solver::VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        if (!problem.vms[vm].movable) continue;
        for (policy::solver::HostIndex host = 0; host < problem.hosts.size(); ++host) {
            if (!problem.hosts[host].receives || host == placement.host_of(vm)) continue;
            const double score = placement.score_after(vm, host);
            if (score >= best || !placement.fits(vm, host)) continue;
            best = score;
            chosen = vm;
            target = host;
        }
    }
    if (target != policy::solver::no_host) placement.move(chosen, target);
    return target != policy::solver::no_host;
}

// hbal(1): moves while that improves the score; below --min-gain-limit (0.1) by at least --min-gain (0.01) each.
void rule(const interchange::HbalCluster& cluster, double start_s) {
    const auto problem = interchange::to_problem(cluster);
    policy::solver::Placement placement(problem);
    const double before = placement.score();
    std::size_t moves = 0;
    while (best_move(placement, placement.score() > 0.1 ? 0 : 0.01)) ++moves;
    print(cluster, before, placement.score(), moves, bench::cpu_seconds() - start_s);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (!(what == "plan" && (argc == 4 || argc == 5)) && !(what == "rule" && argc == 3)) {
        std::fprintf(stderr, "usage: %s plan CASE MOVES [PLACEMENT] | rule CASE\n", argv[0]);
        return 2;
    }
    const double before = bench::cpu_seconds();
    const auto cluster = read_case(argv[2]);
    if (!cluster) {
        std::fprintf(stderr, "%s\n", to_string(cluster.error()).c_str());
        return 1;
    }
    if (what == "rule")
        rule(*cluster, before);
    else
        plan(*cluster, before, std::strtoul(argv[3], nullptr, 10), argc == 5 ? argv[4] : nullptr);
}
