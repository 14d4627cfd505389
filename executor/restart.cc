// Starting a VM anew whose host was lost [safety.md, protocol step 8]: it belongs to its new host from the acceptance
// of the operation on, it is looked for on every host before anything is started, and what became of a start is found
// out by looking, never from what the call said.
#include <algorithm>

#include "executor/executor.h"
#include "executor/power_journal.h"
#include "executor/run.h"

namespace ballast::executor {

namespace {
constexpr unsigned most_starts = 3;  // a VM that does not start there then is better tried elsewhere
constexpr Duration look_again = std::chrono::seconds{1};
constexpr Duration look_again_alarmed = std::chrono::seconds{5};
// A start of QEMU with memory to be set aside takes a while; libvirt has no time limit of its own.
constexpr Duration start_deadline = std::chrono::minutes{2};
constexpr Duration patience = std::chrono::seconds{40};  // longer than it takes to notice that the target is gone
// Who moves a VM by hand to a host that falls silent with it, or before the next sample of it, moved it in between.
constexpr Duration silent_before = std::chrono::minutes{5}, silent_after = std::chrono::minutes{1};

bool is_there(const Presence& presence) {
    return presence.state == Presence::State::running || presence.state == Presence::State::paused;
}
// The half of a migration that is not ours: libvirt removes it when its other half is gone, or it runs.
bool is_half(const Presence& presence) {
    return presence.state == Presence::State::paused && presence.pause_reason == Presence::PauseReason::migration;
}
bool starts_up(const Presence& presence) {
    return presence.state == Presence::State::paused && presence.pause_reason == Presence::PauseReason::starting_up;
}
}  // namespace

unsigned Executor::restarts_on(const HostId& host) const {
    return static_cast<unsigned>(std::count_if(runs_.begin(), runs_.end(), [&](const auto& entry) {
        return entry.second->op.trigger == Trigger::host_loss && entry.second->op.to == host;
    }));
}

Executor::Task<OperationId> Executor::restart(Operation draft) {
    BALLAST_ASSERT(draft.trigger == Trigger::host_loss);
    const VmRecord* record = records_.find(draft.vm);
    if (record == nullptr || record->ended || record->definition.empty())
        co_return Error{ErrorCode::invalid, draft.vm_name, "its definition is not known"};
    if (record->host != draft.from)
        co_return Error{ErrorCode::conflict, draft.vm_name, "it belongs to " + record->host.value + " by now"};
    if (busy(draft.vm)) co_return Error{ErrorCode::conflict, draft.vm_name, "another operation on it is under way"};
    if (is_rejoining(draft.from) || is_rejoining(draft.to))
        co_return Error{ErrorCode::conflict, draft.vm_name, "its host is just coming back"};
    if (restarts_on(draft.to) >= settings_.restarts_per_host)
        co_return Error{ErrorCode::conflict, draft.vm_name, "enough VMs are being started on " + draft.to.value};
    const auto seat = hold(draft, false);
    draft.state = OperationState::planned;
    draft.created = draft.updated = clock_.wall_now();
    draft.persistent = record->persistent;
    const VmRecords::Claim claim = records_.claim(draft.vm, draft.to);
    Transaction together{{claim.guard}, {claim.change}};
    if (draft.from != draft.to)
        together.guards.push_back(
            {Compare::Kind::value_is, power_lock_key(draft.from), 0, to_string(PowerState::lost)});
    const auto accepted = co_await journal_.accept(std::move(draft), std::move(together));
    if (!accepted) co_return accepted.error();
    const RunPtr run = add(Record{accepted->op, {}});
    if (!accepted->certain) {
        run->notes.cancelled_by = "Ballast, as the store did not confirm it";
        start(run);
        co_return Error{ErrorCode::timed_out, run->op.vm_name,
                        "the store did not confirm the operation; it is taken back"};
    }
    records_.claimed(claim, accepted->revision);
    changed_(run->op);
    start(run);
    co_return run->op.id;
}

// Why it is not started yet; empty: nothing is in the way.
std::string Executor::hindrance_of(const Operation& op, const Whereabouts& found) const {
    if (found.starts)
        return "somebody else is starting " + op.vm_name + " on " + found.starts->value +
               ". It is left alone when it runs";
    if (found.half)
        return op.vm_name + " waits on " + found.half->value +
               " for the rest of a migration that was not Ballast's. It is started when that is gone, and left alone "
               "when it runs";
    if (found.unasked) {
        const bool up = hypervisor_.connection(*found.unasked) == Connection::up;
        return found.unasked->value +
               (up ? " does not say whether it has " + op.vm_name + ", which"
                   : " does not answer, and fell silent with " + op.from.value + ": " + op.vm_name) +
               " may have been moved there just before. It is started when " + found.unasked->value +
               " answers, or is certain to be off";
    }
    return {};
}

// One step: until it ends, drive() comes back.
boost::asio::awaitable<void> Executor::start_anew(RunPtr run) {
    const Whereabouts found = co_await look_for(run);
    if (found.elsewhere ||
        (found.target && is_there(*found.target) && !starts_up(*found.target) && !is_half(*found.target))) {
        const bool paused = !found.elsewhere && found.target->state == Presence::State::paused;
        co_await found_running(run, found.elsewhere.value_or(run->op.to), paused);
        co_return;
    }
    const bool target_lost = is_lost(run->op.to);
    if (!found.target && !target_lost) {
        if (run->op.started.value_or(run->op.created) + patience < clock_.wall_now())
            co_await raise_alarm(run, run->op.to.value + " does not answer: whether " + run->op.vm_name +
                                          " was started there is not known");
        co_await run->pause.take(clock_, run->op.alarm ? look_again_alarmed : look_again);
        co_return;
    }
    if (target_lost)
        co_return co_await give_back(run, OperationState::rolled_back, run->op.to.value + " was lost, too");
    if (starts_up(*found.target)) {
        if (run->op.started.value_or(run->op.created) + start_deadline + patience < clock_.wall_now())
            co_await raise_alarm(run, run->op.vm_name + " is being started on " + run->op.to.value +
                                          " for minutes: see what keeps its QEMU there");
        co_return co_await run->pause.take(clock_, run->op.alarm ? look_again_alarmed : look_again);
    }
    if (run->cancelled())
        co_return co_await give_back(run, OperationState::cancelled, "cancelled by " + run->notes.cancelled_by);
    const bool refused = run->attempt.call_returned && !run->attempt.call && !contact_lost(run->attempt.call.error());
    if (refused || run->op.attempt >= most_starts) {
        const std::string why =
            run->attempt.call ? "it did not stay up" : said_of(run->op.vm, run->attempt.call.error());
        co_return co_await give_back(run, OperationState::rolled_back,
                                     "could not be started on " + run->op.to.value + ": " + why);
    }
    const std::string hindrance = hindrance_of(run->op, found);
    if (!hindrance.empty()) {
        if (run->op.created + patience < clock_.wall_now()) co_await raise_alarm(run, hindrance);
        co_return co_await run->pause.take(clock_, run->op.alarm ? look_again_alarmed : look_again);
    }
    run->op.alarm = false;
    co_await try_start(run);
}

// Both were there not long before, so that somebody may have moved a VM from one to the other: whoever was silent for
// long took none, and whoever was seen later had none. Who has not been seen since we began may have until then.
bool Executor::may_hide(const HostId& host, const Operation& restart) const {
    if (had_ && had_(host, restart.vm)) return true;
    const Instant last = seen_at(host);
    const Instant end = hypervisor_.answered_at(restart.from).value_or(began_);
    return may_have_taken(host, end) && last < end + silent_after;
}

// Nothing is moved to a host that is off, or was silent for long by then.
bool Executor::may_have_taken(const HostId& host, Instant since) const {
    return power_of(host) != PowerState::off && seen_at(host) + silent_before > since;
}

Instant Executor::seen_at(const HostId& host) const {
    return (seen_at_ ? seen_at_(host) : hypervisor_.answered_at(host)).value_or(began_);
}

// Its target first: one that somebody moves on from there as soon as it runs is found on the host that is asked next.
// (One that is moved there meanwhile is not started twice: libvirt refuses it.)
boost::asio::awaitable<Executor::Whereabouts> Executor::look_for(RunPtr run) {
    Whereabouts found;
    if (!is_lost(run->op.to)) {
        const auto presence = co_await look(run->op.to, run->op.vm);
        if (presence) found.target = *presence;
        if (presence && is_half(*presence)) found.half = run->op.to;
    }
    std::vector<HostId> gone;
    for (const HostId& host : hypervisor_.hosts()) {
        if (host == run->op.to) continue;
        if (is_gone(host)) {
            gone.push_back(host);
            continue;
        }
        std::optional<Presence> seen;  // a connection may be called up for a while after its end
        if (hypervisor_.connection(host) == Connection::up) {
            const auto presence = co_await look(host, run->op.vm);
            if (presence) seen = *presence;
        }
        if (!seen && may_hide(host, run->op)) found.unasked = host;
        if (!seen || !is_there(*seen)) continue;
        (is_half(*seen) ? found.half : starts_up(*seen) ? found.starts : found.elsewhere) = host;
    }
    // One may have come back while the others were asked, and have started by itself what it had.
    for (const HostId& host : gone)
        if (!is_gone(host)) found.unasked = host;
    co_return found;
}

boost::asio::awaitable<void> Executor::try_start(RunPtr run) {
    const VmRecord* record = records_.find(run->op.vm);
    if (record == nullptr || record->host != run->op.to)
        co_return co_await give_back(run, OperationState::cancelled, "it does not belong to this host any more");
    ++run->op.attempt;
    run->op.state = OperationState::running;
    run->op.message = "is being started";
    run->op.started = clock_.wall_now();
    run->attempt = Attempt();
    run->attempt.started = clock_.now();
    StartRequest request{run->op.vm,         run->op.to,     record->definition,
                         record->persistent, start_deadline, run->op.from == run->op.to};
    const auto written = co_await journal(run);  // no action without a journal entry
    if (!written) {
        --run->op.attempt;
        co_await run->pause.take(clock_, look_again);
        co_return;
    }
    changed_(run->op);
    run->attempt.call = co_await hypervisor_.start(std::move(request));
    run->attempt.call_returned = true;
    if (run->attempt.call) co_return;
    co_await run->pause.take(clock_, look_again);
}

boost::asio::awaitable<void> Executor::found_running(RunPtr run, HostId host, bool paused) {
    moved(run->op.vm, host);
    run->op.alarm = false;
    if (host == run->op.to && run->op.attempt > 0) {
        run->op.outcome = Outcome{clock_.now() - run->attempt.started, {}, {}, {}, {}};
        std::string message = (paused ? "is paused on " : "runs on ") + host.value;
        co_await transition(run, OperationState::done, std::move(message));
        co_return;
    }
    co_await transition(run, OperationState::cancelled, "runs on " + host.value + " already");
}

// Whose it was before; the policy looks for another place.
boost::asio::awaitable<void> Executor::give_back(RunPtr run, OperationState state, std::string message) {
    const bool clean = co_await remove_trace(run);
    for (;;) {  // of an acceptance whose answer was lost, only the store knows
        const auto known = co_await records_.reload(run->op.vm);
        if (known) break;
        co_await clock_.sleep_for(look_again_alarmed);
    }
    if (const VmRecord* record = records_.find(run->op.vm); record != nullptr && record->host == run->op.to) {
        VmRecord back = *record;
        back.host = run->op.from;
        back.down = true;
        std::erase(back.left, back.host);
        if (!clean) back.left.push_back(run->op.to);
        records_.set(std::move(back));
        co_await records_.written();
    }
    co_await end_without_moving(run, state, std::move(message));
}

// True when nothing of it is defined on the target, or it belongs there.
boost::asio::awaitable<bool> Executor::remove_trace(RunPtr run) {
    if (run->op.to == run->op.from || !run->op.persistent || run->op.attempt == 0) co_return true;
    if (is_lost(run->op.to)) co_return false;
    const auto undefined = co_await hypervisor_.undefine(run->op.to, run->op.vm);
    co_return undefined || undefined.error().code == ErrorCode::not_found;
}

// It was without for as long as it arrived, and may have been looked at then.
void Executor::starts_by_itself(const VmId& vm) {
    const VmRecord* known = records_.find(vm);
    if (known == nullptr) return;
    VmRecord record = *known;
    record.autostart = true;
    records_.set(std::move(record));
}

void Executor::moved(const VmId& vm, const HostId& to) {
    const VmRecord* known = records_.find(vm);
    if (known == nullptr) return;
    VmRecord record = *known;
    // What it left on a host that was lost meanwhile could not be removed: that is cleaned of it when it comes back.
    const bool leaves_lost = record.host != to && is_lost(record.host);
    if (leaves_lost && std::find(record.left.begin(), record.left.end(), record.host) == record.left.end())
        record.left.push_back(record.host);
    record.host = to;
    record.down = is_gone(to);
    record.ended = false;
    std::erase(record.left, to);
    records_.set(std::move(record));
}

// ---- The host comes back.

bool Executor::is_touched(const HostId& host) const {
    const auto touches = [&](const HostId& from, const HostId& to) { return from == host || to == host; };
    return std::any_of(runs_.begin(), runs_.end(),
                       [&](const auto& entry) { return touches(entry.second->op.from, entry.second->op.to); }) ||
           std::any_of(seats_.begin(), seats_.end(), [&](const auto& seat) { return is_held(seat, host); });
}

bool Executor::is_rejoining(const HostId& host) const {
    return std::any_of(rejoining_.begin(), rejoining_.end(), [&](const auto& one) {
        const auto held = one.lock();
        return held && *held == host;
    });
}

Executor::Task<Rejoining> Executor::rejoin(HostId host) {
    // A connection may be called up for a while after its end: nothing waits for that.
    const auto alive = co_await hypervisor_.read(host);
    if (!alive) co_return alive.error();
    if (is_touched(host)) co_return Error{ErrorCode::conflict, host.value, "VMs of it are under way"};
    std::erase_if(rejoining_, [](const auto& one) { return one.expired(); });
    const auto held = std::make_shared<const HostId>(host);
    rejoining_.push_back(held);
    const auto cleaned = co_await clean(host);
    if (!cleaned) co_return cleaned.error();
    co_return Rejoining(held);
}

Executor::Task<void> Executor::clean(HostId host) {
    std::vector<VmId> concerned;
    for (const auto& [vm, record] : records_.all())
        if (record.host == host || std::find(record.left.begin(), record.left.end(), host) != record.left.end())
            concerned.push_back(vm);
    for (const VmId& vm : concerned) {
        const auto cleaned = co_await clean(host, vm);
        if (!cleaned) co_return cleaned.error();
    }
    co_return co_await records_.written();
}

Executor::Task<void> Executor::clean(HostId host, VmId vm) {
    const auto presence = co_await hypervisor_.presence(host, vm);
    if (!presence) co_return presence.error();
    const VmRecord* known = records_.find(vm);
    if (known == nullptr) co_return Result<void>();
    if (known->host == host && (!known->ended || is_there(*presence))) {
        VmRecord record = *known;
        record.down = !is_there(*presence);
        record.ended = false;
        records_.set(std::move(record));
        co_return Result<void>();
    }
    if (presence->state == Presence::State::running && !known->ended) {
        const HostId owner = known->host;
        const auto owned = co_await look(owner, vm);
        if (!owned) co_return owned.error();
        const VmRecord* now = records_.find(vm);
        if (now == nullptr || now->host != owner)
            co_return Error{ErrorCode::conflict, vm.value, "its owner has just changed"};
        if (!is_there(*owned)) {  // somebody moved it here, or this host started it by itself: this is the only one
            const bool was_ours = std::find(now->left.begin(), now->left.end(), host) != now->left.end();
            if (was_ours && owned->persistent) {  // and that one is what we made of it
                const auto undefined = co_await hypervisor_.undefine(owner, vm);
                if (!undefined && undefined.error().code != ErrorCode::not_found) co_return undefined.error();
            }
            moved(vm, host);
            co_return Result<void>();
        }
    }
    Result<void> removed = Result<void>();
    if (is_there(*presence)) removed = co_await hypervisor_.destroy(host, vm);
    if (removed && presence->persistent) removed = co_await hypervisor_.undefine(host, vm);
    if (!removed && removed.error().code != ErrorCode::not_found) co_return removed.error();
    if (const VmRecord* now = records_.find(vm); now != nullptr) {
        VmRecord record = *now;
        std::erase(record.left, host);
        records_.set(std::move(record));
    }
    co_return Result<void>();
}

}  // namespace ballast::executor
