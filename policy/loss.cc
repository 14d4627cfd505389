#include "policy/loss.h"

#include <algorithm>
#include <limits>

#include "policy/estimators.h"
#include "policy/evacuate.h"

namespace ballast::policy {

namespace {

constexpr unsigned no_limit = std::numeric_limits<unsigned>::max();

Options for_restarts(Options options) {
    options.limits = {no_limit, no_limit, no_limit};
    options.cooldown.after_failure = Duration{};
    std::erase_if(options.rules, [](const Rule& rule) { return rule.kind == Rule::Kind::never_move; });
    return options;
}

// Hosts in maintenance are no targets, but it is not them that is to be emptied here.
Inventory with_hosts_closed(Inventory inventory) {
    inventory.in_flight.clear();
    for (auto& [id, host] : inventory.hosts) {
        if (host.maintenance) host.accepts_vms = false;
        host.maintenance = false;
    }
    return inventory;
}

bool holds_for_live_moves_only(const Blocker& blocker) {
    return blocker.reason == Reason::block_job || blocker.reason == Reason::unsafe_cache;
}

// What matters of a VM that is started rather than moved.
void make_startable(Vm& vm) {
    vm.state = VmState::running;
    vm.facts.wishes.no_migrate = false;
    std::erase_if(vm.facts.blockers, holds_for_live_moves_only);
    if (vm.facts.requirements.cpu.mode != CpuRequirement::Mode::custom) vm.facts.requirements.cpu = {};
}

// The evacuation planner empties hosts in maintenance that report: to it the lost host is one.
void make_empty(Host& host, Instant now) {
    host.maintenance = true;
    host.power = PowerState::on;
    host.connection = Connection::up;
    host.stale = false;
    if (!host.sampled_at) host.sampled_at = now;
}

void shift(std::optional<Bytes>& available, Bytes taken, Bytes given) {
    if (available) *available = *available + given - taken;
}

}  // namespace

LossTrial::LossTrial(const Inventory& inventory, const Memory& memory, const Options& options, Instant now)
    : scratch_(with_hosts_closed(inventory)),
      options_(for_restarts(options)),
      context_(make_context(scratch_, memory, options_, now)),
      before_(context_) {}

Loss LossTrial::lose(const std::set<HostId>& hosts) {
    std::vector<Vm> vms_before;
    std::vector<Host> hosts_before;
    for (const HostId& id : hosts) {
        hosts_before.push_back(scratch_.hosts.at(id));
        make_empty(scratch_.hosts.at(id), context_.now);
        for (const VmId& vm : before_.at(id).occupants) {
            vms_before.push_back(scratch_.vms.at(vm));
            make_startable(scratch_.vms.at(vm));
        }
    }
    ClusterView view = before_;
    Evacuation evacuation = evacuate(view);
    Loss loss;
    for (const Draft& draft : evacuation.drafts)
        loss.restarts.push_back({draft.vm, scratch_.vms.at(draft.vm).host, draft.to});
    loss.stranded = std::move(evacuation.immovable);
    loss.rejections = std::move(evacuation.rejections);
    for (Vm& vm : vms_before) scratch_.vms.at(vm.id) = std::move(vm);
    for (Host& host : hosts_before) scratch_.hosts.at(host.id) = std::move(host);
    return loss;
}

void relocate(Inventory& inventory, const VmId& id, const HostId& to) {
    Vm& vm = inventory.vms.at(id);
    if (const auto from = inventory.hosts.find(vm.host); from != inventory.hosts.end())
        shift(from->second.load.memory_available, {}, memory_resident(vm));
    if (const auto target = inventory.hosts.find(to); target != inventory.hosts.end())
        shift(target->second.load.memory_available, memory_bound(vm), {});
    vm.host = to;
}

}  // namespace ballast::policy
