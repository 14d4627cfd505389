// After a migration ended, whatever its call said: both hosts are asked, and what they say decides (judge.h). Nothing
// here trusts the call's result, and every action is followed by another look.
#include <algorithm>

#include "executor/executor.h"
#include "executor/run.h"

namespace ballast::executor {

namespace {
constexpr Duration look_again_first{100};
constexpr Duration look_again{1000};
constexpr Duration look_again_alarmed = std::chrono::seconds{5};
// Transient pictures (a target starting up, a source cleaning up) last seconds; libvirt's own keepalive gives up
// after 25 s. What is unclear for longer needs a person to know of it.
constexpr Duration patience = std::chrono::seconds{40};
// A call made just before its daemon died, or that hung, has begun to act by then.
constexpr Duration unattended_settle = std::chrono::seconds{3};
// The two hosts are asked one after the other: a guest handed over in between looks as if it ran on both.
constexpr Duration double_look = std::chrono::seconds{2};
// With the target lost, that the guest never stopped on the source is concluded from having heard no switchover, no
// disconnection, and from having found it running at every look. One connection carries a host's events and answers
// in their order [libvirt RPC], so a switchover was heard before the end of the call was, or the connection was lost.
// Still: a libvirtd that was restarted answers again by then, and its answer is better than a conclusion.
constexpr Duration target_restart = std::chrono::seconds{10};

// A host that is dead for certain sends nothing any more: what it left on the other one changes no more by itself.
constexpr Duration settled_by_loss = std::chrono::seconds{3};

// Between two tries to send the rest of what post-copy left behind; libvirt needs a moment to see that the network is
// back, and whether a migration goes on by itself shows within this.
constexpr Duration resume_every = std::chrono::seconds{5};

// A connection whose network is back goes on with the source's next try to send, two minutes later at most
// [TCP_RTO_MAX]. Broken off before that, it may never be heard of at the target, whose QEMU then waits at it for ever:
// the source's kernel drops what nobody holds any more and has been sent in vain that often [tcp_orphan_retries].
constexpr Duration goes_on_within = std::chrono::seconds{130};

// How long a picture has to hold before it is acted upon.
Duration must_hold(Verdict verdict, const Attempt& attempt, bool one_is_lost) {
    switch (verdict) {
        case Verdict::stayed: return attempt.unattended ? unattended_settle : Duration{};
        case Verdict::stayed_target_lost: return target_restart;
        case Verdict::both_run: return double_look;
        case Verdict::hands_off: return one_is_lost ? patience : Duration{};  // the last pages may have come in time
        case Verdict::lost:
        case Verdict::resume_target:
        case Verdict::drop_arrival: return one_is_lost ? settled_by_loss : patience;
        default: return {};
    }
}

// It may be defined on a host that is lost: that is cleaned of it when it comes back.
void is_left_on(VmRecords& records, const VmId& vm, const HostId& host) {
    const VmRecord* const known = records.find(vm);
    if (known == nullptr || std::find(known->left.begin(), known->left.end(), host) != known->left.end()) return;
    VmRecord record = *known;
    record.left.push_back(host);
    records.set(std::move(record));
}

std::string how_it_failed(const Attempt& attempt, const VmId& vm) {
    if (!attempt.abort_reason.empty()) return attempt.abort_reason;
    if (attempt.call_returned && !attempt.call) return said_of(vm, attempt.call.error());
    if (attempt.call_returned || attempt.job_seen) return "the migration ended without moving the guest";
    return "the daemon was restarted, and no migration was under way";
}

std::string seen(const HostId& host, const Result<Presence>& presence) {
    return "on " + host.value + ": " +
           (presence ? to_string(*presence) : "cannot be asked, " + presence.error().message);
}

std::string advice(Verdict verdict, const Picture& picture, const std::optional<HostId>& unasked) {
    const bool left_target =
        picture.ran_on_target && !picture.post_copy && picture.target &&
        (picture.target->state == Presence::State::absent || picture.target->state == Presence::State::defined);
    if (verdict == Verdict::hands_off && left_target)
        return "it ran on the second one and is gone from there, and what waits on the first one is of before that: a "
               "person has to decide. To start it anew from its disks, virsh destroy it where it waits";
    if (verdict == Verdict::hands_off)
        return "it was in post-copy or about to be, so its memory may be on both hosts: neither is touched, a person "
               "has to decide";
    if (unasked)
        return "it may have been moved to " + unasked->value + ", which does not answer: it goes on when " +
               unasked->value + " answers, or is certain to be off";
    return "looking again until it is";
}

std::optional<Presence> known(const Result<Presence>& presence) {
    return presence ? std::optional(*presence) : std::nullopt;
}

std::string definition_left(const HostId& host, const Error& error) {
    return "; a definition is left on " + host.value + ": " + to_string(error);
}

bool paused_by_io_error(const std::optional<Presence>& presence) {
    return presence && presence->state == Presence::State::paused &&
           presence->pause_reason == Presence::PauseReason::io_error;
}
}  // namespace

// Ends in a final state, in `planned` (another attempt) or in `running` (a job is still under way: monitor it).
boost::asio::awaitable<void> Executor::verify(RunPtr run) {
    run->op.state = OperationState::verifying;
    changed_(run->op);
    const Instant began = clock_.now();
    Instant since = began;
    std::optional<Verdict> last;
    Duration wait = look_again_first;
    for (;;) {
        const auto source = co_await look(run->op.from, run->op.vm);
        const auto target = co_await look(run->op.to, run->op.vm);
        co_await note_where_it_ran(run, source, target);
        const Picture picture = picture_of(*run, source, target);
        const Verdict verdict = judge(picture);
        const Instant now = clock_.now();
        if (verdict != last) since = now;
        last = verdict;
        run->attempt.unasked.reset();
        const bool settled = co_await act(run, verdict, picture, now - since);
        if (settled) break;
        const bool patient = clock_.now() < began + patience && !overdue(*run);
        const bool told = verdict == Verdict::post_copy_interrupted && run->op.alarm;  // by resume_post_copy()
        if (!patient && !told) {
            std::string text = run->op.vm_name + " is not settled (" + seen(run->op.from, source) + ", " +
                               seen(run->op.to, target) + "); " + advice(verdict, picture, run->attempt.unasked);
            co_await raise_alarm(run, std::move(text));
        }
        co_await clock_.sleep_for(patient ? wait : look_again_alarmed);
        wait = look_again;
    }
}

// By the calendar, as it only makes an alarm come sooner: a daemon that dies again and again must raise it, too.
bool Executor::overdue(const Run& run) const {
    const Duration allowed = deadline_for(run.op, run.settings) + patience;
    return run.op.started && clock_.wall_now() - *run.op.started > allowed;
}

// What waits on the source once the guest has run on the target is never let go on.
boost::asio::awaitable<void> Executor::note_where_it_ran(RunPtr run, Result<Presence> source, Result<Presence> target) {
    const bool runs = target && target->state == Presence::State::running && !target->migration_under_way &&
                      target->pause_reason == Presence::PauseReason::none;
    const bool waits = !source || source->state == Presence::State::paused;
    if (!runs || !waits || run->notes.ran_on_target || run->notes.ran_on_both) co_return;
    run->notes.ran_on_target = true;
    co_await journal(run);
}

Picture Executor::picture_of(const Run& run, const Result<Presence>& source, const Result<Presence>& target) const {
    Picture picture{known(source), known(target)};
    // What was last known of a lost host's guest is no end by the guest's will.
    const bool told = !is_lost(run.op.from) && !is_lost(run.op.to);
    picture.guest_shut_down =
        run.attempt.guest_shut_down ||
        (told && shut_down_seen(picture.source, picture.target, run.op.persistent, run.notes.stopped_source)) ||
        (told && run.notes.ran_on_target && picture.target && picture.target->shut_down_by_guest);
    picture.ran_on_target = run.notes.ran_on_target;
    picture.post_copy = run.notes.post_copy;
    picture.target_may_run_it = run.attempt.target_may_run_it;
    return picture;
}

// A host that is not configured any more says nothing about the VM, least of all that it is absent.
Executor::Task<Presence> Executor::look(HostId host, VmId vm) {
    const auto hosts = hypervisor_.hosts();
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end())
        co_return Error{ErrorCode::unavailable, host.value, "no such host is configured"};
    if (is_gone(host)) co_return Presence{};
    co_return co_await hypervisor_.presence(std::move(host), std::move(vm));
}

// The other host is lost, and what is left of the guest on this one lacks what happened, or lay, over there: it is
// started anew from its disks, which are of now.
bool Executor::is_of_the_past(Verdict verdict, const Run& run) const {
    if (verdict == Verdict::hands_off) return true;
    return verdict == Verdict::resume_source && is_lost(run.op.to) && run.attempt.target_may_run_it;
}

// True when the operation left `verifying`; false: look again.
boost::asio::awaitable<bool> Executor::act(RunPtr run, Verdict verdict, Picture picture, Duration held) {
    const bool one_is_lost = is_lost(run->op.from) || is_lost(run->op.to);
    if (held < must_hold(verdict, run->attempt, one_is_lost)) co_return false;
    if (one_is_lost && is_of_the_past(verdict, *run)) {
        co_await hypervisor_.destroy(is_lost(run->op.from) ? run->op.to : run->op.from, run->op.vm);
        co_return false;
    }
    switch (verdict) {
        case Verdict::under_way:
            if (!run->attempt.unattended) co_return false;  // ours has ended: this one is somebody else's
            run->op.state = OperationState::running;
            run->op.alarm = false;
            run->op.message = "migrating";
            changed_(run->op);
            co_return true;
        case Verdict::moved: co_return co_await commit_move(run, picture, held >= patience);
        case Verdict::stayed:
        case Verdict::stayed_target_lost: co_return co_await roll_back(run, picture, held >= patience);
        case Verdict::shut_down: co_await end_shut_down(run, picture); co_return true;
        case Verdict::lost: co_return co_await end_lost(run, picture, held >= patience);
        case Verdict::both_run: co_await end_double_run(run); co_return false;
        case Verdict::stop_source: co_await stop_source(run); co_return false;
        case Verdict::stop_target:
        case Verdict::drop_arrival: co_await hypervisor_.destroy(run->op.to, run->op.vm); co_return false;
        case Verdict::resume_source: co_await go_on(run, run->op.from); co_return false;
        case Verdict::resume_target: co_await go_on(run, run->op.to); co_return false;
        case Verdict::post_copy_interrupted: co_await resume_post_copy(run, held); co_return false;
        case Verdict::hands_off:
            if (picture.ran_on_target) co_await drop_what_is_past(run);
            co_return false;
        case Verdict::unclear: co_return false;
    }
    co_return false;
}

// What has to be tidied up is tried until `last_try`; then a person is told, as the guest itself is well.
boost::asio::awaitable<bool> Executor::commit_move(RunPtr run, Picture picture, bool last_try) {
    std::string left;
    if (picture.source->state == Presence::State::defined && picture.target->persistent) {
        const auto undefined = co_await hypervisor_.undefine(run->op.from, run->op.vm);
        if (!undefined) left += "; its old definition could not be removed: " + said_of(run->op.vm, undefined.error());
    }
    if (run->op.autostart && picture.target->persistent) {
        const auto set = co_await hypervisor_.set_autostart(run->op.to, run->op.vm, true);
        if (!set) left += "; autostart could not be set: " + said_of(run->op.vm, set.error());
        if (set) starts_by_itself(run->op.vm);
    }
    if (!left.empty() && !last_try) co_return false;
    moved(run->op.vm, run->op.to);
    co_await measure(run);
    std::string message = "runs on " + run->op.to.value;
    const Attempt& attempt = run->attempt;
    if (paused_by_io_error(picture.target)) left += "; paused there by an IO error";
    run->op.alarm = !left.empty();
    if (attempt.call_returned && !attempt.call) message += " although the call said: " + attempt.call.error().message;
    message += left + leave_images(*run);
    run->notes.images.clear();  // they are the VM's disks now
    co_await end_verified(run, OperationState::done, std::move(message));
    co_return true;
}

boost::asio::awaitable<bool> Executor::roll_back(RunPtr run, Picture picture, bool last_try) {
    std::string left;
    // A definition left behind on a host that does not own the VM would start it twice one day.
    if (run->op.persistent && picture.target && picture.target->state == Presence::State::defined) {
        const auto undefined = co_await hypervisor_.undefine(run->op.to, run->op.vm);
        if (!undefined && !last_try) co_return false;
        if (!undefined) left = definition_left(run->op.to, undefined.error());
    }
    // Certain of both: the guest never ran from them, and nothing has them open.
    if (picture.target && !run->notes.keep_images && !is_lost(run->op.to)) {
        const auto removed = co_await remove_images(run);
        if (!removed && !last_try) co_return false;
    }
    left += images_left(*run);
    if (paused_by_io_error(picture.source)) left += "; paused there by an IO error";
    std::string message = "stays on " + run->op.from.value + ": " + how_it_failed(run->attempt, run->op.vm) + left;
    if (!picture.target) message += "; " + run->op.to.value + " was lost, but the guest never stopped for it";
    if (run->op.persistent && is_lost(run->op.to)) is_left_on(records_, run->op.vm, run->op.to);
    const Attempt& attempt = run->attempt;
    const bool again = left.empty() && !run->cancelled() && attempt.abort_reason.empty() && attempt.call_returned &&
                       !attempt.alarmed && !run->notes.ran_on_both;
    if (again) {
        co_await give_up_or_retry(run, true, std::move(message));
        co_return true;
    }
    run->op.alarm = !left.empty();
    const auto state = run->cancelled() ? OperationState::cancelled : OperationState::rolled_back;
    co_await end_verified(run, state, std::move(message));
    co_return true;
}

// However it ends: that it ran twice is for people to know.
boost::asio::awaitable<void> Executor::end_verified(RunPtr run, OperationState state, std::string message) {
    if (run->notes.ran_on_both) {
        state = OperationState::failed;
        run->op.alarm = true;
        message =
            "ran on both hosts; the copy on " + run->op.to.value + " was stopped. Check its disks. Now: " + message;
    }
    co_await transition(run, state, std::move(message));
}

// One that ended on the source before it was handed over left nothing on the target but a half copy.
boost::asio::awaitable<void> Executor::end_shut_down(RunPtr run, Picture picture) {
    const bool on_source = picture.source && picture.source->shut_down_by_guest && picture.target &&
                           picture.target->state == Presence::State::absent;
    if (on_source && !run->attempt.target_may_run_it && !run->notes.keep_images) co_await remove_images(run);
    const std::string left = co_await remove_spare_definition(run, picture);
    run->op.alarm = !left.empty();
    std::string message = "the guest shut down during the migration; it stays off" + left + images_left(*run);
    co_await end_verified(run, OperationState::cancelled, std::move(message));
}

// Of two, that of the host on which it was not shut down. Returns what could not be removed, for people.
boost::asio::awaitable<std::string> Executor::remove_spare_definition(RunPtr run, Picture picture) {
    const auto is_defined = [](const std::optional<Presence>& one) {
        return one && one->state == Presence::State::defined;
    };
    if (!run->op.persistent || !is_defined(picture.source) || !is_defined(picture.target)) co_return "";
    const bool ended_on_target = run->notes.stopped_source;  // which libvirt calls an end by its user's will, too
    if (!ended_on_target && picture.source->shut_down_by_guest == picture.target->shut_down_by_guest) co_return "";
    const HostId spare = !ended_on_target && picture.source->shut_down_by_guest ? run->op.to : run->op.from;
    const auto undefined = co_await hypervisor_.undefine(spare, run->op.vm);
    if (spare == run->op.from) moved(run->op.vm, run->op.to);
    co_return undefined ? "" : definition_left(spare, undefined.error());
}

// Unless somebody moved it to a third host meanwhile: then what waits here is of the past.
boost::asio::awaitable<void> Executor::go_on(RunPtr run, HostId host) {
    const Whereabouts third = co_await look_at_others(run);
    run->attempt.unasked = third.unasked;
    if (third.elsewhere && host == run->op.from)
        co_await stop_source(run);
    else if (third.elsewhere)
        co_await hypervisor_.destroy(host, run->op.vm);
    else if (third.unasked)
        co_return;  // looking again
    else if (host == run->op.from)
        co_await resume_source(run);
    else
        co_await hypervisor_.resume(host, run->op.vm);
}

// It ran on the target and is not there any more: somebody may have moved it on.
boost::asio::awaitable<void> Executor::drop_what_is_past(RunPtr run) {
    const Whereabouts third = co_await look_at_others(run);
    if (third.elsewhere) co_await stop_source(run);
}

// Whether the target ran it for a while is not known: what it wrote there would be in its images alone.
boost::asio::awaitable<void> Executor::resume_source(RunPtr run) {
    if (!run->notes.images.empty()) {
        run->notes.keep_images = true;
        co_await journal(run);
    }
    co_await hypervisor_.resume(run->op.from, run->op.vm);
}

// The network between the hosts failed in post-copy, and each of them holds a part of the guest's memory: it stands
// still as soon as it wants a page that has not come. Only sending the rest helps; neither part is ever stopped.
boost::asio::awaitable<void> Executor::resume_post_copy(RunPtr run, Duration held) {
    Attempt& attempt = run->attempt;
    attempt.in_post_copy = true;
    if (attempt.next_resume && clock_.now() < *attempt.next_resume) co_return;
    attempt.next_resume = clock_.now() + resume_every;
    const auto progress = co_await hypervisor_.progress(run->op.from, run->op.vm);
    if (!progress) co_return;
    // A libvirt that was started anew, or had no word from the other one, calls it failed although QEMU goes on: what
    // goes on is left alone.
    const bool goes_on = attempt.post_copy_seen != progress->processed;
    attempt.post_copy_seen = progress->processed;
    if (goes_on) co_return;
    const std::string what = run->op.vm_name + " was interrupted in post-copy, its memory is on both hosts";
    if (held < goes_on_within) {
        if (!std::exchange(attempt.interruption_told, true))
            co_await raise_alarm(run, what +
                                          "; the rest may come by itself within two minutes, then Ballast "
                                          "sends it: stop it on neither host");
        co_return;
    }
    const std::string tries = "try " + std::to_string(++attempt.resumes);
    if (attempt.resumes == 1) co_await raise_alarm(run, what + "; sending the rest of it");
    auto request = request_for(*run);
    request.post_copy = request.resume_post_copy = true;
    const auto resumed = co_await hypervisor_.migrate(std::move(request));
    attempt.next_resume = clock_.now() + resume_every;
    if (!resumed)
        co_await raise_alarm(run, what + ", and " + tries +
                                      " to send the rest failed: " + said_of(run->op.vm, resumed.error()) +
                                      ". Ballast goes on trying: stop it on neither host");
}

boost::asio::awaitable<void> Executor::stop_source(RunPtr run) {
    run->notes.stopped_source = true;  // else its end would look like the guest's own, should the target fail now
    co_await journal(run);
    co_await hypervisor_.destroy(run->op.from, run->op.vm);
}

// The journal says that the source owns it until the move is committed; so the other one goes, and people are told,
// because the guest's disks may have been written from both sides.
boost::asio::awaitable<void> Executor::end_double_run(RunPtr run) {
    run->notes.ran_on_both = true;
    run->notes.keep_images = true;
    run->notes.ran_on_target = run->notes.stopped_source = false;  // what is on the source is what goes on
    co_await journal(run);
    co_await raise_alarm(run, run->op.vm_name + " runs on both hosts; stopping the copy on " + run->op.to.value);
    co_await hypervisor_.destroy(run->op.to, run->op.vm);
}

// It will be started elsewhere: from what is left of it on the host that is not lost, it would be started a second time
// one day. But a definition that is kept nowhere else stays.
Executor::Task<void> Executor::remove_definition(HostId host, VmId vm, std::optional<Presence> presence) {
    const VmRecord* record = records_.find(vm);
    const bool is_left = presence && presence->state == Presence::State::defined && !is_lost(host);
    if (!is_left || record == nullptr || record->definition.empty()) co_return Result<void>();
    co_return co_await hypervisor_.undefine(host, vm);
}

boost::asio::awaitable<bool> Executor::end_lost(RunPtr run, Picture picture, bool last_try) {
    const Whereabouts third = co_await look_at_others(run);  // who is not certain here is asked before it is restarted
    if (third.elsewhere) {
        std::string left;
        for (const auto& [host, presence] : {std::pair(run->op.from, picture.source), {run->op.to, picture.target}}) {
            const auto removed = co_await remove_definition(host, run->op.vm, presence);
            if (!removed && !last_try) co_return false;
            if (!removed) left += definition_left(host, removed.error());
        }
        moved(run->op.vm, *third.elsewhere);
        run->op.alarm = !left.empty();
        co_await transition(run, OperationState::cancelled,
                            "runs on " + third.elsewhere->value + ": it was moved by hand" + left);
        co_return true;
    }
    if (is_lost(run->op.from) || is_lost(run->op.to)) {
        // Of both, its source: there it starts by itself if anywhere.
        const bool target_is_lost = !is_lost(run->op.from);
        const HostId gone = target_is_lost ? run->op.to : run->op.from;
        const HostId other = target_is_lost ? run->op.from : run->op.to;
        const auto removed =
            co_await remove_definition(other, run->op.vm, target_is_lost ? picture.source : picture.target);
        if (!removed && !last_try) co_return false;
        std::string message = gone.value + " was lost, and the guest with it";
        if (!removed) message += definition_left(other, removed.error());
        moved(run->op.vm, gone);  // it is that host's to be restarted with
        if (run->op.persistent && is_lost(other)) is_left_on(records_, run->op.vm, other);
        run->op.alarm = !removed;
        co_await transition(run, OperationState::cancelled, std::move(message));
        co_return true;
    }
    run->op.alarm = true;
    std::string message = "runs on neither host after a failed migration: " + how_it_failed(run->attempt, run->op.vm);
    co_await transition(run, OperationState::failed, std::move(message));
    co_return true;
}

// The hosts that take no part in it.
boost::asio::awaitable<Executor::Whereabouts> Executor::look_at_others(RunPtr run) {
    Whereabouts found;
    for (const HostId& host : hypervisor_.hosts()) {
        if (host == run->op.from || host == run->op.to) continue;
        const auto presence = co_await look(host, run->op.vm);
        if (presence && presence->state == Presence::State::running) found.elsewhere = host;
        if (!presence && may_have_taken(host, run->attempt.started)) found.unasked = host;
    }
    co_return found;
}

boost::asio::awaitable<void> Executor::measure(RunPtr run) {
    Outcome outcome;
    const bool adopted = !run->attempt.call_returned;
    outcome.duration = adopted && run->op.started ? std::max(Duration{}, Duration(clock_.wall_now() - *run->op.started))
                                                  : clock_.now() - run->attempt.started;
    const auto completed = co_await hypervisor_.completed(run->op.to, run->op.vm);
    if (completed && completed->phase == MigrationPhase::completed) {
        outcome.downtime = completed->downtime;
        if (completed->processed.count > 0) outcome.transferred = completed->processed;
        if (completed->iteration > 0) outcome.iterations = completed->iteration;
        if (completed->disk_processed.count > 0) outcome.disk = completed->disk_processed;
    }
    run->op.outcome = outcome;
}

}  // namespace ballast::executor
