// One attempt: check once more, journal, call, watch.
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "executor/executor.h"
#include "executor/run.h"

namespace ballast::executor {

namespace {
constexpr Duration poll_every{500};
constexpr Duration adopted_settle = std::chrono::seconds{3};    // a call made just before the crash has begun by then
constexpr Duration abort_again = std::chrono::seconds{5};
constexpr Duration call_grace = std::chrono::seconds{60};       // beyond the deadline: time for the abort to work
}  // namespace

boost::asio::awaitable<void> Executor::attempt(RunPtr run) {
    ++run->op.attempt;
    const bool ready = co_await prepare(run);
    if (!ready) co_return;
    run->op.state = OperationState::running;
    run->op.message = "migrating";
    run->op.started = clock_.wall_now();
    run->started = clock_.now();
    const bool written = co_await journal(run);
    if (!written) {  // no action without a journal entry
        run->op.state = OperationState::planned;
        Error error{ErrorCode::unavailable, "store", "the operation cannot be journalled"};
        co_await give_up_or_retry(run, std::move(error));
        co_return;
    }
    changed_(run->op);
    run->adopted = false;
    run->call_returned = false;
    run->target_may_run_it = false;
    run->deadline = run->started + deadline_for(run->op.memory, run->settings);
    boost::asio::co_spawn(executor_, call_hypervisor(run), boost::asio::detached);
    co_await monitor(run);
    co_await verify(run);
}

boost::asio::awaitable<bool> Executor::prepare(RunPtr run) {
    if (!run->cancelled_by.empty()) {
        std::string message = "cancelled by " + run->cancelled_by + " before it started";
        co_await transition(run, OperationState::cancelled, std::move(message));
        co_return false;
    }
    auto checked = co_await check_source(run);
    if (checked) {
        auto request = request_for(*run);
        checked = co_await hypervisor_.can_accept(std::move(request));
    }
    if (!checked) {
        Error error = checked.error();
        co_await give_up_or_retry(run, std::move(error));
        co_return false;
    }
    run->op.state = OperationState::prepared;
    co_return true;
}

Executor::Task<void> Executor::check_source(RunPtr run) {
    const auto presence = co_await hypervisor_.presence(run->op.from, run->op.vm);
    if (!presence) co_return presence.error();
    if (presence->migration_under_way)
        co_return Error{ErrorCode::conflict, run->op.vm_name, "a migration that is not Ballast's is under way"};
    if (presence->state != Presence::State::running)
        co_return Error{ErrorCode::conflict, run->op.vm_name, "is " + to_string(*presence) + " on " + run->op.from.value};
    const auto facts = co_await hypervisor_.vm_facts(run->op.from, run->op.vm);
    if (!facts) co_return facts.error();
    run->op.persistent = facts->persistent;
    run->op.autostart = facts->autostart;
    run->op.memory = facts->memory;
    run->settings.post_copy = run->settings.post_copy || facts->wishes.post_copy;
    co_return Result<void>();
}

// A refusal stands. What may pass is tried again by a manual operation; the policy plans anew, with another target.
boost::asio::awaitable<void> Executor::give_up_or_retry(RunPtr run, Error error) {
    const bool passing = error.code == ErrorCode::unavailable || error.code == ErrorCode::timed_out;
    std::string message = to_string(error);
    if (!passing || run->op.trigger != Trigger::manual || run->op.attempt >= run->settings.attempts) {
        co_await transition(run, OperationState::rolled_back, "not started: " + message);
        co_return;
    }
    const Duration delay = run->settings.retry_delay * (1 << std::min(run->op.attempt - 1, 10u));
    co_await transition(run, OperationState::planned, "next try in " + to_string(delay) + ": " + message);
    co_await pause(run, delay);
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
    request.parallel_connections = run.settings.parallel_connections;
    request.bandwidth_mib_per_s = run.settings.bandwidth_mib_per_s;
    request.max_downtime = run.settings.downtime_steps.front();
    request.give_up_after = deadline_for(run.op.memory, run.settings) + call_grace;
    return request;
}

boost::asio::awaitable<void> Executor::call_hypervisor(RunPtr run) {
    auto request = request_for(*run);
    run->call = co_await hypervisor_.migrate(std::move(request));
    run->call_returned = true;
    run->returned->cancel();
}

boost::asio::awaitable<void> Executor::pause(RunPtr run, Duration duration) {
    using namespace boost::asio::experimental::awaitable_operators;
    auto woken = [](std::shared_ptr<boost::asio::steady_timer> timer) -> boost::asio::awaitable<void> {
        timer->expires_at(boost::asio::steady_timer::time_point::max());
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await timer->async_wait(token);
    };
    co_await (clock_.sleep_for(duration) || woken(run->returned));
}

boost::asio::awaitable<bool> Executor::still_under_way(RunPtr run) {
    if (!run->adopted) co_return !run->call_returned;
    const auto presence = co_await hypervisor_.presence(run->op.from, run->op.vm);
    co_return presence && presence->migration_under_way;
}

boost::asio::awaitable<void> Executor::monitor(RunPtr run) {
    if (run->adopted) {
        if (!run->deadline) {
            run->started = clock_.now();
            run->deadline = run->started + deadline_for(run->op.memory, run->settings);
        }
        co_await clock_.sleep_for(adopted_settle);
    }
    for (;;) {
        const bool going_on = co_await still_under_way(run);
        if (!going_on) break;
        if (!run->cancelled_by.empty() && run->abort_reason.empty())
            co_await abort(run, "cancelled by " + run->cancelled_by);
        else if (clock_.now() >= *run->deadline)
            co_await abort(run, "not finished within " + to_string(deadline_for(run->op.memory, run->settings)));
        auto progress = co_await hypervisor_.progress(run->op.from, run->op.vm);
        if (progress) co_await steer(run, *progress);
        if (!run->adopted && run->call_returned) break;
        co_await pause(run, poll_every);
    }
}

// The ladder of the migration policy: more downtime with each pass over memory, then post-copy where it is allowed.
boost::asio::awaitable<void> Executor::steer(RunPtr run, MigrationProgress progress) {
    if (progress.phase == MigrationPhase::none) co_return;
    run->last_progress = progress;
    const auto& steps = run->settings.downtime_steps;
    if (progress.iteration <= run->last_iteration) co_return;
    const bool first_look = run->last_iteration == 0;
    run->last_iteration = progress.iteration;
    if (first_look) co_return;
    if (run->downtime_step + 1 < steps.size()) {
        const Duration next = steps[++run->downtime_step];
        co_await hypervisor_.set_max_downtime(run->op.from, run->op.vm, next);
    } else if (run->settings.post_copy && !run->in_post_copy) {
        const auto switched = co_await hypervisor_.start_post_copy(run->op.from, run->op.vm);
        run->in_post_copy = switched.has_value();
    }
}

boost::asio::awaitable<void> Executor::abort(RunPtr run, std::string why) {
    if (run->in_post_copy) co_return;  // libvirt refuses: the guest already runs on the target
    run->abort_reason = std::move(why);
    run->deadline = clock_.now() + abort_again;  // ask again if nothing happens
    co_await hypervisor_.abort_migration(run->op.from, run->op.vm);
}

}  // namespace ballast::executor
