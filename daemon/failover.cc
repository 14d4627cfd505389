#include "daemon/failover.h"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "model/names.h"

namespace ballast::daemon {

namespace {
constexpr Duration look_every = std::chrono::seconds{1};
// A VM that is missing in one sample may be on its way to a host whose sample is due.
constexpr unsigned misses_to_end = 2;
// A VM that vanished was not moved to a host that had been silent for so long by then [executor/restart.cc].
constexpr Duration silent_before = std::chrono::minutes{5};
constexpr Duration missed_for = std::chrono::seconds{30};  // until it is told: several samples of each host
// Whoever is to be cut off is by then, so that only the others need a person's attention.
constexpr Duration unjudged = std::chrono::seconds{5};
constexpr Duration start_again = std::chrono::minutes{1};
// What was decided about the VM at the same time is known by then.
constexpr Duration decided_anew = std::chrono::seconds{3};
// The plan after the loss names the restarts; a host that boots meanwhile would only get in their way.
constexpr Duration bring_back_after = std::chrono::seconds{10};
// A fault that spreads takes one host after the other: those it has taken count for the storm rail for so long.
constexpr Duration dead_lately = std::chrono::minutes{10};
constexpr unsigned known_silent = 1000;                 // looks: more than anybody asks for
constexpr std::size_t longest_definition = 256 * 1024;  // the store's values hold 1 MiB

std::vector<std::string> values_of(const std::set<HostId>& hosts) {
    std::vector<std::string> values;
    for (const HostId& host : hosts) values.push_back(host.value);
    return values;
}

bool is_active(const Presence& presence) {
    return presence.state == Presence::State::running || presence.state == Presence::State::paused;
}
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
        const bool looked = reached || reached.error().code != ErrorCode::no_space;
        if (looked) ++watch.unanswered;
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

executor::MayCut Failover::may_cut(const HostId& host) const {
    using executor::MayCut;
    if (!suspicion_.frozen.empty() || !options_.enabled || !questions_.may_act() || questions_.maintenance(host))
        return MayCut::no;
    return suspicion_.calm ? MayCut::soon : MayCut::yes;
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
        const PowerState power = power_of(host);
        if ((power == PowerState::lost || power == PowerState::fencing) && answers(host)) {
            all[host] = {};  // back, though not in use yet: the network is well as far as there
            continue;
        }
        if (is_dead_lately(host)) {  // silent, and seen to already
            all[host].unanswered = known_silent;
            continue;
        }
        if (power != PowerState::on) continue;
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
        suspicion_.calm = calm_.holds(suspicion_, begun);
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
    if (!suspicion_.frozen.empty() || suspicion_.calm) co_return;
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
        const auto again = not_before_.find(record.vm);
        const bool waits = again != not_before_.end() && clock_.now() < again->second;
        if (waits || record.definition.empty() || questions_.maintenance(record.host) ||
            power_of(record.host) != PowerState::on || !answers(record.host) ||
            hypervisor_.connection(record.host) != Connection::up)
            continue;
        not_before_[record.vm] = clock_.now() + start_again;
        Operation draft;
        draft.vm = record.vm;
        draft.vm_name = record.name;
        draft.from = draft.to = record.host;
        draft.trigger = Trigger::host_loss;
        draft.reason = record.host.value + " is back, and " + record.name + " ran on it when it went down";
        draft.requested_by = "policy";
        const auto begun = co_await executor_.restart(std::move(draft));
        if (begun) continue;
        spdlog::warn("failover: {} is not started: {}", record.name, to_string(begun.error()));
        if (begun.error().code == ErrorCode::conflict) not_before_[record.vm] = clock_.now() + decided_anew;
    }
    std::erase_if(not_before_, [&](const auto& entry) { return clock_.now() - entry.second > start_again; });
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

std::string Failover::why_left(const HostId& host) const {
    if (watches_.at(host).pardoned) return "somebody has released it, which holds until it has answered";
    return questions_.maintenance(host) ? "it is in maintenance" : "it can be seen in one way only";
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
            notes.push_back("ALARM: " + host.value + " has not answered for " + to_string(*silent) +
                            " and owns VMs, but is not cut off: " + why_left(host) +
                            ". If it is off: ballastctl fence confirm " + host.value);
    }
    std::map<HostId, std::vector<std::string>> by_host;
    for (const VmRecord& record : down()) by_host[record.host].push_back(record.name);
    for (const auto& [host, names] : by_host)
        notes.push_back("ALARM: " + names_are(names) + " down since " + host.value + " was lost");
    std::map<HostId, std::vector<std::string>> nobodys;
    for (const auto& [vm, record] : executor_.vms().all())
        if (!record.ended && !watches_.contains(record.host)) nobodys[record.host].push_back(record.name);
    for (const auto& [vm, gone] : vanished_)
        if (const VmRecord* record = executor_.vms().find(vm);
            record != nullptr && !gone.maybe_on.empty() && clock_.now() - gone.since >= missed_for)
            notes.push_back("ALARM: " + record->name + " left " + gone.from.value + ", perhaps for " +
                            names_of(values_of(gone.maybe_on)) +
                            ", and was not seen since: see to it yourself, and ballastctl fence forget " +
                            record->name);
    for (const auto& [host, names] : nobodys)
        notes.push_back("ALARM: " + names_of(names) + " ran on " + host.value +
                        ", which is not configured any more: configure it again, or see to them yourself and "
                        "ballastctl fence forget each");
    return notes;
}

bool Failover::may_forget(const VmRecord& record) const {
    const auto gone = vanished_.find(record.vm);
    return !record.ended &&
           (record.down || power_of(record.host) == PowerState::lost || !watches_.contains(record.host) ||
            (gone != vanished_.end() && !gone->second.maybe_on.empty()));
}

// ---- Who owns what.

bool Failover::is_busy(const VmId& vm) const {
    const auto active = executor_.active();
    return std::any_of(active.begin(), active.end(),
                       [&](const Operation& op) { return op.vm == vm && op.state != OperationState::waiting; });
}

// Between two attempts of ours it is somebody else's doing.
bool Failover::is_moving(const VmId& vm) const {
    const auto active = executor_.active();
    return std::any_of(active.begin(), active.end(), [&](const Operation& op) {
        return op.vm == vm && (op.state == OperationState::running || op.state == OperationState::verifying);
    });
}

void Failover::stayed(const VmId& vm) {
    ends_heard_.take(vm);
}

void Failover::heard_stop(const HostId& host, const VmId& vm, bool moved_away) {
    HeardMove& move = moves_heard_[vm];
    if (move.to == host) move.to.reset();
    const VmRecord* known = executor_.vms().find(vm);
    if (!moved_away) {  // what did not arrive, or was stopped where it does not belong, is no end
        if (known == nullptr || known->host == host || is_moving(vm)) ends_heard_.heard(vm, clock_.now());
        return;
    }
    move.from = host;
    take_over(vm);
}

void Failover::heard_arrival(const HostId& host, const VmId& vm) {
    moves_heard_[vm].to = host;
    take_over(vm);
}

// Where a VM is that somebody moves by hand, the next samples show, unless its new host dies before them. The arrival
// is told at the beginning, that it left at the end; whichever of the two is heard first.
void Failover::take_over(const VmId& vm) {
    const HeardMove move = moves_heard_[vm];
    const VmRecord* known = executor_.vms().find(vm);
    const bool ours = is_moving(vm);
    if (ours) moves_heard_.erase(vm);
    if (ours || !move.from || !move.to || *move.from == *move.to || known == nullptr || known->ended ||
        known->host != *move.from)
        return;
    moves_heard_.erase(vm);
    vanished_.erase(vm);
    missed_.erase(vm);
    belongs(vm, *move.to, false);
    questions_.moved(vm, *move.from, *move.to);
}

void Failover::belongs(const VmId& vm, const HostId& host, bool down) {
    VmRecord record = *executor_.vms().find(vm);
    record.host = host;
    record.down = down;
    record.ended = false;
    executor_.vms().set(std::move(record));
}

void Failover::vanished(const VmId& vm, const HostId& from) {
    Vanished gone{from, clock_.now()};
    for (const auto& [host, watch] : watches_) {
        const auto answered = heard_of(host).answered;
        const bool long_silent = answered && *answered + silent_before < clock_.now();
        if (host == from || power_of(host) == PowerState::off || long_silent) continue;
        gone.maybe_on.insert(host);
        const auto booted = booted_at_.find(host);
        if (booted != booted_at_.end() && booted->second + silent_before >= clock_.now()) gone.booted.insert(host);
    }
    vanished_[vm] = std::move(gone);
}

// Whatever a host's sample shows has been taken off by now.
void Failover::not_found_on(const HostId& host, bool rebooted) {
    for (auto& [vm, gone] : vanished_) {
        if (!gone.maybe_on.contains(host)) continue;
        if (rebooted) gone.booted.insert(host);
        if (!gone.booted.contains(host)) gone.maybe_on.erase(host);
    }
}

// A VM that vanishes later than that was not moved there before the boot.
std::set<HostId> Failover::unsettled_boots() const {
    std::set<HostId> unsettled = rebooted_;
    for (const auto& [host, at] : booted_at_)
        if (at + silent_before >= clock_.now()) unsettled.insert(host);
    for (const VmId& vm : went_down_)
        if (const VmRecord* record = executor_.vms().find(vm); record != nullptr) unsettled.insert(record->host);
    for (const auto& [vm, gone] : vanished_) unsettled.insert(gone.booted.begin(), gone.booted.end());
    return unsettled;
}

void Failover::seen(const HostId& host, const std::vector<VmId>& running, bool rebooted) {
    if (rebooted) rebooted_.insert(host);
    if (rebooted) booted_at_[host] = clock_.now();
    if (power_of(host) != PowerState::on) return;
    rebooted = rebooted_.erase(host) > 0;
    executor::VmRecords& records = executor_.vms();
    const auto busy = [this](const VmId& vm) { return is_busy(vm); };
    for (const VmId& vm : running) {
        missed_.erase(vm);
        ends_heard_.take(vm);
        vanished_.erase(vm);
        went_down_.erase(vm);
        if (const auto move = moves_heard_.find(vm); move != moves_heard_.end()) move->second.from.reset();
        const VmRecord* known = records.find(vm);
        if (known == nullptr || (known->host == host && !known->down && !known->ended) || busy(vm)) continue;
        if (known->host == host)
            belongs(vm, host, false);
        else if (asked_.insert(vm).second)
            boost::asio::co_spawn(asio_, ask_new_owner(vm, host, *known), boost::asio::detached);
    }
    not_found_on(host, rebooted);
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
            vanished(vm, host);
    }
}

// A sample may be from before the VM went to the host that it is known to be on, which may not answer since.
boost::asio::awaitable<void> Failover::ask_new_owner(VmId vm, HostId host, VmRecord before) {
    const auto presence = co_await hypervisor_.presence(host, vm);
    asked_.erase(vm);
    const VmRecord* known = executor_.vms().find(vm);
    const bool is_as_it_was = known != nullptr && *known == before && !is_busy(vm);
    if (is_as_it_was && power_of(host) == PowerState::on && presence && is_active(*presence)) belongs(vm, host, false);
}

// Who vanished without a word was shut down while nobody listened, or went down with its host, whose libvirt knows
// nothing of a run before its own start then. Of a transient one it knows nothing in either case: whether its host was
// booted has to be clear first. Or it was moved by hand, to a host that was not heard of since.
boost::asio::awaitable<void> Failover::ask_for_vanished() {
    for (const auto& [host, watch] : watches_) {
        if (power_of(host) != PowerState::lost) continue;
        booted_at_[host] = clock_.now();  // it boots before it is heard of again
        for (auto& [vm, gone] : vanished_)
            if (gone.maybe_on.contains(host)) gone.booted.insert(host);
    }
    const auto vanished = vanished_;
    for (const auto& [vm, gone] : vanished) {
        const auto presence = co_await hypervisor_.presence(gone.from, vm);
        if (!presence || !vanished_.contains(vm)) continue;
        const VmRecord* known = executor_.vms().find(vm);
        const bool is_owned = known != nullptr && known->host == gone.from;
        const bool is_traceless = presence->state == Presence::State::absent;
        if (is_traceless && is_owned && questions_.boot_unclear(gone.from)) continue;
        if (is_active(*presence) || !is_owned) {
            vanished_.erase(vm);
            continue;
        }
        if (presence->end_unknown) {
            vanished_.erase(vm);
            spdlog::warn("{} was not shut down: {} went down with it", known->name, gone.from.value);
            belongs(vm, gone.from, true);
            continue;
        }
        const bool elsewhere = co_await went_down_elsewhere(vm);
        const auto still = vanished_.find(vm);
        if (elsewhere || still == vanished_.end()) continue;
        if (!still->second.maybe_on.empty() && !presence->shut_down_by_guest) continue;
        vanished_.erase(vm);
        executor_.vms().forget(vm);
    }
}

// On a host that was booted since, whose libvirt knows its definition and nothing of its end.
boost::asio::awaitable<bool> Failover::went_down_elsewhere(VmId vm) {
    const Vanished gone = vanished_.at(vm);
    for (const HostId& host : gone.booted) {
        if (hypervisor_.connection(host) != Connection::up || power_of(host) != PowerState::on) continue;
        const auto presence = co_await hypervisor_.presence(host, vm);
        const VmRecord* known = executor_.vms().find(vm);
        if (!vanished_.contains(vm) || known == nullptr || known->host != gone.from) co_return true;
        const bool is_old = std::find(known->left.begin(), known->left.end(), host) != known->left.end();
        if (is_old || !presence || presence->state != Presence::State::defined || !presence->end_unknown) continue;
        vanished_.erase(vm);
        spdlog::warn("{} was moved to {} by hand, which went down with it", known->name, host.value);
        belongs(vm, host, true);
        co_return true;
    }
    co_return false;
}

// VMs come and go for years.
void Failover::forget_unrecorded() {
    const auto is_recorded = [this](const VmId& vm) { return executor_.vms().find(vm) != nullptr; };
    const auto is_gone = [&](const auto& entry) { return !is_recorded(entry.first); };
    ends_heard_.prune(clock_.now(), is_recorded);
    std::erase_if(missed_, is_gone);
    std::erase_if(went_down_, [&](const VmId& vm) { return !is_recorded(vm); });
    std::erase_if(too_long_, [&](const VmId& vm) { return !is_recorded(vm); });
    std::erase_if(vanished_, is_gone);
    std::erase_if(moves_heard_, is_gone);
    std::erase_if(not_before_, is_gone);
}

std::vector<VmId> Failover::undefined(const std::vector<VmId>& running) const {
    std::vector<VmId> wanted;
    for (const VmId& vm : running) {
        const VmRecord* known = executor_.vms().find(vm);
        const bool lacks_it = known == nullptr || (known->definition.empty() && !too_long_.contains(vm));
        if (lacks_it) wanted.push_back(vm);
    }
    return wanted;
}

bool Failover::arrives(const HostId& host, const VmId& vm) const {
    const VmRecord* known = executor_.vms().find(vm);
    return known != nullptr && known->host != host && is_busy(vm);
}

void Failover::defined(const HostId& host, const VmId& vm, const VmFacts& facts, std::string definition,
                       bool arriving) {
    if (power_of(host) != PowerState::on) return;
    executor::VmRecords& records = executor_.vms();
    const VmRecord* known = records.find(vm);
    VmRecord record = known != nullptr ? *known : VmRecord{};
    if (known == nullptr) record.host = host;
    record.vm = vm;
    record.name = facts.name;
    record.persistent = facts.persistent;
    // What arrives has none yet, or had none when it was read, and what it left behind may have it still.
    if (!arriving && !arrives(host, vm)) record.autostart = facts.autostart;
    const bool fits = definition.size() <= longest_definition;
    record.definition = fits ? std::move(definition) : "";
    if (!fits) too_long_.insert(vm);
    records.set(std::move(record));
}

}  // namespace ballast::daemon
