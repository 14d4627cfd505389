#include "interchange/policy_trial.h"

#include <algorithm>

#include "policy/capacity.h"
#include "policy/estimators.h"

namespace ballast::interchange {

namespace {

// P(u) = k Pmax + (1 - k) Pmax u with Pmax 250 W and k 0.7 [Beloglazov, Abawajy, Buyya: Energy-aware resource
// allocation heuristics, 2012, 3.2]. Not these hosts' own figures: good for comparing two runs, not for a bill.
constexpr double full_watts = 250, idle_share = 0.7;
constexpr Duration moves_remembered = std::chrono::hours{24};  // longer than any cooldown

struct Use {
    double demand = 0;  // CPUs
    double used = 0;
    bool empty = true;
};

std::map<HostId, Use> use_of(const Inventory& inventory) {
    std::map<HostId, Use> use;
    for (const auto& [id, vm] : inventory.vms) {
        if (vm.state != VmState::running) continue;
        Use& host = use[vm.host];
        host.empty = false;
        host.demand += policy::measured_demand(vm).value_or(0);
        host.used += policy::known(vm.load.cpu_used_cores).value_or(0);
    }
    return use;
}

// CPUs that the host uses beyond its VMs.
double other_use(const Host& host, const Use& use) {
    return std::max(0.0, policy::known(host.load.cpu_used_cores).value_or(0) - use.used);
}

double watts(double ratio) {
    return full_watts * (idle_share + (1 - idle_share) * std::clamp(ratio, 0.0, 1.0));
}

void add_time(TrialFigures& figures, const Inventory& inventory, const policy::Options& options, Duration step) {
    const double hours = static_cast<double>(step.count()) / 3.6e6;
    const auto use = use_of(inventory);
    for (const auto& [id, host] : inventory.hosts) {
        if (!policy::is_fresh(host)) continue;
        const auto found = use.find(id);
        if (found == use.end()) {
            figures.empty_host_hours += hours;
            continue;
        }
        const double demand = found->second.demand + other_use(host, found->second);
        const double limit = options.overload.cpu.above * policy::usable_cpus(host, options);
        if (demand > limit) figures.overload_minutes += hours * 60;
        figures.energy_kwh += watts(policy::ratio_of(demand, host.facts.cpus)) * hours / 1000;
    }
}

std::map<VmId, HostId> placements_of(const Inventory& inventory) {
    std::map<VmId, HostId> placements;
    for (const auto& [id, vm] : inventory.vms)
        if (vm.state == VmState::running) placements[id] = vm.host;
    return placements;
}

void take(std::optional<Bytes>& available, Bytes bytes) {
    if (available) *available -= bytes;
}
void give(std::optional<Bytes>& available, Bytes bytes) {
    if (available) *available += bytes;
}

}  // namespace

// A VM that starts appears where it was started; one that has gone is forgotten. Moves count only within a run of
// steps.
void PolicyTrial::follow_history(const Inventory& seen) {
    auto now = placements_of(seen);
    for (const auto& [vm, host] : now) {
        const auto before = happened_.find(vm);
        if (before != happened_.end() && before->second != host) ++report_.happened.moves;
        const auto tried = tried_.find(vm);
        if (tried == tried_.end() || !seen.hosts.contains(tried->second)) tried_[vm] = host;
    }
    std::erase_if(tried_, [&](const auto& entry) { return !now.contains(entry.first); });
    happened_ = std::move(now);
}

// The recorded cluster with its VMs where the trial has put them, and the hosts' figures as they would then be.
Inventory PolicyTrial::as_tried(const Inventory& seen) const {
    Inventory tried = seen;
    for (const auto& [id, target] : tried_) {
        Vm& vm = tried.vms.at(id);
        if (vm.host == target) continue;
        const double used = policy::known(vm.load.cpu_used_cores).value_or(0);
        const auto from = tried.hosts.find(vm.host);
        Host& to = tried.hosts.at(target);
        if (from != tried.hosts.end()) {
            auto& load = from->second.load;
            if (load.cpu_used_cores) load.cpu_used_cores = std::max(0.0, *load.cpu_used_cores - used);
            give(load.memory_available, policy::memory_resident(vm));
        }
        if (to.load.cpu_used_cores) to.load.cpu_used_cores = std::min(*to.load.cpu_used_cores + used, to.facts.cpus);
        take(to.load.memory_available, policy::memory_resident(vm));
        vm.host = target;
    }
    return tried;
}

// Habits outlast a gap: they are told by the clock.
void PolicyTrial::forget_all_but_seasons() {
    policy::Memory kept;
    kept.seasons = std::move(memory_.seasons);
    memory_ = std::move(kept);
}

void PolicyTrial::decide(Inventory tried, Instant now) {
    std::erase_if(past_, [&](const PastMove& move) { return now - move.ended > moves_remembered; });
    tried.past_moves = past_;
    tried.wall_time = WallTime(now.time_since_epoch());
    memory_ = policy::observe(std::move(memory_), tried, options_, now);
    const Plan plan = policy::plan(tried, memory_, options_, now);
    for (const Move& move : plan.moves) {
        if (move.wave > 0) break;
        tried_[move.vm] = move.to;
        past_.push_back({move.vm, move.from, move.to, now, true, false});
        ++report_.trial.moves;
    }
}

void PolicyTrial::add(const Snapshot& snapshot) {
    const bool first = !last_at_;
    const Duration step = first ? Duration{} : snapshot.at - *last_at_;
    const bool gap = !first && (step <= Duration{} || step > longest_step);
    last_at_ = snapshot.at;
    ++report_.snapshots;
    if (gap) {
        ++report_.gaps;
        // What happened in between is not known: begin anew from where things are now.
        happened_.clear();
        tried_.clear();
        forget_all_but_seasons();
        past_.clear();
    }
    follow_history(snapshot.inventory);
    Inventory tried = as_tried(snapshot.inventory);
    if (!gap) {
        report_.covered += step;
        add_time(report_.happened, snapshot.inventory, options_, step);
        add_time(report_.trial, tried, options_, step);
    }
    decide(std::move(tried), Instant(snapshot.at.time_since_epoch()));
}

}  // namespace ballast::interchange
