#include "policy/cluster_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "policy/capacity.h"
#include "policy/estimators.h"

namespace ballast::policy {

namespace {

// An absurd report must not wrap around to a small sum.
Bytes add(Bytes a, Bytes b) {
    const auto room = std::numeric_limits<std::uint64_t>::max() - a.count;
    return {a.count + std::min(b.count, room)};
}

double bytes(Bytes b) {
    return static_cast<double>(b.count);
}

void shift_memory(HostUse& use, double by) {
    use.memory_now = std::max(0.0, use.memory_now + by);
    use.memory_used = std::max(0.0, use.memory_used + by);
}

void match_rule(const Rule& rule, const Vm& vm, RulesOfVm& found) {
    const auto named = [&](const std::string& pattern) { return matches(pattern, vm.facts.name, vm.id); };
    if (std::none_of(rule.vms.begin(), rule.vms.end(), named)) return;
    switch (rule.kind) {
        case Rule::Kind::keep_apart: found.apart.insert("rule " + rule.name); break;
        case Rule::Kind::pin: found.pins.push_back(&rule); break;
        case Rule::Kind::never_move: found.never.push_back(&rule); break;
    }
}

RulesOfVm rules_of(const Vm& vm, const Options& options) {
    RulesOfVm found;
    for (const Rule& rule : options.rules) match_rule(rule, vm, found);
    for (const std::string& group : vm.facts.wishes.keep_apart) found.apart.insert("group " + group);
    return found;
}

}  // namespace

Context make_context(const Inventory& inventory, const Memory& memory, const Options& options, Instant now) {
    Context context{inventory, memory, options, now, {}, {}, {}, inventory.in_flight};
    std::sort(context.in_flight.begin(), context.in_flight.end(), [](const InFlight& a, const InFlight& b) {
        return std::tie(a.operation, a.vm, a.from, a.to) < std::tie(b.operation, b.vm, b.from, b.to);
    });
    for (const PastMove& move : inventory.past_moves) context.past[move.vm].push_back(move);
    for (const auto& [id, vm] : inventory.vms) {
        context.rules.emplace(id, rules_of(vm, options));
        if (occupies_host(vm)) context.vms_on[vm.host].push_back(id);
    }
    return context;
}

const HostMemory& remembered(const Context& context, const HostId& host) {
    static const HostMemory nothing;
    const auto found = context.memory.hosts.find(host);
    return found == context.memory.hosts.end() ? nothing : found->second;
}

ClusterView::ClusterView(const Context& context) : context_(&context) {
    for (const auto& [id, host] : context.inventory.hosts) add_host(host);
    for (const InFlight& move : context.in_flight) add_in_flight(move);
    for (const auto& [vm, moves] : context.past)
        for (const PastMove& move : moves) correct_for(move);
}

void ClusterView::add_host(const Host& host) {
    HostUse use;
    const HostMemory& memory = remembered(*context_, host.id);
    use.host = &host;
    use.usable_cpus = ballast::policy::usable_cpus(host, context_->options);
    use.cpu_now = known(memory.other_cpu_cores + memory.unattributed_cpu_cores).value_or(0);
    use.cpu_known = memory.cpu_known;
    use.available = host.load.memory_available;
    if (const auto found = context_->vms_on.find(host.id); found != context_->vms_on.end())
        for (const VmId& id : found->second) {
            const Vm& vm = context_->inventory.vms.at(id);
            // A VM never measured is inside the host's own use already.
            if (demand_known(vm, context_->memory)) use.cpu_now += demand_cores(vm, context_->memory);
            use.committed = add(use.committed, memory_bound(vm));
            use.occupants.insert(id);
        }
    use.cpu = use.cpu_now;
    const auto used = measured_memory_ratio(host);
    use.memory_now = used ? *used * bytes(host.facts.memory_total) : bytes(use.committed);
    use.memory_used = use.memory_now;
    hosts_.emplace(host.id, std::move(use));
}

// The target holds the VM from now on, whatever becomes of the source.
void ClusterView::arrive(HostUse& use, const Vm& vm) {
    use.cpu += demand_cores(vm, context_->memory);
    use.committed = add(use.committed, memory_bound(vm));
    if (use.available) *use.available -= memory_bound(vm);
    use.memory_used += bytes(memory_resident(vm));
    use.occupants.insert(vm.id);
}

void ClusterView::add_in_flight(const InFlight& move) {
    ++in_flight_;
    moving_.insert(move.vm);
    const auto vm = context_->inventory.vms.find(move.vm);
    const auto from = hosts_.find(move.from);
    const auto to = hosts_.find(move.to);
    if (from != hosts_.end()) ++from->second.outgoing;
    if (to != hosts_.end()) ++to->second.incoming;
    if (vm == context_->inventory.vms.end()) return;
    if (to != hosts_.end() && !to->second.occupants.contains(move.vm)) arrive(to->second, vm->second);
    if (from == hosts_.end()) return;
    HostUse& source = from->second;
    // Seen on its target already, but not yet verified: the source may still hold its memory.
    if (source.occupants.insert(move.vm).second) {
        source.committed = add(source.committed, memory_bound(vm->second));
        return;
    }
    source.cpu = std::max(0.0, source.cpu - demand_cores(vm->second, context_->memory));
    source.memory_used = std::max(0.0, source.memory_used - bytes(memory_resident(vm->second)));
}

// A move that ended with or after a host's last sample is not in that host's measured memory yet.
void ClusterView::correct_for(const PastMove& move) {
    const auto vm = context_->inventory.vms.find(move.vm);
    if (!move.succeeded || vm == context_->inventory.vms.end() || vm->second.host != move.to) return;
    const auto unseen = [&](const HostUse& use) { return use.available && use.host->sampled_at <= move.ended; };
    if (const auto to = hosts_.find(move.to); to != hosts_.end() && unseen(to->second)) {
        *to->second.available -= memory_bound(vm->second);
        shift_memory(to->second, bytes(memory_resident(vm->second)));
    }
    if (const auto from = hosts_.find(move.from); from != hosts_.end() && unseen(from->second))
        shift_memory(from->second, -bytes(memory_resident(vm->second)));
}

void ClusterView::apply(const Vm& vm, const HostId& to) {
    HostUse& source = hosts_.at(vm.host);
    source.cpu = std::max(0.0, source.cpu - demand_cores(vm, context_->memory));
    source.memory_used = std::max(0.0, source.memory_used - bytes(memory_resident(vm)));
    arrive(hosts_.at(to), vm);
    moving_.insert(vm.id);
}

double ClusterView::cpu_ratio(const HostId& host) const {
    const HostUse& use = at(host);
    return ratio_of(use.cpu, use.usable_cpus);
}

double ClusterView::cpu_ratio_with(const HostId& host, const Vm& vm) const {
    const HostUse& use = at(host);
    return ratio_of(use.cpu + demand_cores(vm, context_->memory), use.usable_cpus);
}

double ClusterView::memory_ratio(const HostId& host) const {
    const HostUse& use = at(host);
    return ratio_of(use.memory_used, bytes(use.host->facts.memory_total));
}

double ClusterView::memory_ratio_with(const HostId& host, const Vm& vm) const {
    const HostUse& use = at(host);
    return ratio_of(use.memory_used + bytes(memory_resident(vm)), bytes(use.host->facts.memory_total));
}

Bytes ClusterView::memory_free(const HostId& host) const {
    const HostUse& use = at(host);
    const Bytes reserve = reserved_memory(*use.host, context_->options);
    const Bytes by_allocation = use.host->facts.memory_total - use.committed - reserve;
    return use.available ? std::min(by_allocation, *use.available - reserve) : by_allocation;
}

std::optional<Bytes> ClusterView::memory_left_with(const HostId& host, const Vm& vm) const {
    const Bytes free = memory_free(host);
    if (memory_bound(vm) > free) return std::nullopt;
    return free - memory_bound(vm);
}

double ClusterView::imbalance() const {
    std::vector<double> ratios;
    for (const auto& [id, use] : hosts_)
        if (is_fresh(*use.host) && use.cpu_known) ratios.push_back(cpu_ratio(id));
    if (ratios.empty()) return 0;
    const double count = static_cast<double>(ratios.size());
    double mean = 0;
    for (const double r : ratios) mean += r / count;
    double variance = 0;
    for (const double r : ratios) variance += (r - mean) * (r - mean) / count;
    return std::sqrt(variance);
}

}  // namespace ballast::policy
