// Balancing large synthetic clusters with every kind of limit on. Prints one line of JSON.
//   bench_scale plan HOSTS SEED [STEPS]   one plan of at most a move a host; STEPS 0: the solver's own budget
//   bench_scale rest HOSTS SEED           plans until nothing moves, then once more: a cycle in which nothing changed
// 20 VMs a host. Seconds are CPU seconds of balance() alone.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "bench/measure.h"
#include "policy/solver/balance.h"
#include "policy/solver/dice.h"

namespace {

using namespace ballast;
using namespace ballast::policy::solver;

enum : std::size_t { cpu, cpu_peak, memory, vcpus, huge_pages, network, disk };
constexpr std::size_t vms_per_host = 20;
constexpr std::uint32_t host_classes = 4, vm_classes = 6;  // CPU models; what runs where
constexpr std::size_t hosts_per_domain = 20;

HostSlot make_host(Dice& dice, std::size_t number) {
    HostSlot host;
    const double size = dice.chance(0.7) ? 1 : 2;
    host.scale.fill(size);
    host.capacity.fill(unlimited);
    host.capacity[cpu] = 0.8 * size;
    host.capacity[cpu_peak] = 1.2 * size;
    host.capacity[memory] = 0.95 * size;
    host.capacity[vcpus] = 128 * size;
    host.capacity[huge_pages] = dice.chance(0.2) ? 0.5 * size : 0;
    host.capacity[network] = host.capacity[disk] = 0.9 * size;
    host.base[memory] = 0.03;
    host.host_class = dice.below(host_classes);
    host.domain = static_cast<std::uint32_t>(number / hosts_per_domain);
    host.receives = dice.chance(0.98);
    return host;
}

// Sizes are parts of an ordinary host.
VmSlot make_vm(Dice& dice) {
    VmSlot vm;
    vm.demand[memory] = std::exp2(dice.below(5)) / 128;
    vm.demand[vcpus] = std::exp2(dice.below(4));
    vm.demand[cpu] = vm.demand[vcpus] / 32 * 0.4 * dice.unit() * dice.unit();
    vm.demand[cpu_peak] = vm.demand[cpu] * (1 + dice.unit());
    vm.demand[network] = 0.06 * dice.unit() * dice.unit();
    vm.demand[disk] = 0.06 * dice.unit() * dice.unit();
    if (dice.chance(0.03)) vm.demand[huge_pages] = vm.demand[memory];
    vm.vm_class = dice.below(vm_classes);
    vm.movable = dice.chance(0.97);
    return vm;
}

void add_groups(Problem& problem, Dice& dice) {
    const double penalty = 1 / static_cast<double>(problem.hosts.size());
    for (std::size_t i = problem.vms.size() / 25; i > 0; --i) {
        const auto group = static_cast<std::uint32_t>(problem.groups.size());
        const bool hard = dice.chance(0.5);
        problem.groups.push_back({!hard, 1, hard, penalty});  // hard: one a host; soft: one a domain
        for (std::size_t member = 2 + dice.below(4); member > 0; --member) {
            auto& groups = problem.vms[dice.below(problem.vms.size())].groups;
            if (groups.empty()) groups.push_back(group);
        }
    }
}

// Everybody to a random host where it fits, the largest first; some hosts are liked more than others.
void place(Problem& problem, Dice& dice) {
    std::vector<HostIndex> lots;
    for (HostIndex h = 0; h < problem.hosts.size(); ++h) lots.insert(lots.end(), 2 + dice.below(9), h);
    std::vector<VmIndex> order(problem.vms.size());
    std::iota(order.begin(), order.end(), VmIndex{0});
    std::stable_sort(order.begin(), order.end(), [&](VmIndex a, VmIndex b) {
        return problem.vms[a].demand[memory] > problem.vms[b].demand[memory];
    });
    Placement placement(problem);
    for (const VmIndex vm : order)
        for (int tries = 0; tries < 1000 && placement.host_of(vm) == no_host; ++tries)
            if (const HostIndex host = lots[dice.below(lots.size())]; placement.fits(vm, host))
                placement.move(vm, host);
    for (const VmIndex vm : order) problem.vms[vm].home = placement.host_of(vm);
}

Problem make(std::size_t hosts, std::uint64_t seed) {
    Dice dice(seed);
    Problem problem;
    problem.resources = {{"cpu", 1},        {"cpu peak", 0},  {"memory", 1}, {"vcpus", 0},
                         {"huge pages", 0}, {"network", 0.5}, {"disk", 0.5}};
    problem.host_classes = host_classes;
    problem.allowed.resize(vm_classes * host_classes);
    for (std::size_t i = 0; i < problem.allowed.size(); ++i)  // half the VM classes run everywhere, the others on half
        problem.allowed[i] = i / host_classes < vm_classes / 2 || (i / host_classes + i) % 2 == 0 ? 1 : 0;
    for (std::size_t i = 0; i < hosts; ++i) problem.hosts.push_back(make_host(dice, i));
    for (std::size_t i = 0; i < hosts * vms_per_host; ++i) problem.vms.push_back(make_vm(dice));
    add_groups(problem, dice);
    place(problem, dice);
    return problem;
}

// One move a host at most, each worth a tenth of what one host's share of the score is in a poor cluster.
BalanceLimits limits_for(const Problem& problem) {
    BalanceLimits limits;
    limits.max_moves = problem.hosts.size();
    limits.min_gain = 0.1 / static_cast<double>(problem.hosts.size());
    return limits;
}

void plan(const Problem& problem, std::uint64_t steps) {
    BalanceLimits limits = limits_for(problem);
    limits.max_steps = steps;
    const double start = bench::cpu_seconds();
    double first_s = 0, first_score = 0;
    limits.progress = [&](double score, std::size_t, std::uint64_t) {
        if (first_s > 0) return;
        first_s = bench::cpu_seconds() - start;
        first_score = score;
    };
    const Balanced plan = balance(problem, limits);
    const double cpu_s = bench::cpu_seconds() - start;
    std::printf(
        "{\"vms\": %zu, \"score_before\": %.6f, \"first_s\": %.4f, \"first_score\": %.6f, \"cpu_s\": %.4f, "
        "\"score\": %.6f, \"moves\": %zu, \"steps\": %llu, \"peak_mib\": %.0f}\n",
        problem.vms.size(), plan.score_before, first_s, first_score, cpu_s, plan.score_after, plan.moves,
        static_cast<unsigned long long>(plan.steps), bench::peak_mib());
}

void rest(Problem problem) {
    const BalanceLimits limits = limits_for(problem);
    double first_plan_s = 0;
    for (int cycle = 0; cycle < 50; ++cycle) {
        const double start = bench::cpu_seconds();
        const Balanced plan = balance(problem, limits);
        const double cpu_s = bench::cpu_seconds() - start;
        if (cycle == 0) first_plan_s = cpu_s;
        if (plan.moves == 0) {
            std::printf("{\"cycles\": %d, \"score\": %.6f, \"full_s\": %.4f, \"unchanged_s\": %.6f, \"steps\": %llu}\n",
                        cycle, plan.score_after, first_plan_s, cpu_s, static_cast<unsigned long long>(plan.steps));
            return;
        }
        for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) problem.vms[vm].home = plan.host_of[vm];
    }
    std::printf("{\"cycles\": 50}\n");
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (argc < 4 || argc > 5 || (what != "plan" && what != "rest")) {
        std::fprintf(stderr, "usage: %s plan HOSTS SEED [STEPS] | rest HOSTS SEED\n", argv[0]);
        return 2;
    }
    const Problem problem = make(std::strtoul(argv[2], nullptr, 10), std::strtoul(argv[3], nullptr, 10));
    if (what == "rest")
        rest(problem);
    else
        plan(problem, argc == 5 ? std::strtoul(argv[4], nullptr, 10) : 0);
}
