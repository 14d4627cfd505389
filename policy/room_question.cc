#include "policy/room_question.h"

#include <algorithm>
#include <optional>

#include "policy/estimators.h"

namespace ballast::policy {

namespace {

// Of a search that some 50 ms are enough for with 64 hosts and 1,000 VMs; beyond this many VMs it would take longer
// than a cycle may, and direct places are all that is looked for.
constexpr std::size_t most_vms = 2000;
constexpr std::uint64_t packing_work_per_vm = 200;
constexpr std::uint64_t order_work_per_vm = 50;

// When a VM has left, the host has measured as free what it occupied, not what it may take at most.
Bytes set_free(const Vm& vm, const Options& options) {
    return vm.load.memory_rss ? std::min(memory_resident(vm), memory_claim(vm, options)) : Bytes{};
}

}  // namespace

bool RoomQuestion::is_emptied(solver::HostIndex host) const {
    return std::find(emptied.begin(), emptied.end(), host) != emptied.end();
}

void RoomQuestion::set_apart(solver::VmIndex vm, const solver::ResourceSet& held) {
    solver::Problem& problem = dense.problem;
    const solver::HostIndex home = problem.vms[vm].home, alone = static_cast<solver::HostIndex>(problem.hosts.size());
    solver::HostSlot slot = problem.hosts[home];
    slot.base = {};
    slot.capacity.fill(solver::unlimited);
    slot.receives = slot.counts = false;
    for (std::size_t k = 0; k < dense_resources; ++k)
        if (held[k]) problem.hosts[home].base[k] += problem.vms[vm].demand[k];
    problem.vms[vm].home = alone;
    problem.hosts.push_back(slot);
    dense.hosts.push_back(dense.hosts[home]);
    emptied.push_back(alone);
}

solver::OrderedEvacuation RoomQuestion::solve(const LimitOptions& limits) const {
    solver::Effort effort;
    effort.work = packing_work_per_vm * dense.vms.size();
    solver::OrderOptions order;
    order.outgoing_per_host = limits.outgoing_per_host;
    order.incoming_per_host = limits.incoming_per_host;
    order.cluster = limits.cluster;
    order.work = order_work_per_vm * dense.vms.size();
    return solver::evacuate_in_order(dense.problem, emptied, effort, order);
}

RoomQuestion room_question(const ClusterView& view, Purpose purpose) {
    const Context& context = view.context();
    RoomQuestion question{dense_of(view, purpose), {}, purpose};
    Dense& dense = question.dense;
    for (solver::VmIndex i = 0; i < dense.vms.size(); ++i) {
        const Vm& vm = *dense.vms[i];
        const solver::VmSlot& slot = dense.problem.vms[i];
        const double kept = slot.demand[dense_claimed] - static_cast<double>(set_free(vm, context.options).count);
        dense.problem.hosts[slot.home].base[dense_claimed] += kept;
    }
    for (const DenseResource k : {dense_cpu, dense_memory}) dense.problem.resources[k].weight = 1;
    return question;
}

bool can_make_room(const ClusterView& view) {
    const Context& context = view.context();
    const LimitOptions& limits = context.options.limits;
    if (limits.outgoing_per_host == 0 || limits.incoming_per_host == 0 || limits.cluster == 0) return false;
    return view.in_flight() == 0 && context.memory.audit.brake == Audit::Brake::released &&
           context.inventory.vms.size() <= most_vms;
}

std::vector<solver::Step> first_moves(const std::vector<solver::Step>& steps) {
    std::vector<solver::Step> kept;
    std::set<solver::VmIndex> moved;
    std::optional<unsigned> last_wave;
    for (const solver::Step& step : steps) {
        if (last_wave && step.wave > *last_wave) break;
        if (moved.insert(step.vm).second)
            kept.push_back(step);
        else
            last_wave = step.wave;
    }
    return kept;
}

std::string listed(const std::set<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace ballast::policy
