// While a migration runs: look, steer, and end it when it is due.
#include "executor/executor.h"
#include "executor/run.h"

namespace ballast::executor {

namespace {
constexpr Duration poll_every{500};
constexpr Duration abort_again = std::chrono::seconds{5};
// libvirt answers an abort at once and QEMU ends the migration within its next pass; after this a person should know.
constexpr Duration abort_patience = std::chrono::seconds{60};
// The answer may get lost while everything else goes well. Libvirt returns it within the moment the job ends.
constexpr Duration answer_patience = std::chrono::seconds{10};

bool call_was_forgotten(Attempt& attempt, bool job, Instant now) {
    attempt.job_seen = attempt.job_seen || job;
    if (job || !attempt.job_seen) {
        attempt.job_gone_since.reset();
        return false;
    }
    if (!attempt.job_gone_since) attempt.job_gone_since = now;
    return now >= *attempt.job_gone_since + answer_patience;
}
}  // namespace

// How far the copies of its disks are: predictions do not tell, as nobody knows what the line carries.
void Executor::tell(Run& run, const MigrationProgress& progress) {
    if (progress.total != Bytes{})
        run.op.progress = {progress.total, progress.processed, progress.remaining, progress.iteration,
                           progress.throughput_mib_per_s};
    if (run.op.disks.empty() || progress.phase != MigrationPhase::copying || run.op.alarm) return;
    if (progress.disk_total == Bytes{}) return;
    run.op.message =
        "migrating: " + to_string(progress.disk_processed) + " of " + to_string(progress.disk_total) + " of its disks";
    if (progress.elapsed > Duration{} && progress.iteration == 0)
        run.op.message +=
            " at " + fixed(progress.disk_processed.mib() * 1000 / static_cast<double>(progress.elapsed.count()), 1) +
            " MiB/s";
}

boost::asio::awaitable<void> Executor::monitor(RunPtr run) {
    for (;;) {
        const bool going_on = co_await still_under_way(run);
        if (!going_on) break;
        co_await follow(run);
        if (run->attempt.call_returned && !run->attempt.unattended) break;
        co_await end_when_due(run);
        co_await run->pause.take(clock_, poll_every);
    }
    run->op.state = OperationState::verifying;
}

// One that nobody waits for is under way as long as the source says so. Either way the source is looked at: should
// the target be lost later, it counts whether the guest was ever paused.
boost::asio::awaitable<bool> Executor::still_under_way(RunPtr run) {
    Attempt& attempt = run->attempt;
    if (attempt.call_returned && !attempt.unattended) co_return false;
    const auto source = co_await look(run->op.from, run->op.vm);
    if (!source || source->state != Presence::State::running) attempt.target_may_run_it = true;
    if (source && source->state == Presence::State::paused) {
        using Reason = Presence::PauseReason;
        attempt.in_post_copy = attempt.in_post_copy || source->pause_reason == Reason::post_copy;
        if (source->pause_reason == Reason::post_copy_failed && attempt.unattended) co_return false;
    }
    if (!attempt.call_returned && source && call_was_forgotten(attempt, source->migration_under_way, clock_.now()))
        attempt.unattended = true;
    if (attempt.unattended) co_return source && source->migration_under_way;
    co_return !attempt.call_returned;
}

boost::asio::awaitable<void> Executor::follow(RunPtr run) {
    const auto progress = co_await hypervisor_.progress(run->op.from, run->op.vm);
    if (!progress) {
        if (contact_lost(progress.error())) run->attempt.target_may_run_it = true;
        co_return;
    }
    if (!run->attempt.deadline) {  // adopted: it has had part of its time already
        run->attempt.started = clock_.now() - progress->elapsed;
        run->attempt.deadline = run->attempt.started + deadline_for(run->op, run->settings);
    }
    tell(*run, *progress);
    co_await steer(run, *progress);
}

// The ladder of the migration policy: more downtime with each pass over memory, then post-copy where it is allowed.
boost::asio::awaitable<void> Executor::steer(RunPtr run, MigrationProgress progress) {
    Attempt& attempt = run->attempt;
    if (progress.phase == MigrationPhase::post_copy) attempt.in_post_copy = true;
    if (post_copy_is_due(*run, progress)) {
        co_await switch_to_post_copy(run);
        co_return;
    }
    if (progress.phase != MigrationPhase::copying || progress.iteration <= attempt.last_iteration) co_return;
    const bool first_look = attempt.last_iteration == 0;
    if (first_look) {
        attempt.last_iteration = progress.iteration;
        co_return;
    }
    if (!attempt.abort_reason.empty()) co_return;
    attempt.last_iteration = progress.iteration;
    if (attempt.downtime_step + 1 < run->settings.downtime_steps.size())
        co_await raise_downtime(run);
    else if (run->settings.post_copy && !run->settings.post_copy_passes && !attempt.in_post_copy)
        co_await switch_to_post_copy(run);
}

// Once all of its memory was sent: what the target lacks then is only what was written since.
bool Executor::post_copy_is_due(const Run& run, const MigrationProgress& progress) const {
    const Settings& settings = run.settings;
    const Attempt& attempt = run.attempt;
    const bool may = settings.post_copy && !attempt.in_post_copy && attempt.abort_reason.empty() && !run.cancelled();
    if (!may || progress.phase != MigrationPhase::copying || progress.iteration < 2) return false;
    if (settings.post_copy_passes && progress.iteration > *settings.post_copy_passes) return true;
    return settings.post_copy_after && clock_.now() >= attempt.started + *settings.post_copy_after;
}

boost::asio::awaitable<void> Executor::raise_downtime(RunPtr run) {
    const Duration next = run->settings.downtime_steps[run->attempt.downtime_step + 1];
    const auto set = co_await hypervisor_.set_max_downtime(run->op.from, run->op.vm, next);
    if (set || !contact_lost(set.error())) ++run->attempt.downtime_step;
}

// On record first: after a crash it must be known that the guest's memory may be on both hosts.
boost::asio::awaitable<void> Executor::switch_to_post_copy(RunPtr run) {
    run->notes.post_copy = true;
    run->op.method = method_of(*run);
    const auto written = co_await journal(run);
    if (!written || run->cancelled()) co_return;
    const auto switched = co_await hypervisor_.start_post_copy(run->op.from, run->op.vm);
    run->attempt.in_post_copy = switched.has_value();
    if (!switched && !contact_lost(switched.error())) run->notes.post_copy = false;
    run->op.method = method_of(*run);
}

boost::asio::awaitable<void> Executor::end_when_due(RunPtr run) {
    Attempt& attempt = run->attempt;
    const bool late = attempt.deadline && clock_.now() >= *attempt.deadline;
    if (!late && !run->cancelled()) co_return;
    const std::string limit = to_string(deadline_for(run->op, run->settings));
    if (attempt.in_post_copy) {  // libvirt refuses an abort: the guest already runs on the target
        if (late) co_await raise_alarm(run, "in post-copy, not finished within " + limit + "; it can only go on");
        co_return;
    }
    if (attempt.abort_reason.empty())
        attempt.abort_reason =
            run->cancelled() ? "cancelled by " + run->notes.cancelled_by : "not finished within " + limit;
    if (clock_.now() >= attempt.next_abort) co_await abort(run);
}

boost::asio::awaitable<void> Executor::abort(RunPtr run) {
    Attempt& attempt = run->attempt;
    if (!attempt.first_abort) attempt.first_abort = clock_.now();
    co_await hypervisor_.abort_migration(run->op.from, run->op.vm);
    attempt.next_abort = clock_.now() + abort_again;
    if (clock_.now() < *attempt.first_abort + abort_patience) co_return;
    co_await raise_alarm(
        run, run->op.vm_name + " still migrates although it was to be aborted (" + attempt.abort_reason + ")");
}

}  // namespace ballast::executor
