// After a migration call returned, whatever it said: both hosts are asked, and what they say decides
// [safety.md, Protocol, step 7]. Nothing here trusts the call's result.
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
constexpr Duration double_look = std::chrono::seconds{2};

using State = Presence::State;

bool not_running(const Presence& p) { return p.state == State::absent || p.state == State::defined; }

std::string how_it_failed(const Result<void>& call, const std::string& abort_reason) {
    if (!abort_reason.empty()) return abort_reason;
    return call ? "the migration ended without moving the guest" : to_string(call.error());
}
}  // namespace

boost::asio::awaitable<void> Executor::verify(RunPtr run) {
    run->op.state = OperationState::verifying;
    const Instant began = clock_.now();
    Duration wait = look_again_first;
    while (!is_final(run->op.state)) {
        const auto source = co_await hypervisor_.presence(run->op.from, run->op.vm);
        const auto target = co_await hypervisor_.presence(run->op.to, run->op.vm);
        const bool patient = clock_.now() < began + patience;
        bool settled = false;
        if (source && target) {
            settled = co_await resolve(run, *source, *target, patient);
        } else if (source && source->state == State::running && !source->migration_under_way) {
            settled = co_await resolve_without_target(run);
        }
        if (settled) break;
        if (!patient) {
            const std::string seen = "on " + run->op.from.value + ": " + (source ? to_string(*source) : "cannot be asked") + ", on " +
                                     run->op.to.value + ": " + (target ? to_string(*target) : "cannot be asked");
            co_await raise_alarm(run, run->op.vm_name + " is not settled (" + seen + "); looking again until it is");
        }
        co_await clock_.sleep_for(patient ? wait : look_again_alarmed);
        wait = look_again;
    }
}

// True when the operation reached a final state; false: look again.
boost::asio::awaitable<bool> Executor::resolve(RunPtr run, Presence source, Presence target, bool patient) {
    if (source.migration_under_way) co_return false;
    if (source.state == State::running && not_running(target)) {
        co_await roll_back(run, target);
        co_return true;
    }
    if (not_running(source) && target.state == State::running) {
        co_await commit_move(run, source, target);
        co_return true;
    }
    if (source.state == State::paused && source.pause_reason != Presence::PauseReason::user)
        co_return co_await settle_paused_source(run, target);
    if (source.state == State::running && target.state == State::running) {
        co_await settle_double_run(run);
        co_return is_final(run->op.state);
    }
    if (not_running(source) && not_running(target)) {
        if (run->guest_shut_down || source.shut_down_by_guest || target.shut_down_by_guest) {
            co_await transition(run, OperationState::cancelled, "the guest shut down during the migration; it stays off");
            co_return true;
        }
        if (patient) co_return false;
        run->op.alarm = true;
        co_await transition(run, OperationState::failed, "runs on neither host after a failed migration: " + how_it_failed(run->call, run->abort_reason));
        co_return true;
    }
    if (source.state == State::running && target.state == State::paused && !target.migration_under_way && !patient) {
        co_await hypervisor_.destroy(run->op.to, run->op.vm);  // an arrival nobody feeds any more
        co_return false;
    }
    if (not_running(source) && target.state == State::paused && !patient)
        co_await hypervisor_.resume(run->op.to, run->op.vm);  // it is nowhere else
    co_return false;
}

// The target cannot be asked. If the source never paused the guest, the target was never told to run it
// [libvirt: Finish follows a successful Perform, which pauses the source], so nothing has to be waited for.
boost::asio::awaitable<bool> Executor::resolve_without_target(RunPtr run) {
    if (run->target_may_run_it) co_return false;
    co_await transition(run, OperationState::rolled_back,
                        run->op.to.value + " was lost; the guest never stopped on " + run->op.from.value + ": " + how_it_failed(run->call, run->abort_reason));
    co_return true;
}

boost::asio::awaitable<void> Executor::commit_move(RunPtr run, Presence source, Presence target) {
    co_await measure(run);
    if (source.state == State::defined && target.persistent) co_await hypervisor_.undefine(run->op.from, run->op.vm);
    if (run->op.autostart && target.persistent) co_await hypervisor_.set_autostart(run->op.to, run->op.vm, true);
    run->op.alarm = false;
    std::string message = "runs on " + run->op.to.value;
    if (!run->call && !run->adopted) message += " although the call said: " + run->call.error().message;
    co_await transition(run, OperationState::done, std::move(message));
}

boost::asio::awaitable<void> Executor::roll_back(RunPtr run, Presence target) {
    // A definition left behind on a host that does not own the VM would start it twice one day.
    if (target.state == State::defined) co_await hypervisor_.undefine(run->op.to, run->op.vm);
    run->op.alarm = false;
    const bool asked = !run->cancelled_by.empty();
    const std::string how = how_it_failed(run->call, run->abort_reason);
    const bool again = !asked && run->abort_reason.empty() && run->op.trigger == Trigger::manual && !run->adopted &&
                       run->op.attempt < run->settings.attempts;
    if (again) {
        Error error{ErrorCode::unavailable, run->op.vm_name, how};
        co_await give_up_or_retry(run, std::move(error));
        co_return;
    }
    co_await transition(run, asked ? OperationState::cancelled : OperationState::rolled_back, "stays on " + run->op.from.value + ": " + how);
}

// The source is paused by the migration and no job runs: somebody died in the middle of the switch-over.
boost::asio::awaitable<bool> Executor::settle_paused_source(RunPtr run, Presence target) {
    if (target.state == State::running) {
        co_await hypervisor_.destroy(run->op.from, run->op.vm);
        co_return false;  // the next look sees the source gone and commits
    }
    if (target.pause_reason == Presence::PauseReason::post_copy || target.pause_reason == Presence::PauseReason::post_copy_failed)
        co_return false;  // its memory is split over both hosts: never destroy it
    if (target.state == State::paused) {
        const auto destroyed = co_await hypervisor_.destroy(run->op.to, run->op.vm);
        if (!destroyed) co_return false;
    }
    co_await hypervisor_.resume(run->op.from, run->op.vm);
    co_return false;
}

// Both run it. The journal says that the source owns it until the move is committed; so the other one goes, and
// people are told, because the guest's disks may have been written from both sides.
boost::asio::awaitable<void> Executor::settle_double_run(RunPtr run) {
    co_await clock_.sleep_for(double_look);
    const auto source = co_await hypervisor_.presence(run->op.from, run->op.vm);
    const auto target = co_await hypervisor_.presence(run->op.to, run->op.vm);
    if (!source || !target || source->state != State::running || target->state != State::running) co_return;
    co_await hypervisor_.destroy(run->op.to, run->op.vm);
    run->op.alarm = true;
    co_await transition(run, OperationState::failed,
                        "ran on both hosts; the copy on " + run->op.to.value + " was stopped. Check its disks");
}

boost::asio::awaitable<void> Executor::measure(RunPtr run) {
    Outcome outcome;
    outcome.duration = run->adopted && run->op.started ? Duration(clock_.wall_now() - *run->op.started) : clock_.now() - run->started;
    const auto completed = co_await hypervisor_.completed(run->op.to, run->op.vm);
    if (completed && completed->phase == MigrationPhase::completed) {
        outcome.downtime = completed->downtime;
        if (completed->processed.count > 0) outcome.transferred = completed->processed;
        if (completed->iteration > 0) outcome.iterations = completed->iteration;
    }
    run->op.outcome = outcome;
}

}  // namespace ballast::executor
