#include "policy/loss.h"

#include <algorithm>
#include <limits>

#include "policy/capacity.h"
#include "policy/constraints/constraint.h"
#include "policy/estimators.h"
#include "policy/evacuate.h"
#include "policy/health.h"

namespace ballast::policy {

namespace {

constexpr unsigned no_limit = std::numeric_limits<unsigned>::max();

Options for_restarts(Options options, LossTrial::UnderWay flights) {
    options.limits = {no_limit, no_limit, no_limit};
    if (flights == LossTrial::UnderWay::not_begun) options.cooldown.after_failure = Duration{};
    options.windows.clear();
    std::erase_if(options.rules, [](const Rule& rule) { return rule.kind == Rule::Kind::never_move; });
    return options;
}

// Hosts in maintenance or with bad health are no targets, but it is not them that is to be emptied here.
Inventory with_hosts_closed(Inventory inventory, const HealthOptions& options, LossTrial::UnderWay flights) {
    const HealthVerdicts health = judge_health(inventory, options);
    if (flights == LossTrial::UnderWay::not_begun) inventory.in_flight.clear();
    for (auto& [id, host] : inventory.hosts) {
        // A VM that is down is worse off than on a host that is merely closed.
        const bool merely = health.action(host) == HealthAction::cordon && flights == LossTrial::UnderWay::counts;
        if (health.closed(host) && !merely) host.accepts_vms = false;
        host.maintenance = false;
        host.health.clear();
    }
    return inventory;
}

// Snapshots among them: libvirt cannot take along what it knows of them, which lies in files of the host it leaves. The
// disks that a VM starts from, with all that they are based on, are in its definition and have to be shared anyway.
bool holds_for_live_moves_only(const Blocker& blocker) {
    return blocker.reason == Reason::block_job || blocker.reason == Reason::unsafe_cache ||
           blocker.reason == Reason::snapshots;
}

// What matters of a VM that is started rather than moved.
void make_startable(Vm& vm) {
    vm.state = VmState::running;
    vm.facts.wishes.no_migrate = false;
    std::erase_if(vm.facts.blockers, holds_for_live_moves_only);
    if (vm.facts.requirements.cpu.mode != CpuRequirement::Mode::custom) vm.facts.requirements.cpu = {};
}

// Of a loss that has happened: nothing could keep libvirt on the host that comes back from starting it as well. How
// much room its loss would take is another question.
void forbid_twice(Vm& vm) {
    if (vm.facts.autostart)
        vm.facts.blockers.push_back({Reason::autostart, vm.host.value + " would start it, too, when it comes back"});
}

// The evacuation planner empties hosts in maintenance that report: to it the lost host is one.
void make_empty(Host& host, Instant now) {
    host.maintenance = true;
    host.to_site.clear();  // its disks are copied nowhere any more
    host.lost = false;
    host.power = PowerState::on;
    host.connection = Connection::up;
    host.stale = false;
    if (!host.sampled_at) host.sampled_at = now;
}

std::string sentence(const ClusterView& view, const Vm& vm, const HostId& to) {
    return vm.host.value + " is lost; " + vm.facts.name + " (" + to_string(memory_bound(vm)) + ", " +
           fixed(demand_cores(vm, view.context().memory), 2) + " CPU) is started on " + to.value + ", then at " +
           percent(view.memory_ratio(to)) + " of its memory and " + percent(view.cpu_ratio(to)) + " of its usable CPU";
}

// The drafts come in the order of starting, by wished priority; each priority is a wave of its own.
std::vector<Restart> started(std::vector<Draft> drafts, ClusterView view) {
    std::vector<Restart> restarts;
    std::optional<int> priority;
    unsigned wave = 0;
    for (Draft& draft : drafts) {
        const Vm& vm = view.context().inventory.vms.at(draft.vm);
        if (priority && vm.facts.wishes.priority != *priority) ++wave;
        priority = vm.facts.wishes.priority;
        view.apply(vm, draft.to);
        restarts.push_back(
            {draft.vm, vm.host, draft.to, wave, sentence(view, vm, draft.to), std::move(draft.refused_targets)});
    }
    return restarts;
}

}  // namespace

LossTrial::LossTrial(const Inventory& inventory, const Memory& memory, const Options& options, Instant now,
                     UnderWay flights)
    : scratch_(with_hosts_closed(inventory, options.health, flights)),
      options_(for_restarts(options, flights)),
      real_(flights == UnderWay::counts),
      context_(make_context(scratch_, memory, options_, now)),
      before_(context_) {
    context_.restarts = options_.failover.across_sites ? Restarts::anywhere : Restarts::within_site;
}

bool LossTrial::has_room(const Host& host, const Vm& vm) const {
    return ordinary_memory(vm) <= allocatable_memory(host, options_) && statically_accepts(context_, vm, host);
}

// A host whose facts nobody knows may have it.
std::map<VmId, std::set<HostId>> LossTrial::room_off(const std::vector<Rejection>& stranded) const {
    std::map<VmId, std::set<HostId>> found;
    for (const Rejection& rejection : stranded) {
        if (rejection.reason != Reason::no_target) continue;
        const Vm& vm = scratch_.vms.at(rejection.vm);
        for (const auto& [id, host] : scratch_.hosts)
            if (host.power == PowerState::off && (host.facts.memory_total == Bytes{} || has_room(host, vm)))
                found[vm.id].insert(id);
    }
    return found;
}

Loss LossTrial::lose(const std::set<HostId>& hosts) {
    std::vector<Vm> vms_before;
    std::vector<Host> hosts_before;
    for (const HostId& id : hosts) {
        hosts_before.push_back(scratch_.hosts.at(id));
        make_empty(scratch_.hosts.at(id), context_.now);
        for (const VmId& vm : before_.at(id).occupants) {
            vms_before.push_back(scratch_.vms.at(vm));
            make_startable(scratch_.vms.at(vm));
            if (real_) forbid_twice(scratch_.vms.at(vm));
        }
    }
    ClusterView view = before_;
    Evacuation evacuation = evacuate(view, Others::stay, First::wished_priority);
    Loss loss;
    loss.restarts = started(std::move(evacuation.drafts), before_);
    loss.stranded = std::move(evacuation.immovable);
    loss.rejections = std::move(evacuation.rejections);
    if (real_) loss.room_off = room_off(loss.stranded);
    for (Vm& vm : vms_before) scratch_.vms.at(vm.id) = std::move(vm);
    for (Host& host : hosts_before) scratch_.hosts.at(host.id) = std::move(host);
    return loss;
}

}  // namespace ballast::policy
