// From planned to the call: check once more, journal, call.
#include <algorithm>

#include "executor/executor.h"
#include "executor/run.h"

namespace ballast::executor {

namespace {
// Beyond the deadline: time for the abort to work before the call is left behind.
constexpr Duration call_grace = std::chrono::seconds{60};
constexpr unsigned most_doublings = 10;

// Methods of several connections mean nothing without them, and the others nothing with them.
std::string compression_of(const Settings& settings, bool parallel) {
    const bool for_parallel = settings.compression == "zlib" || settings.compression == "zstd";
    return for_parallel == parallel ? settings.compression : std::string();
}
}  // namespace

std::string Executor::method_of(const Run& run) const {
    const MigrationRequest r = request_for(run);
    std::string text = run.notes.post_copy ? "post-copy" : "pre-copy";
    if (!run.op.persistent) text += ", transient";
    if (r.post_copy && !run.notes.post_copy) text += ", post-copy allowed";
    if (r.auto_converge) text += ", auto-converge";
    if (r.tls) text += ", TLS";
    if (r.parallel_connections > 0) text += ", " + std::to_string(r.parallel_connections) + " connections";
    if (!r.compression.empty()) text += ", compressed by " + r.compression;
    if (r.bandwidth_mib_per_s) text += ", at most " + fixed(*r.bandwidth_mib_per_s, 0) + " MiB/s";
    for (const DiskCopy& disk : r.disks) text += ", disk " + disk.target + " copied";
    return text;
}

boost::asio::awaitable<void> Executor::attempt(RunPtr run) {
    if (run->cancelled()) {
        std::string message = "cancelled by " + run->notes.cancelled_by + " before it started" + images_left(*run);
        co_await end_without_moving(run, OperationState::cancelled, std::move(message));
        co_return;
    }
    run->attempt = Attempt();
    run->notes.post_copy = run->notes.stopped_source = run->notes.ran_on_target = false;
    ++run->op.attempt;
    run->op.progress.reset();
    auto ready = co_await prepare(run);
    if (ready && !run->cancelled()) {
        run->op.state = OperationState::running;
        run->op.message = "migrating";
        run->op.method = method_of(*run);
        run->op.started = clock_.wall_now();
        run->attempt.started = clock_.now();
        run->attempt.deadline = run->attempt.started + deadline_for(run->op, run->settings);
        ready = co_await journal(run);  // no action without a journal entry
    }
    if (!ready || run->cancelled()) {
        run->op.state = OperationState::planned;
        co_await remove_images(run);
        if (run->cancelled()) co_return;
        std::string message = "not started: " + said_of(run->op.vm, ready.error()) + images_left(*run);
        co_await give_up_or_retry(run, contact_lost(ready.error()) || ready.error().code == ErrorCode::no_space,
                                  std::move(message));
        co_return;
    }
    changed_(run->op);
    boost::asio::co_spawn(executor_, call_hypervisor(run), expect_no_bug);
}

Executor::Task<void> Executor::prepare(RunPtr run) {
    const auto checked = co_await check_source(run);
    if (!checked) co_return checked.error();
    auto definition = co_await hypervisor_.migratable_definition(run->op.from, run->op.vm);
    if (!definition) co_return definition.error();
    auto request = request_for(*run);
    const auto accepted = co_await hypervisor_.can_accept(std::move(request), std::move(*definition));
    if (!accepted) co_return accepted.error();
    const PowerState power = power_of(run->op.to);  // a lost host may answer again before it is cleaned
    if (power != PowerState::on)
        co_return Error{power == PowerState::lost ? ErrorCode::conflict : ErrorCode::unavailable, run->op.to.value,
                        "it is " + to_string(power)};
    const auto created = co_await create_images(run);
    if (!created) co_return created.error();
    run->op.state = OperationState::prepared;
    co_return Result<void>();
}

Executor::Task<void> Executor::check_source(RunPtr run) {
    const auto presence = co_await look(run->op.from, run->op.vm);
    if (!presence) co_return presence.error();
    if (presence->migration_under_way)
        co_return Error{ErrorCode::conflict, run->op.vm_name, "a migration that is not Ballast's is under way"};
    if (presence->state != Presence::State::running)
        co_return Error{ErrorCode::conflict, run->op.vm_name,
                        "is " + to_string(*presence) + " on " + run->op.from.value};
    const auto facts = co_await hypervisor_.vm_facts(run->op.from, run->op.vm);
    if (!facts) co_return facts.error();
    run->op.persistent = facts->persistent;
    run->op.autostart = facts->autostart;
    run->op.memory = facts->memory;
    run->settings.post_copy = (run->settings.post_copy || facts->wishes.post_copy) && !facts->wishes.no_post_copy;
    co_return find_disks(*run, *facts);
}

// A refusal stands. What may pass is tried again by a manual operation; the policy plans anew, with another target.
boost::asio::awaitable<void> Executor::give_up_or_retry(RunPtr run, bool may_pass, std::string message) {
    if (!may_pass || run->op.trigger != Trigger::manual || run->op.attempt >= run->settings.attempts) {
        co_await end_without_moving(run, OperationState::rolled_back, std::move(message));
        co_return;
    }
    const unsigned doublings = std::min(run->op.attempt - 1, most_doublings);
    const Duration delay = run->settings.retry_delay * (1 << doublings);
    co_await transition(run, OperationState::planned, "next try in " + to_string(delay) + ": " + message);
    if (!run->cancelled()) co_await run->pause.take(clock_, delay);
}

boost::asio::awaitable<void> Executor::end_without_moving(RunPtr run, OperationState state, std::string message) {
    run->op.alarm = false;
    co_await transition(run, state, std::move(message));
}

MigrationRequest Executor::request_for(const Run& run) const {
    MigrationRequest request;
    request.vm = run.op.vm;
    request.from = run.op.from;
    request.to = run.op.to;
    request.persistent = run.op.persistent;
    request.auto_converge = run.settings.auto_converge;
    request.post_copy = run.settings.post_copy;
    request.tls = run.settings.tls;
    // QEMU 7.2 cannot recover a post-copy migration that uses several connections.
    request.parallel_connections = request.post_copy ? 0 : run.settings.parallel_connections;
    request.compression = compression_of(run.settings, request.parallel_connections > 0);
    request.bandwidth_mib_per_s = run.settings.bandwidth_for(run.op);
    request.disks = run.disks;
    request.max_downtime = run.settings.downtime_steps.front();
    request.give_up_after = deadline_for(run.op, run.settings) + call_grace;
    return request;
}

boost::asio::awaitable<void> Executor::call_hypervisor(RunPtr run) {
    auto request = request_for(*run);
    const auto result = co_await hypervisor_.migrate(std::move(request));
    Attempt& attempt = run->attempt;
    attempt.call = result;
    attempt.call_returned = true;
    if (!result && contact_lost(result.error())) {  // a peer-to-peer migration goes on without its client [libvirt]
        attempt.unattended = true;
        attempt.target_may_run_it = true;
    }
    run->pause.end();
}

}  // namespace ballast::executor
