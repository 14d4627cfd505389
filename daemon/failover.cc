#include "daemon/failover.h"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "daemon/names.h"

namespace ballast::daemon {

namespace {
constexpr Duration look_every = std::chrono::seconds{1};
// A VM that is missing in one sample may be on its way to a host whose sample is due.
constexpr unsigned misses_to_end = 2;
// Whoever is to be cut off is by then, so that only the others need a person's attention.
constexpr Duration unjudged = std::chrono::seconds{5};
constexpr Duration start_again = std::chrono::minutes{1};
// The plan after the loss names the restarts; a host that boots meanwhile would only get in their way.
constexpr Duration bring_back_after = std::chrono::seconds{10};
// A fault that spreads takes one host after the other: those it has taken count for the storm rail for so long.
constexpr Duration dead_lately = std::chrono::minutes{10};
constexpr unsigned known_silent = 1000;                 // looks: more than anybody asks for
constexpr std::size_t longest_definition = 256 * 1024;  // the store's values hold 1 MiB
}  // namespace

Failover::Failover(boost::asio::any_io_executor asio, Clock& clock, Hypervisor& hypervisor, Probe& probe,
                   executor::Executor& executor, executor::PowerSwitch& power, FailoverQuestions questions)
    : asio_(std::move(asio)),
      clock_(clock),
      hypervisor_(hypervisor),
      probe_(probe),
      executor_(executor),
      power_(power),
      questions_(std::move(questions)) {}

void Failover::start(const std::vector<HostId>& hosts, bool one_of_several) {
    started_ = clock_.now();
    if (one_of_several) had_grace_ = started_ - Instant{};
    for (const HostId& host : hosts) {
        watches_[host];
        boost::asio::co_spawn(asio_, watch(host), boost::asio::detached);
    }
    boost::asio::co_spawn(asio_, decide(), boost::asio::detached);
}

// ---- Is it there?

boost::asio::awaitable<void> Failover::watch(HostId host) {
    Watch& watch = watches_[host];
    for (;;) {
        const Instant begun = clock_.now();
        const auto reached = co_await probe_.reach(host);
        const unsigned before = watch.unanswered;
        ++watch.unanswered;
        watch = heard_of(host);
        watch.probed = watch.probed || reached;
        if (reached) watch.answered = clock_.now();
        if (reached) watch.unanswered = 0;
        const bool comes = before > 0 && watch.unanswered == 0;
        if (comes && power_of(host) == PowerState::off) hypervisor_.reconnect(host);  // somebody else's doing
        if (watch.unanswered == 0) watch.pardoned = false;
        if ((before > 0) != (watch.unanswered > 0)) questions_.changed();
        co_await clock_.sleep_until(begun + look_every);
    }
}

Failover::Watch Failover::heard_of(const HostId& host) const {
    Watch watch = watches_.at(host);
    const auto told = hypervisor_.answered_at(host);
    if (!told || (watch.answered && *told <= *watch.answered)) return watch;
    watch.answered = told;
    watch.unanswered = 0;
    return watch;
}

bool Failover::answers(const HostId& host) const {
    if (!watches_.contains(host) || !probe_.reaches(host)) return hypervisor_.connection(host) == Connection::up;
    const Watch watch = heard_of(host);
    return watch.answered && watch.unanswered == 0;
}

bool Failover::may_cut(const HostId& host) const {
    return suspicion_.frozen.empty() && options_.enabled && questions_.may_act() && !questions_.maintenance(host);
}

void Failover::pardon(const HostId& host) {
    if (const auto watch = watches_.find(host); watch != watches_.end()) watch->second.pardoned = true;
}

std::optional<Duration> Failover::silent_for(const HostId& host) const {
    if (!watches_.contains(host) || !probe_.reaches(host)) return std::nullopt;
    const Watch watch = heard_of(host);
    if (watch.unanswered == 0) return std::nullopt;
    return clock_.now() - watch.answered.value_or(started_);
}

PowerState Failover::power_of(const HostId& host) const {
    const auto record = power_.record(host);
    return record ? record->state : PowerState::on;
}

bool Failover::concerns_vms(const HostId& host) const {
    const auto active = executor_.active();
    return !executor_.vms().of_host(host).empty() || std::any_of(active.begin(), active.end(), [&](const auto& op) {
        return op.state != OperationState::waiting && (op.from == host || op.to == host);
    });
}

bool Failover::is_dead_lately(const HostId& host) const {
    const auto record = power_.record(host);
    if (!record) return false;
    return record->state == PowerState::fencing ||
           (record->state == PowerState::lost && clock_.wall_now() - record->since < dead_lately);
}

std::map<HostId, policy::Contact> Failover::contacts() const {
    std::map<HostId, policy::Contact> all;
    for (const auto& [host, last] : watches_) {
        if (is_dead_lately(host)) {  // silent, and seen to already
            all[host].unanswered = known_silent;
            continue;
        }
        if (power_of(host) != PowerState::on) continue;
        const Watch watch = heard_of(host);
        policy::Contact& contact = all[host];
        // A probe that never got through, to a host whose libvirt did, is no second way to see it.
        contact.watched = probe_.reaches(host) && (watch.probed || !watch.answered);
        contact.answered = watch.answered;
        contact.unanswered = watch.unanswered;
        // Seen in one way only: never cut off for it, but counted.
        const bool gone = hypervisor_.connection(host) == Connection::down && clock_.now() - started_ >= options_.after;
        if (!contact.watched) contact.unanswered = gone ? known_silent : 0;
        contact.maintenance = questions_.maintenance(host) || watch.pardoned;
        contact.concerns_vms = concerns_vms(host);
    }
    return all;
}

// ---- What is to be done.

policy::Suspicion Failover::suspect_as_of(Instant now) const {
    policy::FailoverOptions options = options_;
    options.start_grace = std::max(Duration{}, options.start_grace - had_grace_);
    return policy::suspect(contacts(), options, started_, now);
}

boost::asio::awaitable<void> Failover::decide() {
    for (;;) {
        const Instant begun = clock_.now();
        policy::Suspicion now = suspect_as_of(begun);
        const bool news = now.suspects.size() != suspicion_.suspects.size() || now.frozen != suspicion_.frozen;
        suspicion_ = std::move(now);
        if (news) questions_.changed();
        co_await ask_for_vanished();
        forget_unrecorded();
        if (options_.enabled && questions_.may_act()) {
            co_await fence_suspects();
            co_await start_at_home();
            co_await bring_back();
        }
        co_await clock_.sleep_until(begun + look_every);
    }
}

boost::asio::awaitable<void> Failover::fence_suspects() {
    if (!suspicion_.frozen.empty()) co_return;
    const auto suspects = suspicion_.suspects;
    for (const policy::Suspect& suspect : suspects) {
        HostId host = suspect.host;
        std::string reason = suspect.reason, by = "policy";
        const auto begun = co_await power_.fence(std::move(host), std::move(reason), std::move(by));
        if (!begun) spdlog::warn("failover: {} is not cut off: {}", suspect.host.value, to_string(begun.error()));
    }
}

// VMs that could not be started elsewhere, on their host that is back.
boost::asio::awaitable<void> Failover::start_at_home() {
    const auto all = down();
    for (const VmRecord& record : all) {
        const auto tried = tried_again_.find(record.vm);
        const bool waits = tried != tried_again_.end() && clock_.now() - tried->second < start_again;
        if (waits || record.definition.empty() || questions_.maintenance(record.host) ||
            power_of(record.host) != PowerState::on || !answers(record.host) ||
            hypervisor_.connection(record.host) != Connection::up)
            continue;
        tried_again_[record.vm] = clock_.now();
        Operation draft;
        draft.vm = record.vm;
        draft.vm_name = record.name;
        draft.from = draft.to = record.host;
        draft.trigger = Trigger::host_loss;
        draft.reason = record.host.value + " is back, and " + record.name + " ran on it when it went down";
        draft.requested_by = "policy";
        const auto begun = co_await executor_.restart(std::move(draft));
        if (!begun) spdlog::warn("failover: {} is not started: {}", record.name, to_string(begun.error()));
    }
    std::erase_if(tried_again_, [&](const auto& entry) { return clock_.now() - entry.second > 2 * start_again; });
}

boost::asio::awaitable<void> Failover::bring_back() {
    if (!options_.bring_back) co_return;
    for (const PowerRecord& record : power_.records()) {
        const bool due = record.lost && clock_.wall_now() - *record.lost >= bring_back_after;
        if (record.state != PowerState::lost || record.attempt > 0 || record.quarantined || !due) continue;
        const auto active = executor_.active();
        const bool busy = std::any_of(active.begin(), active.end(),
                                      [&](const auto& op) { return op.from == record.host || op.to == record.host; });
        if (busy || questions_.restarts_pending(record.host)) continue;
        const auto begun = co_await power_.bring_back(record.host);
        if (!begun && begun.error().code != ErrorCode::invalid)
            spdlog::warn("failover: {} is not switched on: {}", record.host.value, to_string(begun.error()));
    }
}

std::vector<VmRecord> Failover::down() const {
    std::vector<VmRecord> found;
    for (const auto& [vm, record] : executor_.vms().all())
        if (!record.ended && (record.down || power_of(record.host) == PowerState::lost)) found.push_back(record);
    return found;
}

std::vector<std::string> Failover::notes() const {
    std::vector<std::string> notes;
    if (!suspicion_.frozen.empty()) notes.push_back("ALARM: " + suspicion_.frozen);
    if (suspicion_.frozen.empty() && (!options_.enabled || !questions_.may_act()))
        for (const policy::Suspect& suspect : suspicion_.suspects)
            notes.push_back(suspect.reason + "; it would be cut off in mode automatic with failover.enabled");
    for (const auto& [host, watch] : watches_) {
        const auto silent = silent_for(host);
        const bool suspected = std::any_of(suspicion_.suspects.begin(), suspicion_.suspects.end(),
                                           [&](const policy::Suspect& one) { return one.host == host; });
        if (!silent || *silent < options_.after + unjudged || suspected || power_of(host) != PowerState::on ||
            !concerns_vms(host))
            continue;
        if (watch.answered || *silent >= options_.start_grace)
            notes.push_back(
                "ALARM: " + host.value + " has not answered for " + to_string(*silent) +
                " and owns VMs, but is not cut off: it is in maintenance, or can be seen in one way only. If it "
                "is off: ballastctl fence confirm " +
                host.value);
    }
    std::map<HostId, std::vector<std::string>> by_host;
    for (const VmRecord& record : down()) by_host[record.host].push_back(record.name);
    for (const auto& [host, names] : by_host)
        notes.push_back("ALARM: " + names_are(names) + " down since " + host.value + " was lost");
    std::map<HostId, std::vector<std::string>> nobodys;
    for (const auto& [vm, record] : executor_.vms().all())
        if (!record.ended && !watches_.contains(record.host)) nobodys[record.host].push_back(record.name);
    for (const auto& [host, names] : nobodys)
        notes.push_back("ALARM: " + names_of(names) + " ran on " + host.value +
                        ", which is not configured any more: configure it again, or see to them yourself and "
                        "ballastctl fence forget each");
    return notes;
}

bool Failover::may_forget(const VmRecord& record) const {
    return !record.ended &&
           (record.down || power_of(record.host) == PowerState::lost || !watches_.contains(record.host));
}

// ---- Who owns what.

void Failover::seen(const HostId& host, const std::vector<VmId>& running, bool rebooted) {
    if (rebooted) rebooted_.insert(host);
    if (power_of(host) != PowerState::on) return;
    rebooted = rebooted_.erase(host) > 0;
    executor::VmRecords& records = executor_.vms();
    const auto active = executor_.active();
    const auto busy = [&](const VmId& vm) {
        return std::any_of(active.begin(), active.end(),
                           [&](const Operation& op) { return op.vm == vm && op.state != OperationState::waiting; });
    };
    for (const VmId& vm : running) {
        missed_.erase(vm);
        ends_heard_.take(vm);
        vanished_.erase(vm);
        went_down_.erase(vm);
        const VmRecord* known = records.find(vm);
        if (known == nullptr || (known->host == host && !known->down && !known->ended) || busy(vm)) continue;
        VmRecord record = *known;
        record.host = host;
        record.down = record.ended = false;
        records.set(std::move(record));
    }
    const std::set<VmId> there(running.begin(), running.end());
    const std::set<VmId> owned = records.of_host(host);
    for (const VmId& vm : owned) {
        if (there.contains(vm) || records.find(vm)->down) continue;
        if (busy(vm)) {  // what ends may say that it did not move, not why it is gone
            if (rebooted) went_down_.insert(vm);
            continue;
        }
        if (rebooted || went_down_.erase(vm) > 0) {
            VmRecord record = *records.find(vm);
            record.down = true;
            records.set(std::move(record));
            vanished_.erase(vm);
            continue;
        }
        if (vanished_.contains(vm) || ++missed_[vm] < misses_to_end) continue;
        missed_.erase(vm);
        if (ends_heard_.take(vm))
            records.forget(vm);  // by itself or by its user
        else
            vanished_[vm] = host;
    }
}

// Who vanished without a word was shut down while nobody listened, or went down with its host, whose libvirt knows
// nothing of a run before its own start then. Of a transient one it knows nothing in either case: whether its host was
// booted has to be clear first.
boost::asio::awaitable<void> Failover::ask_for_vanished() {
    const auto vanished = vanished_;
    for (const auto& [vm, host] : vanished) {
        const auto presence = co_await hypervisor_.presence(host, vm);
        if (!presence || !vanished_.contains(vm)) continue;
        const VmRecord* known = executor_.vms().find(vm);
        const bool is_traceless = presence->state == Presence::State::absent;
        if (is_traceless && known != nullptr && known->host == host && questions_.boot_unclear(host)) continue;
        vanished_.erase(vm);
        const bool active = presence->state == Presence::State::running || presence->state == Presence::State::paused;
        if (active || known == nullptr || known->host != host) continue;
        if (!presence->end_unknown) {
            executor_.vms().forget(vm);
            continue;
        }
        VmRecord record = *known;
        record.down = true;
        spdlog::warn("{} was not shut down: {} went down with it", record.name, host.value);
        executor_.vms().set(std::move(record));
    }
}

// VMs come and go for years.
void Failover::forget_unrecorded() {
    const auto is_recorded = [this](const VmId& vm) { return executor_.vms().find(vm) != nullptr; };
    const auto is_gone = [&](const auto& entry) { return !is_recorded(entry.first); };
    ends_heard_.prune(clock_.now(), is_recorded);
    std::erase_if(missed_, is_gone);
    std::erase_if(went_down_, [&](const VmId& vm) { return !is_recorded(vm); });
    std::erase_if(vanished_, is_gone);
    std::erase_if(tried_again_, is_gone);
}

std::vector<VmId> Failover::undefined(const std::vector<VmId>& running) const {
    std::vector<VmId> wanted;
    for (const VmId& vm : running)
        if (executor_.vms().find(vm) == nullptr) wanted.push_back(vm);
    return wanted;
}

void Failover::defined(const HostId& host, const VmId& vm, const VmFacts& facts, std::string definition) {
    if (power_of(host) != PowerState::on) return;
    executor::VmRecords& records = executor_.vms();
    const VmRecord* known = records.find(vm);
    VmRecord record = known != nullptr ? *known : VmRecord{};
    if (known == nullptr) record.host = host;
    record.vm = vm;
    record.name = facts.name;
    record.persistent = facts.persistent;
    record.autostart = facts.autostart;
    record.definition = definition.size() <= longest_definition ? std::move(definition) : "";
    records.set(std::move(record));
}

}  // namespace ballast::daemon
