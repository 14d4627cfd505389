// Pinning travels with the definition: vCPUs pinned to CPUs that the target does not have, or memory bound to NUMA
// cells that it does not have, keep QEMU from starting there [libvirt formatdomain: cputune, numatune]. A preferred
// cell or an interleaved one asks for nothing.
#include <algorithm>

#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

bool has_cpu(const Host& host, unsigned cpu) {
    const auto& cells = host.facts.cells;
    return std::any_of(cells.begin(), cells.end(), [&](const auto& cell) { return cell.second.cpus.contains(cpu); });
}

std::string listed(const std::vector<unsigned>& numbers) {
    std::string text;
    for (const unsigned number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
    return text;
}

std::vector<unsigned> missing_cpus(const Vm& vm, const Host& target) {
    std::vector<unsigned> missing;
    for (const unsigned cpu : vm.facts.requirements.pinned_cpus)
        if (!has_cpu(target, cpu)) missing.push_back(cpu);
    return missing;
}

std::vector<unsigned> missing_cells(const Vm& vm, const Host& target) {
    std::vector<unsigned> missing;
    for (const unsigned cell : vm.facts.requirements.strict_cells)
        if (!target.facts.cells.contains(cell)) missing.push_back(cell);
    return missing;
}

// Whether the cells could ever hold it; zero is a cell whose memory is not known.
void large_enough(const Vm& vm, const Host& target, Objections& out) {
    Bytes sum;
    for (const unsigned id : vm.facts.requirements.strict_cells) {
        const Bytes memory = target.facts.cells.at(id).memory;
        if (memory == Bytes{}) return;
        sum += memory;
    }
    if (sum < vm.facts.memory)
        out.push_back({Reason::numa, "needs " + to_string(vm.facts.memory) + " from NUMA cells of " + to_string(sum)});
}

}  // namespace

void numa(const Context&, const Vm& vm, const Host& target, Objections& out) {
    const VmRequirements& needs = vm.facts.requirements;
    if (needs.pinned_cpus.empty() && needs.strict_cells.empty()) return;
    if (target.facts.cells.empty()) {
        out.push_back({Reason::numa, "it is pinned, and the host's CPUs and NUMA cells are not known"});
        return;
    }
    if (const auto cpus = missing_cpus(vm, target); !cpus.empty())
        out.push_back({Reason::numa, "is pinned to CPUs that the host lacks: " + listed(cpus)});
    if (const auto cells = missing_cells(vm, target); !cells.empty())
        out.push_back({Reason::numa, "needs NUMA cells that the host lacks: " + listed(cells)});
    else if (!needs.strict_cells.empty())
        large_enough(vm, target, out);
}

}  // namespace ballast::policy::constraints
