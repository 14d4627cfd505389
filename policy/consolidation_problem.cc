#include "policy/consolidation_problem.h"

#include <algorithm>
#include <map>

#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"

namespace ballast::policy {

namespace {

using consolidation::HostIndex;
using consolidation::VmIndex;

constexpr double bytes_per_mib = 1024.0 * 1024.0;

double in_mib(Bytes bytes) {
    return static_cast<double>(bytes.count) / bytes_per_mib;
}

// What a VM never measured wants is inside its host's own use already.
double demand_of(const Vm& vm, const Memory& memory) {
    return demand_known(vm, memory) ? demand_cores(vm, memory) : 0;
}

std::vector<double> history_of(const Vm& vm, const Memory& memory) {
    const auto found = memory.vms.find(vm.id);
    std::vector<double> values;
    if (found != memory.vms.end()) values = known_means(found->second.history);
    values.push_back(demand_of(vm, memory));
    return values;
}

}  // namespace

std::size_t slots_watched(const Memory& memory) {
    std::size_t most = 0;
    for (const auto& [id, vm] : memory.vms) {
        const auto known = std::count_if(vm.history.means.begin(), vm.history.means.end(),
                                         [](const auto& mean) { return mean.has_value(); });
        most = std::max(most, static_cast<std::size_t>(known));
    }
    return most;
}

ConsolidationProblem::ConsolidationProblem(const ClusterView& view, const Fleet& fleet)
    : view_(view), fleet_(fleet), classes_(classes_of(view.context())) {
    const Inventory& inventory = view.context().inventory;
    std::map<HostId, HostIndex> index_of;
    for (const auto& [id, vm] : inventory.vms) most_vcpus_ = std::max<double>(most_vcpus_, vm.facts.vcpus);
    std::size_t position = 0;
    for (const auto& [id, use] : view.hosts()) {
        index_of.emplace(id, static_cast<HostIndex>(position));
        add_host(use, position++);
    }
    position = 0;
    for (const auto& [id, vm] : inventory.vms) {
        const std::uint32_t vm_class = classes_.of_vm[position++];
        const HostId* target = view.target_of(id);
        const auto home = index_of.find(target != nullptr ? *target : vm.host);
        if (!occupies_host(vm) || home == index_of.end()) continue;
        add_vm(vm, home->second, vm_class);
        position_.push_back(position - 1);
    }
    for (VmIndex vm = 0; vm < problem_.vms.size(); ++vm) problem_.vms[vm].history = histories_[vm];
    finish_hosts();
    problem_.relieves = false;
    problem_.most_moves = view.context().options.consolidation.max_moves_per_cycle;
    problem_.allows = [this](VmIndex vm, HostIndex host, auto there) { return allows(vm, host, there); };
    problem_.may_be_empty = [this](HostIndex host, const auto& emptied) { return may_be_empty(host, emptied); };
}

void ConsolidationProblem::expect(const std::optional<Foresight>& foreseen) {
    for (VmIndex vm = 0; vm < problem_.vms.size(); ++vm)
        problem_.vms[vm].forecast = foreseen ? foreseen->by_vm[position_[vm]] : 0;
}

void ConsolidationProblem::add_host(const HostUse& use, std::size_t index) {
    const Options& options = view_.context().options;
    const Fleet::Member& member = fleet_.members()[index];
    consolidation::HostSlot slot;
    // Filled up to what would be called overload, if it lasted; right now no further than relief would bring it.
    slot.cpu = options.overload.cpu.above * use.usable_cpus;
    slot.most_now = options.overload.cpu.below * use.usable_cpus;
    // Of use for the order of emptying only: whether a VM may have more vCPUs than a host has CPUs is the constraints'
    // to say, and a host that gives guests a part of its CPUs has more than it shows.
    slot.core = use.host->facts.cpus + most_vcpus_;
    const bool receives_when_woken = member.wakeable && member.known;
    slot.memory =
        in_mib(receives_when_woken ? allocatable_memory(*use.host, options) : view_.memory_free(use.host->id));
    slot.full_watts = assumed_watts(*use.host);
    slot.on = member.on && !member.empty;
    slot.warm = member.empty;
    slot.failing = member.failing;
    slot.takes_over = member.takes_over;
    if (const auto& off = use.host->went_off) slot.went_off = static_cast<double>(off->time_since_epoch().count());
    slot.receives = member.on || (receives_when_woken && member.rested);
    problem_.hosts.push_back(slot);
    hosts_.push_back(use.host);
    any_hot_ = any_hot_ || (member.on && any_above(remembered(view_.context(), use.host->id)));
}

void ConsolidationProblem::add_vm(const Vm& vm, HostIndex home, std::uint32_t vm_class) {
    const Context& context = view_.context();
    consolidation::VmSlot slot;
    slot.home = home;
    slot.size = vm.facts.vcpus;
    slot.memory = in_mib(ordinary_memory(vm));
    slot.now = demand_of(vm, context.memory);
    slot.movable = vm.host == hosts_[home]->id && !view_.is_moving(vm.id) && demand_known(vm, context.memory) &&
                   vm_refusals(context, vm, Purpose::relief).empty();
    problem_.vms.push_back(slot);
    vms_.push_back(&vm);
    class_of_vm_.push_back(vm_class);
    histories_.push_back(history_of(vm, context.memory));
}

// What a host uses beside its VMs is not theirs to have; of its memory they have what is free and what they hold.
void ConsolidationProblem::finish_hosts() {
    std::vector<double> demand(hosts_.size());
    for (const auto& vm : problem_.vms) {
        demand[vm.home] += vm.now;
        problem_.hosts[vm.home].memory += vm.memory;
    }
    for (HostIndex index = 0; index < hosts_.size(); ++index) {
        const double own = std::max(0.0, view_.at(hosts_[index]->id).cpu - demand[index]);
        auto& slot = problem_.hosts[index];
        slot.cpu = std::max(0.0, slot.cpu - own);
        slot.most_now = std::max(0.0, slot.most_now - own);
    }
}

// Members of groups that this plan brings; those that are there already are known to the view.
bool ConsolidationProblem::joins_its_group(const Vm& vm, const Host& host, std::span<const VmIndex> there) const {
    const Context& context = view_.context();
    for (const std::uint32_t group : context.rules_of(vm.id).spread) {
        const SpreadGroup& rule = context.book.spread[group];
        if (!rule.hard) continue;
        std::size_t members = view_.members_in(group, place_of(host, rule.over)).size();
        for (const VmIndex other : there) {
            const auto& groups = context.rules_of(vms_[other]->id).spread;
            const bool comes = vms_[other]->host != host.id;
            members += comes && std::find(groups.begin(), groups.end(), group) != groups.end();
        }
        if (rule.most > 0 && members >= rule.most) return true;
    }
    return false;
}

bool ConsolidationProblem::allows(VmIndex vm, HostIndex host, std::span<const VmIndex> there) const {
    if (!classes_.accepts(class_of_vm_[vm], classes_.of_host[host]) || learned.refused.contains({vm, host}))
        return false;
    if (joins_its_group(*vms_[vm], *hosts_[host], there)) return false;
    return fleet_.members()[host].wakeable || dynamically_accepts(view_, *vms_[vm], *hosts_[host], Purpose::relief);
}

bool ConsolidationProblem::may_be_empty(HostIndex host, const std::vector<bool>& emptied) const {
    const Fleet::Member& member = fleet_.members()[host];
    if (any_hot_ || !member.settled || member.never_off || learned.kept.contains(host)) return false;
    HostFlags with_it = emptied;
    with_it[host] = true;
    return fleet_.can_do_without(with_it);
}

}  // namespace ballast::policy
