#include "sim/vopr/invariants.h"

#include <algorithm>

#include "cluster/calls.h"
#include "cluster/keys.h"
#include "executor/journal.h"
#include "executor/power_journal.h"
#include "executor/vm_records.h"
#include "policy/options.h"
#include "sim/vopr/daemon.h"

namespace ballast::sim::vopr {

namespace {
// What only the leader may write.
constexpr std::string_view of_the_leader[] = {
    "/ballast/ops/", "/ballast/opvm/",        "/ballast/power/", "/ballast/powerlock/", "/ballast/target/",
    "/ballast/vms/", "/ballast/maintenance/", "/ballast/homes/", "/ballast/boots/",     "/ballast/settings/"};
constexpr std::string_view ops_prefix = "/ballast/ops/";
constexpr std::string_view vms_prefix = "/ballast/vms/";
constexpr std::string_view lock_prefix = "/ballast/powerlock/";
constexpr std::string_view power_prefix = "/ballast/power/";
// By then whoever leads has noticed, where nothing holds it up, and in any case: longer than a failover waits.
constexpr Duration soon_noticed = std::chrono::seconds{5}, surely_noticed = std::chrono::seconds{20};
constexpr Duration watch_every = std::chrono::seconds{1};
constexpr Duration shortest_boot = std::chrono::seconds{10};  // simulated ones take none
// A fault made it run twice: by then whoever leads has seen to it, had both hosts been cut off for as long as any is.
constexpr Duration twice_at_most = std::chrono::minutes{45};

bool begins(const std::string& key, std::string_view prefix) {
    return key.starts_with(prefix);
}
bool is_of_the_leader(const std::string& key) {
    return std::any_of(std::begin(of_the_leader), std::end(of_the_leader),
                       [&](std::string_view prefix) { return begins(key, prefix); });
}
std::string after(const std::string& key, std::string_view prefix) {
    return key.substr(prefix.size());
}
std::string lock_of(const std::string& host) {
    return std::string(lock_prefix) + host;
}
}  // namespace

/// Who commits, by the mark.
struct Invariants::Author {
    Revision term = 0;  // 0: no leader
    bool current = false;
    std::string name;
};

Invariants::Invariants(Cluster& cluster, const Scenario& scenario) : cluster_(cluster) {
    for (const HostId& host : scenario.hosts) hosts_.push_back(cluster_.world.host(host));
    for (const Guest& guest : scenario.guests) numbers_.emplace(guest.vm, numbers_.size());
    twice_since_.resize(numbers_.size());
    running_.resize(numbers_.size());
    cluster_.store.committing = [this](const Transaction& transaction) { committing(transaction); };
    cluster_.world.starting = [this](const HostId& on, const VmId& vm) { starting(on, vm); };
    cluster_.world.going_down = [this](const HostId& host) { going_down(host); };
}

void Invariants::breaks(const std::string& what) {
    if (broken_) return;
    cluster_.note("BROKEN: " + what);
    broken_ = what;
}

// ---- what the store takes

void Invariants::committing(const Transaction& transaction) {
    Author author;
    for (const Change& change : transaction.changes) {
        if (begins(change.key, MarkedStore::leaders)) author.term = std::stoll(after(change.key, MarkedStore::leaders));
        if (begins(change.key, "/ballast/mark/")) author.name = after(change.key, "/ballast/mark/");
    }
    const auto leader = cluster_.store.entries.find(cluster::leader_key);
    author.current =
        author.term != 0 && leader != cluster_.store.entries.end() && leader->second.create_revision == author.term;
    for (const Change& change : transaction.changes) look_at(change, author);
}

void Invariants::look_at(const Change& change, const Author& author) {
    const bool put = change.kind == Change::Kind::put;
    bool leads = is_of_the_leader(change.key);
    if (put && begins(change.key, cluster::calls_prefix)) {
        const auto call = cluster::call_from(change.value);
        leads = leads || (call && call->claimed_by == 0);
        if (call && call->claimed_by != 0) look_at_claim(change.key, *call);
    }
    if (leads && !author.current)
        breaks("4: " + change.key + " is changed by " + (author.name.empty() ? "nobody" : author.name) +
               ", which does not lead");
    if (begins(change.key, ops_prefix)) look_at_operation(change);
    if (put && begins(change.key, vms_prefix)) look_at_owner(change);
    if (begins(change.key, lock_prefix)) look_at_lock(change);
    if (put && begins(change.key, power_prefix)) look_at_power(change);
    if (put && begins(change.key, cluster::agents_prefix)) look_at_registration(change);
}

// By a call that is claimed something begins: for whoever leads, and by whoever looks after the host.
void Invariants::look_at_claim(const std::string& key, const cluster::Call& call) {
    const auto& entries = cluster_.store.entries;
    const std::string host = after(key, cluster::calls_prefix);
    const auto leader = entries.find(cluster::leader_key);
    const auto agent = entries.find(cluster::agents_prefix + host.substr(0, host.find('/')));
    if (leader == entries.end() || leader->second.create_revision != call.term)
        breaks("4: " + call.method + " is begun for a leader that does not lead any more");
    if (agent == entries.end() || agent->second.create_revision != call.claimed_by)
        breaks("10: " + call.method + " is begun by an agent that is not registered any more");
}

void Invariants::look_at_owner(const Change& change) {
    const auto before = cluster_.store.entries.find(change.key);
    if (before == cluster_.store.entries.end()) return;
    const auto old = executor::vm_record_from_json(boost::json::parse(before->second.value));
    const auto now = executor::vm_record_from_json(boost::json::parse(change.value));
    if (!old || !now) return breaks("9: " + change.key + " cannot be read");
    const std::uint64_t wanted = old->generation + (old->host == now->host ? 0 : 1);
    if (now->generation < wanted || (old->host != now->host && now->generation != wanted))
        breaks("9: " + change.key + " goes from " + old->host.value + " in generation " +
               std::to_string(old->generation) + " to " + now->host.value + " in generation " +
               std::to_string(now->generation));
}

void Invariants::look_at_operation(const Change& change) {
    if (change.kind != Change::Kind::put) {
        operations_.erase(change.key);
        return;
    }
    const auto record = executor::record_from_json(boost::json::parse(change.value));
    if (!record) return breaks("7: " + change.key + " cannot be read");
    const Operation& op = record->op;
    if (is_final(op.state)) {
        operations_.erase(change.key);
        return;
    }
    for (const auto& [key, other] : operations_)
        if (key != change.key && other.vm == op.vm) breaks("5: " + op.vm.value + " has two operations");
    Seen& seen = operations_[change.key];
    seen.vm = op.vm;
    seen.from = op.from;
    seen.to = op.to;
    seen.migrates = op.trigger != Trigger::host_loss;
    seen.alarmed = seen.alarmed || op.alarm;
    seen.holds_slot = seen.migrates && op.state != OperationState::waiting && !seen.alarmed;
    count_slots();
}

void Invariants::count_slots() {
    static const policy::LimitOptions limits;
    std::map<HostId, unsigned> out, in;
    unsigned all = 0;
    for (const auto& [key, seen] : operations_) {
        if (!seen.holds_slot) continue;
        ++all;
        if (++out[seen.from] > limits.outgoing_per_host) breaks("5: too many VMs leave " + seen.from.value);
        if (++in[seen.to] > limits.incoming_per_host) breaks("5: too many VMs come to " + seen.to.value);
    }
    if (all > limits.cluster) breaks("5: too many VMs are under way");
}

void Invariants::look_at_lock(const Change& change) {
    const HostId host{after(change.key, lock_prefix)};
    const auto before = cluster_.store.entries.find(change.key);
    const std::string was = before == cluster_.store.entries.end() ? "" : before->second.value;
    const std::string now = change.kind == Change::Kind::put ? change.value : "";
    const SimHost& machine = *cluster_.world.host(host);
    if (now == was) return;
    if (now == to_string(PowerState::fencing)) boots_at_fencing_[host] = machine.boots;
    if (now != to_string(PowerState::lost)) return;
    const bool went_off = !machine.powered || machine.boots > boots_at_fencing_[host];
    if (!went_off && !confirmed_.contains(host))
        breaks("11: " + host.value + " counts as lost, and has had power all the time");
    confirmed_.erase(host);
}

void Invariants::look_at_registration(const Change& change) {
    if (cluster_.store.entries.contains(change.key)) return;
    const std::string host = after(change.key, cluster::agents_prefix);
    const auto lock = cluster_.store.entries.find(lock_of(host));
    if (lock != cluster_.store.entries.end() && lock->second.value == to_string(PowerState::fencing))
        breaks("10: " + host + " is registered while it is being cut off");
}

void Invariants::look_at_power(const Change& change) {
    const auto record = executor::power_record_from_json(boost::json::parse(change.value));
    if (!record) return breaks("7: " + change.key + " cannot be read");
    const bool begins_now = !cluster_.store.entries.contains(lock_of(record->host.value));
    if (!begins_now || record->requested_by != "policy") return;
    if (record->state == PowerState::fencing) look_at_fencing(record->host);
    if (record->state == PowerState::switching_off) look_at_switching_off(record->host);
}

void Invariants::look_at_switching_off(const HostId& host) {
    static const policy::ConsolidationOptions options;
    unsigned stay = 0;
    for (const HostId& other : cluster_.world.hosts())
        if (other != host && !cluster_.store.entries.contains(lock_of(other.value))) ++stay;
    if (stay < options.min_hosts_on)
        breaks("13: " + host.value + " is switched off by the policy, and " + std::to_string(stay) + " stay on");
}

// No guard of the store reaches a BMC. Its time is over at the latest when its lease would have ended.
void Invariants::ordering_power(const HostId& from) {
    const auto leads = cluster_.store.entries.find("/ballast/cluster/leader");
    if (leads != cluster_.store.entries.end() && leads->second.value == from.value) return;
    const auto led = last_led_.find(from);
    const Instant now = cluster_.clock.now();
    if (led == last_led_.end() || now - led->second > Daemon::time_to_live + watch_every)
        breaks("4: " + from.value + " has a host switched off, and has not been leading for long");
}

void Invariants::going_down(const HostId& host) {
    if (!cluster_.world.host(host)->powered) return;
    for (const auto& [vm, domain] : cluster_.world.host(host)->domains)
        if (domain.active()) breaks("13: " + host.value + " is asked to go down with " + vm.value + " on it");
}

// Those that are lost already, or are silent and worked on, are left out on both sides: the real rail is the stricter
// one.
void Invariants::look_at_fencing(const HostId& cut_off) {
    const auto& entries = cluster_.store.entries;
    std::size_t silent = 0, expected = 0;
    for (const HostId& host : cluster_.world.hosts()) {
        const bool worked_on = entries.contains("/ballast/maintenance/" + host.value);
        const auto since = silent_since_.find(host);
        const bool is_silent = !is_heard(host) && since != silent_since_.end();
        const Duration silent_for = is_silent ? cluster_.clock.now() - since->second : Duration{};
        if ((worked_on || entries.contains(lock_of(host.value))) && silent_for >= soon_noticed) continue;
        ++expected;
        if (!worked_on && silent_for >= surely_noticed) ++silent;
    }
    if (silent > 0 && 2 * silent >= expected)
        breaks("12: " + cut_off.value + " is cut off while " + std::to_string(silent) + " of " +
               std::to_string(expected) + " hosts are silent");
}

// By whoever leads, or by the store.
bool Invariants::is_heard(const HostId& host) const {
    return cluster_.world.reaches(leader_, host) || cluster_.store.entries.contains(cluster::agent_key(host));
}

// It may have been up for less than from one look to the next, and answered a probe.
void Invariants::losing_power(const HostId& host) {
    if (!leader_.value.empty() && is_heard(host)) silent_since_.erase(host);
}

void Invariants::watch_silence() {
    const Instant now = cluster_.clock.now();
    if (now - watched_ < watch_every) return;
    watched_ = now;
    const auto& entries = cluster_.store.entries;
    const auto leads = entries.find(cluster::leader_key);
    const HostId leader{leads == entries.end() ? "" : leads->second.value};
    if (leader != leader_) silent_since_.clear();
    leader_ = leader;
    if (leader.value.empty()) return;
    last_led_[leader] = now;
    for (const HostId& host : cluster_.world.hosts()) {
        if (is_heard(host))
            silent_since_.erase(host);
        else
            silent_since_.emplace(host, now);
    }
}

// ---- what the hosts do

bool Invariants::is_claimed(const HostId& on, const VmId& vm) const {
    const auto& entries = cluster_.store.entries;
    const std::string prefix = cluster::calls_of(on);
    for (auto at = entries.lower_bound(prefix); at != entries.end() && begins(at->first, prefix); ++at) {
        const auto call = cluster::call_from(at->second.value);
        const auto* const named = call ? call->arguments.if_contains("vm") : nullptr;
        if (call && call->claimed_by != 0 && call->method == "start" && named != nullptr && named->is_string() &&
            named->get_string() == vm.value)
            return true;
    }
    return false;
}

void Invariants::starting(const HostId& on, const VmId& vm) {
    ++starts_;
    if (!is_claimed(on, vm)) breaks("4: " + vm.value + " is started on " + on.value + ", and nobody has claimed that");
    for (const HostId& host : cluster_.world.hosts()) {
        const Domain* const there = host == on ? nullptr : cluster_.world.domain(host, vm);
        if (there == nullptr || !there->active() || !cluster_.world.host(host)->powered) continue;
        // Its own start would have come later, and then nobody could have kept it from that.
        const bool just_booted = cluster_.clock.now() - cluster_.world.host(host)->booted < shortest_boot;
        if (just_booted && there->autostart)
            cluster_.world.excuse_twice(vm);
        else
            breaks("2: " + vm.value + " is started on " + on.value + " and is on " + host.value);
    }
}

void Invariants::step() {
    watch_silence();
    std::fill(running_.begin(), running_.end(), 0);
    bool twice = false;
    for (const SimHost* const host : hosts_)
        for (const auto& [vm, domain] : host->domains)
            if (domain.runs() && ++running_[domain.number] > 1) twice = true;
    if (!twice && !was_twice_) return;
    was_twice_ = twice;
    for (const auto& [vm, number] : numbers_) {
        Instant& since = twice_since_[number];
        if (running_[number] < 2)
            since = {};
        else if (!cluster_.world.may_run_twice(vm))
            breaks("1: " + vm.value + " runs on two hosts");
        else if (since == Instant{})
            since = cluster_.clock.now();
        else if (cluster_.clock.now() - since > twice_at_most && !restored_)
            breaks("1: " + vm.value + " has been running on two hosts for long, and nobody ends it");
    }
}

}  // namespace ballast::sim::vopr
