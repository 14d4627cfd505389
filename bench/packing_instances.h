// Random instances for the packing benches, each made from its number. Memory in GiB, CPU in vCPUs.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "policy/solver/problem.h"

namespace ballast::bench {

using policy::solver::HostIndex;
using policy::solver::HostSlot;
using policy::solver::Problem;
using policy::solver::VmSlot;

class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed * 0x2545f4914f6cdd1dULL + 1) {}

    // splitmix64 (Steele, Lea, Flood 2014)
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    unsigned between(unsigned low, unsigned high) { return low + static_cast<unsigned>(next() % (high - low + 1)); }
    double ratio() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    bool one_in(unsigned n) { return next() % n == 0; }
    template <class T>
    T of(const std::vector<T>& all) {
        return all[next() % all.size()];
    }

private:
    std::uint64_t state_;
};

struct Evacuation {
    Problem problem;
    std::vector<HostIndex> emptied;
    double pressure = 0;  // memory to be placed, as a share of what is free elsewhere
};

/// Sizes of VMs: those of a catalogue in powers of two, of a finer catalogue, or any.
enum class Sizes { powers, catalogue, any };

inline double memory_of(Dice& dice, Sizes sizes) {
    if (sizes == Sizes::powers) return std::ldexp(1.0, static_cast<int>(dice.between(0, 6)));
    if (sizes == Sizes::catalogue) return dice.of(std::vector<double>{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48});
    return std::floor((1 + 47 * dice.ratio()) * 16) / 16;
}

// CPU enough for what is there, and the pressure that came about.
inline void complete(Evacuation& made) {
    Problem& problem = made.problem;
    std::vector<double> cpu(problem.hosts.size(), 0);
    double wanted = 0, used = 0;
    for (const VmSlot& vm : problem.vms) {
        (vm.home < made.emptied.size() ? wanted : used) += vm.demand[0];
        cpu[vm.home] += vm.demand[1];
    }
    for (HostIndex h = 0; h < problem.hosts.size(); ++h)
        problem.hosts[h].capacity[1] = std::max(problem.hosts[h].capacity[1], cpu[h]);
    made.pressure = wanted / (256.0 * static_cast<double>(problem.hosts.size() - made.emptied.size()) - used);
}

/// A cluster of 16 to 64 hosts with 85-95 % of its memory in use, and as many hosts to be emptied as the rest can
/// nearly take: `pressure` lies around 0.8 to 1.02. A third of them has CPU as scarce as memory, a third has groups,
/// VMs that only some hosts may run, and VMs that cannot be moved.
inline Evacuation evacuation(std::uint64_t number) {
    Dice dice(number);
    Evacuation made;
    Problem& problem = made.problem;
    problem.resources = {{"memory", 1}, {"cpu", 1}};
    const Sizes sizes = static_cast<Sizes>(number % 3);
    const bool cpu_is_scarce = number / 3 % 3 == 1, has_rules = number / 3 % 3 == 2;
    const unsigned hosts = sizes == Sizes::any ? dice.between(16, 28) : dice.between(16, 64);
    const double pressure = 0.80 + 0.22 * dice.ratio();
    const auto fill_for = [&](unsigned emptied) {
        return pressure * (hosts - emptied) / (emptied + pressure * (hosts - emptied));
    };
    unsigned emptied = 1;
    while (fill_for(emptied) > 0.95) ++emptied;
    while (fill_for(emptied + 1) >= 0.85 && dice.one_in(2)) ++emptied;
    const double fill = std::max(0.85, fill_for(emptied));
    if (has_rules) {
        problem.host_classes = 2;
        problem.allowed = {1, 1, 0, 1};
        for (unsigned g = 0; g < hosts / 4; ++g) problem.groups.push_back({});
    }
    for (HostIndex h = 0; h < hosts; ++h) {
        HostSlot host;
        host.capacity = {256, 256};
        host.scale = host.capacity;
        host.host_class = has_rules && h % 3 == 0 ? 1 : 0;
        problem.hosts.push_back(host);
        std::vector<std::uint8_t> in_group(problem.groups.size(), 0);
        double used = 0;
        for (int tries = 0; tries < 60;) {
            VmSlot vm;
            vm.home = h;
            const double memory = memory_of(dice, sizes);
            if (used + memory > fill * 256) {
                ++tries;
                continue;
            }
            used += memory;
            const double cpu = cpu_is_scarce ? memory * (0.4 + 1.2 * dice.ratio()) * 0.98 : memory / 2;
            vm.demand = {memory, std::max(1.0, sizes == Sizes::any ? cpu : std::floor(cpu))};
            if (has_rules) {
                vm.vm_class = host.host_class == 1 && dice.one_in(5) ? 1 : 0;
                vm.movable = !dice.one_in(40) || h < emptied;
                const std::uint32_t group = dice.between(0, static_cast<unsigned>(problem.groups.size()) - 1);
                if (dice.one_in(10) && !in_group[group]) {
                    vm.groups = {group};
                    in_group[group] = 1;
                }
            }
            problem.vms.push_back(vm);
        }
    }
    for (HostIndex h = 0; h < emptied; ++h) made.emptied.push_back(h);
    complete(made);
    return made;
}

/// Hosts with 20 VMs each on average at `load` of their scarcer resource. Even numbers have equal hosts, odd ones three
/// sizes of hosts. CPU and memory of a VM are correlated loosely; which of the two is scarcer overall differs.
inline Problem consolidation(std::uint64_t number, unsigned hosts) {
    Dice dice(number + 7000);
    Problem problem;
    problem.resources = {{"memory", 1}, {"cpu", 1}};
    const bool unequal = number % 2 == 1;
    const double load = 0.25 + 0.4 * dice.ratio(), skew = 0.7 + 0.6 * dice.ratio();
    const double per_host = number % 4 < 2 ? 20 : 8;
    const double mean = load * 256 / per_host;
    for (HostIndex h = 0; h < hosts; ++h) {
        const double factor = unequal ? dice.of(std::vector<double>{0.5, 1, 2}) : 1;
        HostSlot host;
        host.capacity = {256 * factor, 256 * factor};
        host.scale = host.capacity;
        problem.hosts.push_back(host);
        double memory_used = 0, cpu_used = 0;
        for (unsigned i = 0; i < per_host * factor; ++i) {
            const double memory = mean * (0.1 + 1.8 * dice.ratio()), cpu = skew * memory * (0.3 + 1.4 * dice.ratio());
            memory_used += memory;
            cpu_used += cpu;
            if (memory_used > host.capacity[0] || cpu_used > host.capacity[1]) break;
            VmSlot vm;
            vm.home = h;
            vm.demand = {memory, cpu};
            problem.vms.push_back(vm);
        }
    }
    return problem;
}

}  // namespace ballast::bench
