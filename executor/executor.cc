#include "executor/executor.h"

#include <algorithm>

#include "executor/run.h"

namespace ballast::executor {

namespace {
constexpr Duration journal_retry = std::chrono::seconds{5};
constexpr std::size_t history_kept = 1000;  // ended operations kept in the store

bool occupies_slot(const Operation& op) {
    // One that only waits for an unreachable host to be looked at uses no link and no memory.
    return op.state == OperationState::planned || op.state == OperationState::prepared ||
           op.state == OperationState::running || (op.state == OperationState::verifying && !op.alarm);
}
}  // namespace

Duration deadline_for(Bytes memory, const Settings& settings) {
    const auto by_size = static_cast<Duration::rep>(static_cast<double>(settings.deadline_per_gib.count()) * memory.gib());
    return std::max(settings.deadline_min, Duration(by_size));
}

Executor::Executor(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store,
                   std::function<void(const Operation&)> changed)
    : executor_(std::move(executor)), clock_(clock), hypervisor_(hypervisor), journal_(store), changed_(std::move(changed)) {
    hypervisor_.on_event([this](const HypervisorEvent& event) { heard(event); });
}

Executor::~Executor() = default;

Executor::RunPtr Executor::find(const OperationId& id) const {
    const auto found = runs_.find(id);
    return found == runs_.end() ? nullptr : found->second;
}

std::vector<Operation> Executor::active() const {
    std::vector<Operation> operations;
    for (const auto& [id, run] : runs_) operations.push_back(run->op);
    return operations;
}

bool Executor::slot_free(const HostId& from, const HostId& to) const {
    unsigned outgoing = 0, incoming = 0, all = 0;
    for (const auto& [id, run] : runs_) {
        if (!occupies_slot(run->op)) continue;
        ++all;
        outgoing += run->op.from == from;
        incoming += run->op.to == to;
    }
    return outgoing < settings_.outgoing_per_host && incoming < settings_.incoming_per_host && all < settings_.cluster;
}

Executor::Task<void> Executor::recover() {
    const auto operations = co_await journal_.load();
    if (!operations) co_return operations.error();
    for (const Operation& op : *operations) {
        if (is_final(op.state)) continue;
        auto run = std::make_shared<Run>();
        run->op = op;
        run->settings = settings_;
        run->adopted = true;
        run->returned = std::make_shared<boost::asio::steady_timer>(executor_);
        runs_[op.id] = run;
        if (op.state != OperationState::waiting) start(run);
    }
    co_return co_await journal_.prune(history_kept);
}

Executor::Task<OperationId> Executor::submit(Operation draft, bool waiting) {
    if (!waiting && !slot_free(draft.from, draft.to))
        co_return Error{ErrorCode::conflict, draft.vm_name, "no free migration slot between " + draft.from.value + " and " + draft.to.value};
    draft.state = waiting ? OperationState::waiting : OperationState::planned;
    draft.created = draft.updated = clock_.wall_now();
    const auto accepted = co_await journal_.accept(std::move(draft));
    if (!accepted) co_return accepted.error();
    auto run = std::make_shared<Run>();
    run->op = *accepted;
    run->settings = settings_;
    run->returned = std::make_shared<boost::asio::steady_timer>(executor_);
    runs_[run->op.id] = run;
    changed_(run->op);
    if (!waiting) start(run);
    co_return run->op.id;
}

Executor::Task<void> Executor::approve(OperationId id, std::string by) {
    const RunPtr run = find(id);
    if (!run) co_return Error{ErrorCode::not_found, id.value, "no such operation is under way"};
    if (run->op.state != OperationState::waiting) co_return Error{ErrorCode::conflict, id.value, "it does not wait for approval"};
    if (!slot_free(run->op.from, run->op.to)) co_return Error{ErrorCode::conflict, id.value, "no free migration slot now"};
    run->op.requested_by += ", approved by " + by;
    run->op.state = OperationState::planned;
    run->settings = settings_;
    start(run);
    co_return Result<void>();
}

Executor::Task<void> Executor::cancel(OperationId id, std::string by) {
    const RunPtr run = find(id);
    if (!run) co_return Error{ErrorCode::not_found, id.value, "no such operation is under way"};
    run->cancelled_by = std::move(by);
    if (run->op.state == OperationState::waiting) {
        std::string message = "cancelled by " + run->cancelled_by;
        co_await transition(run, OperationState::cancelled, std::move(message));
        runs_.erase(id);
    }
    run->returned->cancel();
    co_return Result<void>();
}

void Executor::start(const RunPtr& run) {
    boost::asio::co_spawn(executor_, drive(run), boost::asio::detached);
}

boost::asio::awaitable<void> Executor::drive(RunPtr run) {
    while (!is_final(run->op.state)) {
        const bool may_have_started = run->op.state == OperationState::running || run->op.state == OperationState::verifying;
        if (may_have_started) {
            co_await monitor(run);
            co_await verify(run);
        } else {
            co_await attempt(run);
        }
    }
    runs_.erase(run->op.id);
    changed_(run->op);
}

boost::asio::awaitable<bool> Executor::journal(RunPtr run) {
    run->op.updated = clock_.wall_now();
    if (is_final(run->op.state)) run->op.ended = run->op.updated;
    const auto written = co_await journal_.write(run->op);
    co_return written.has_value();
}

// For every state but `running`, which must be on disk before anything is done (see attempt): here the world has
// already changed, so the record follows it as soon as the store takes it.
boost::asio::awaitable<void> Executor::transition(RunPtr run, OperationState state, std::string message) {
    run->op.state = state;
    run->op.message = std::move(message);
    for (;;) {
        const bool written = co_await journal(run);
        if (written) break;
        co_await clock_.sleep_for(journal_retry);
    }
    if (!is_final(state)) changed_(run->op);
}

boost::asio::awaitable<void> Executor::raise_alarm(RunPtr run, std::string message) {
    if (run->op.alarm && run->op.message == message) co_return;
    run->op.alarm = true;
    co_await transition(run, run->op.state, std::move(message));
}

void Executor::heard(const HypervisorEvent& event) {
    using Kind = HypervisorEvent::Kind;
    for (const auto& [id, run] : runs_) {
        const bool source = event.host == run->op.from;
        if (!source && event.host != run->op.to) continue;
        if (source && event.kind == Kind::disconnected) run->target_may_run_it = true;  // something may have been missed
        if (event.vm != run->op.vm) continue;
        if (source && event.kind == Kind::switchover) run->target_may_run_it = true;
        if (event.kind == Kind::vm_stopped && event.detail == "shut down") run->guest_shut_down = true;
        if (event.kind == Kind::job_completed) run->returned->cancel();
    }
}

}  // namespace ballast::executor
