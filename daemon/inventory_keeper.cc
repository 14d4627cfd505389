#include "daemon/inventory_keeper.h"

#include <algorithm>

namespace ballast::daemon {

namespace {
constexpr std::size_t past_moves_kept = 2000;
// A VM that left one host's sample may show up in another's only some passes later.
constexpr Duration owner_remembered = std::chrono::minutes{10};
constexpr Duration forget_every = std::chrono::seconds{10};
constexpr Duration long_paused_after = std::chrono::minutes{5};

bool runs(const collectors::Sample::SampledVm& vm) {
    return vm.state == VmState::running;
}
}  // namespace

void InventoryKeeper::configure(const config::DaemonOptions& options) {
    stale_after_ = options.stale_after;
    for (const config::HostOptions& option : options.hosts) {
        Host& host = hosts_[option.id];
        host.id = option.id;
        host.accepts_vms = option.target;
        host.labels = option.labels;
        // Of a host that is dead already at the start, nothing else is known that its VMs need elsewhere.
        host.site = option.site;
        host.facts.stretched_paths = {options.shared_storage.begin(), options.shared_storage.end()};
        host.facts.shared_paths = {options.shared_storage.begin(), options.shared_storage.end()};
        host.facts.shared_paths.insert(option.shared_storage.begin(), option.shared_storage.end());
    }
}

void InventoryKeeper::host_facts(const HostId& host, HostFacts facts) {
    Host& told = hosts_[host];
    if (told.facts_revision != 0 && told.facts == facts) return;
    told.facts = std::move(facts);
    told.facts_revision = ++facts_revision_;
}

void InventoryKeeper::presume_facts(const HostId& id, HostFacts facts) {
    const auto host = hosts_.find(id);
    if (host == hosts_.end() || host->second.facts_revision != 0) return;
    facts.shared_paths = host->second.facts.shared_paths;
    facts.stretched_paths = host->second.facts.stretched_paths;
    host_facts(id, std::move(facts));
}

std::uint64_t InventoryKeeper::changes_of(const VmId& vm) {
    return facts_[vm].changes;
}

void InventoryKeeper::vm_facts(const VmId& vm, VmFacts facts, std::uint64_t changes) {
    KnownFacts& known = facts_[vm];
    known.read_at = changes;
    if (known.revision != 0 && known.facts == facts) return;
    known.facts = std::move(facts);
    known.revision = ++facts_revision_;
}

void InventoryKeeper::outdate_facts(const VmId& vm) {
    if (const auto known = facts_.find(vm); known != facts_.end()) ++known->second.changes;
}

bool InventoryKeeper::knows_facts(const VmId& vm) const {
    const auto known = facts_.find(vm);
    return known != facts_.end() && known->second.is_known();
}

void InventoryKeeper::forget(const VmId& vm, const HostId& host) {
    const auto known = hosts_.find(host);
    if (known == hosts_.end() || known->second.connection != Connection::up) hide(host, vm);
}

void InventoryKeeper::show(const HostId& host, const VmId& vm, collectors::Sample::SampledVm sampled) {
    seen_[host].insert_or_assign(vm, std::move(sampled));
    places_[vm].insert(host);
}

void InventoryKeeper::hide(const HostId& host, const VmId& vm) {
    if (seen_[host].erase(vm) == 0) return;
    const auto places = places_.find(vm);
    places->second.erase(host);
    if (places->second.empty()) places_.erase(places);
}

void InventoryKeeper::unchanged(const HostId& id, Instant as_of) {
    Host& host = hosts_[id];
    if (host.sampled_at) host.sampled_at = std::max(*host.sampled_at, as_of);
}

void InventoryKeeper::sampled(const HostId& id, const collectors::Sample& sample) {
    Host& host = hosts_[id];
    host.load = sample.load;
    host.sampled_at = looked_at_[id] = sample.at;
    std::set<VmId> concerned;
    for (const auto& [vm, old] : seen_[id]) concerned.insert(vm);
    for (const auto& [vm, now] : sample.vms) {
        const auto old = seen_[id].find(vm);
        // A new run of the guest may have another definition.
        if (old != seen_[id].end() && old->second.libvirt_id != now.libvirt_id) outdate_facts(vm);
        if (runs(now)) notice_owner(vm, id, sample.at);
    }
    for (const VmId& vm : concerned)
        if (!sample.vms.contains(vm)) hide(id, vm);
    for (const auto& [vm, now] : sample.vms) {
        show(id, vm, now);
        concerned.insert(vm);
    }
    notice_double_runs(concerned, sample.at);
    notice_paused(id, sample);
    forget_gone_vms(sample.at);
}

void InventoryKeeper::presume(const VmId& vm, const HostId& host, const std::string& name,
                              std::optional<VmFacts> facts) {
    const auto known = hosts_.find(host);
    if (known == hosts_.end() || known->second.sampled_at) return;
    collectors::Sample::SampledVm presumed;
    presumed.name = name;
    presumed.state = VmState::running;
    show(host, vm, std::move(presumed));
    owners_[vm] = {host, {}, {}};
    if (facts) vm_facts(vm, std::move(*facts), changes_of(vm));
}

// A VM that runs elsewhere than before, and not by an operation of ours, was moved by hand.
void InventoryKeeper::notice_owner(const VmId& vm, const HostId& host, Instant at) {
    const auto known = owners_.find(vm);
    if (known == owners_.end()) {
        owners_[vm] = {host, at, at};
        return;
    }
    known->second.last_seen = at;
    if (known->second.host == host) return;
    if (!hosts_[known->second.host].sampled_at) hide(known->second.host, vm);  // where it was only presumed
    // What a host that does not answer had at last holds no VM back that runs here.
    const auto old_host = is_up(known->second.host) ? seen_.find(known->second.host) : seen_.end();
    if (old_host != seen_.end())
        if (const auto still = old_host->second.find(vm); still != old_host->second.end() && runs(still->second))
            return;
    const auto expected = expected_.find(vm);
    if (expected == expected_.end() || expected->second != host)
        past_moves_.push_back({vm, known->second.host, host, at, true, true});
    known->second = {host, at, at};
}

// Now and then: it goes over all VMs, and samples of a thousand hosts arrive in one interval.
void InventoryKeeper::forget_gone_vms(Instant now) {
    while (past_moves_.size() > past_moves_kept) past_moves_.pop_front();
    if (forgot_at_ && now - *forgot_at_ < forget_every) return;
    forgot_at_ = now;
    std::erase_if(facts_, [&](const auto& entry) { return !places_.contains(entry.first); });
    // Those of a host that is not sampled any more stay its own.
    std::erase_if(owners_, [&](const auto& entry) {
        return now - entry.second.last_seen > owner_remembered && !seen_[entry.second.host].contains(entry.first);
    });
    std::erase_if(expected_, [&](const auto& entry) { return !owners_.contains(entry.first); });
}

void InventoryKeeper::connection(const HostId& id, Connection connection, std::string problem) {
    Host& host = hosts_[id];
    host.connection = connection;
    host.problem = std::move(problem);
}

void InventoryKeeper::maintenance(const HostId& host, bool on, const std::string& to_site) {
    hosts_[host].maintenance = on;
    hosts_[host].to_site = on ? to_site : "";
}

void InventoryKeeper::health(const HostId& host, std::vector<HealthProblem> problems) {
    hosts_[host].health = std::move(problems);
}

namespace {
double ratio(Duration measured, Duration predicted) {
    return static_cast<double>(measured.count()) / static_cast<double>(predicted.count());
}

// A second attempt, or a migration that needed more than its call, tells nothing of what the VM itself needs.
std::optional<Experience> experience_of(const Operation& op) {
    if (op.state != OperationState::done || op.attempt != 1 || !op.outcome || op.prediction.duration.count() <= 0)
        return std::nullopt;
    Experience experience{ratio(op.outcome->duration, op.prediction.duration), std::nullopt};
    if (op.outcome->downtime && op.prediction.downtime.count() > 0)
        experience.downtime = ratio(*op.outcome->downtime, op.prediction.downtime);
    return experience;
}
}  // namespace

PastMove past_move(const Operation& op, Instant ended) {
    return {op.vm,
            op.from,
            op.to,
            ended,
            op.state == OperationState::done,
            op.trigger == Trigger::manual,
            experience_of(op)};
}

void InventoryKeeper::operation_ended(const Operation& operation, Instant now) {
    const bool moved = operation.state == OperationState::done;
    if (moved) place(operation.vm, operation.from, operation.to, now);
    if (operation.state == OperationState::cancelled && operation.attempt == 0) return;  // never started
    past_moves_.push_back(past_move(operation, now));
}

void InventoryKeeper::moved_by_hand(const VmId& vm, const HostId& from, const HostId& to, Instant now) {
    past_moves_.push_back({vm, from, to, now, true, true});
    place(vm, from, to, now);
}

// Both hosts were asked at the end of the operation: no need to wait for their next samples.
void InventoryKeeper::place(const VmId& vm, const HostId& from, const HostId& to, Instant now) {
    expected_[vm] = to;
    owners_[vm] = {to, now, now};
    if (const auto moved = seen_[from].find(vm); moved != seen_[from].end()) {
        collectors::Sample::SampledVm sampled = moved->second;
        sampled.state = VmState::running;
        hide(from, vm);
        show(to, vm, std::move(sampled));
    }
}

std::vector<VmId> InventoryKeeper::vm_facts_wanted(const HostId& host) const {
    std::vector<VmId> wanted;
    const auto seen = seen_.find(host);
    if (seen == seen_.end()) return wanted;
    for (const auto& [vm, sampled] : seen->second)
        if (runs(sampled) && !knows_facts(vm)) wanted.push_back(vm);
    return wanted;
}

std::vector<VmId> InventoryKeeper::running_on(const HostId& host) const {
    std::vector<VmId> running;
    const auto seen = seen_.find(host);
    if (seen == seen_.end()) return running;
    for (const auto& [vm, sampled] : seen->second) {
        const auto owner = owners_.find(vm);
        const bool active = sampled.state != VmState::shut_off && sampled.state != VmState::crashed;
        if (active && owner != owners_.end() && owner->second.host == host) running.push_back(vm);
    }
    return running;
}

bool InventoryKeeper::has(const HostId& host, const VmId& vm) const {
    const auto places = places_.find(vm);
    if (places == places_.end() || !places->second.contains(host)) return false;
    const VmState state = seen_.at(host).at(vm).state;
    return state == VmState::running || state == VmState::paused;
}

std::vector<VmId> InventoryKeeper::vm_facts_due(const HostId& host) const {
    std::vector<VmId> due = vm_facts_wanted(host);
    const auto passes = [](const Blocker& blocker) {
        return blocker.reason == Reason::snapshots || blocker.reason == Reason::block_job;
    };
    const auto seen = seen_.find(host);
    if (seen == seen_.end()) return due;
    for (const auto& [vm, sampled] : seen->second) {
        const auto facts = facts_.find(vm);
        if (!runs(sampled) || facts == facts_.end() || !facts->second.is_known()) continue;
        const auto& blockers = facts->second.facts.blockers;
        if (std::any_of(blockers.begin(), blockers.end(), passes)) due.push_back(vm);
    }
    return due;
}

Inventory InventoryKeeper::build(Instant now, const std::vector<Operation>& active) const {
    Inventory inventory;
    inventory.hosts = hosts_;
    for (auto& [id, host] : inventory.hosts) {
        host.stale = host.connection != Connection::up || !host.sampled_at || now - *host.sampled_at > stale_after_;
        // Before a host has told what it is, its VMs would seem to have disks that nobody shares and to be immovable.
        const bool untold = host.facts.cpus <= 0;
        if (host.stale && host.problem.empty()) host.problem = host.sampled_at ? "no fresh sample" : "not sampled yet";
        if (untold && host.problem.empty()) host.problem = "what it offers is not known yet";
        host.stale = host.stale || untold;
    }
    for (const auto& [host, vms] : seen_)
        for (const auto& [id, sampled] : vms) {
            const auto owner = owners_.find(id);
            if (owner != owners_.end() && owner->second.host != host) continue;  // an arrival, or a double run
            Vm& vm = inventory.vms[id];
            vm.id = id;
            vm.host = host;
            vm.state = sampled.state;
            vm.load = sampled.load;
            const bool silent = inventory.hosts[host].connection != Connection::up;
            // Until it is read again it is not moved, but what was known says best what it may need where it is.
            if (const auto facts = facts_.find(id); facts != facts_.end() && facts->second.revision != 0) {
                vm.facts = facts->second.facts;
                vm.facts_revision = facts->second.revision;
                vm.facts_known = silent || facts->second.is_known();
            }
            if (!vm.facts_known) vm.facts.name = sampled.name;
            if (owner != owners_.end() && owner->second.since != Instant{}) vm.started_at = owner->second.since;
        }
    for (const Operation& op : active) {
        if (op.state == OperationState::waiting) continue;
        if (op.trigger != Trigger::host_loss) {
            inventory.in_flight.push_back({op.id, op.vm, op.from, op.to});
        } else if (const auto started = inventory.vms.find(op.vm); started != inventory.vms.end()) {
            started->second.start_after = op.from;
            started->second.host = op.to;  // from its acceptance on
            started->second.state = VmState::other;
        }
    }
    inventory.past_moves.assign(past_moves_.begin(), past_moves_.end());
    return inventory;
}

// Hosts are sampled one after the other: a VM on its way is seen on both once. Twice on both is a double run.
void InventoryKeeper::notice_double_runs(const std::set<VmId>& concerned, Instant at) {
    const auto running_hosts = [this](const VmId& vm) {
        std::vector<HostId> hosts;
        const auto places = places_.find(vm);
        if (places == places_.end()) return hosts;
        for (const HostId& host : places->second)
            if (runs(seen_[host].at(vm))) hosts.push_back(host);
        return hosts;
    };
    // Others may have come together, or gone, by an operation of ours.
    std::set<VmId> looked_at = concerned;
    for (const auto& [vm, twice] : twice_) looked_at.insert(vm);
    for (const VmId& vm : looked_at) {
        const auto hosts = running_hosts(vm);
        if (hosts.size() < 2) {
            twice_.erase(vm);
            continue;
        }
        Twice& twice = twice_.try_emplace(vm, Twice{hosts[0], hosts.back(), at}).first->second;
        if (twice.first != hosts[0] || twice.second != hosts.back()) twice = {hosts[0], hosts.back(), at};
    }
}

std::vector<DoubleRun> InventoryKeeper::double_runs() const {
    const auto seen_after = [this](const HostId& host, Instant then) {
        const auto found = looked_at_.find(host);
        return found != looked_at_.end() && found->second > then;
    };
    std::vector<DoubleRun> doubles;
    for (const auto& [vm, twice] : twice_)
        if (seen_after(twice.first, twice.since) && seen_after(twice.second, twice.since))
            doubles.push_back({vm, twice.first, twice.second});
    return doubles;
}

void InventoryKeeper::notice_paused(const HostId& id, const collectors::Sample& sample) {
    std::erase_if(paused_, [&](const auto& entry) {
        const auto there = sample.vms.find(entry.first);
        const bool is_there = there != sample.vms.end();
        return entry.second.host == id ? !is_there || there->second.state != VmState::paused
                                       : is_there && runs(there->second);
    });
    for (const auto& [vm, now] : sample.vms) {
        const auto owner = owners_.find(vm);
        const bool is_own = owner == owners_.end() || owner->second.host == id;
        if (now.state == VmState::paused && is_own) paused_.try_emplace(vm, Paused{id, sample.at});
    }
}

std::vector<VmId> InventoryKeeper::long_paused(const HostId& host) const {
    std::vector<VmId> vms;
    const auto told = hosts_.find(host);
    for (const auto& [vm, paused] : paused_)
        if (paused.host == host && told != hosts_.end() && told->second.sampled_at >= paused.since + long_paused_after)
            vms.push_back(vm);
    return vms;
}

void InventoryKeeper::paused_because(const VmId& vm, const HostId& host, Presence::PauseReason why) {
    if (const auto paused = paused_.find(vm); paused != paused_.end() && paused->second.host == host)
        paused->second.why = why;
}

std::vector<Stuck> InventoryKeeper::stuck() const {
    using Why = Presence::PauseReason;
    std::vector<Stuck> found;
    for (const auto& [vm, paused] : paused_) {
        if (paused.why != Why::migration && paused.why != Why::post_copy_failed && paused.why != Why::io_error)
            continue;
        Stuck& stuck = found.emplace_back(Stuck{vm, {paused.host}, paused.why});
        for (const HostId& host : places_.at(vm))
            if (host != paused.host && seen_.at(host).at(vm).state == VmState::paused) stuck.hosts.push_back(host);
    }
    return found;
}

std::optional<VmId> InventoryKeeper::find_vm(const std::string& name_or_uuid) const {
    for (const auto& [host, vms] : seen_)
        for (const auto& [id, vm] : vms)
            if (id.value == name_or_uuid || vm.name == name_or_uuid) return id;
    return std::nullopt;
}

}  // namespace ballast::daemon
