#include "executor/executor.h"

#include <algorithm>

#include "executor/run.h"

namespace ballast::executor {

namespace {
constexpr Duration journal_retry = std::chrono::seconds{5};
constexpr std::size_t history_kept = 1000;  // ended operations kept in the store
constexpr std::size_t prune_every = 100;

bool occupies_slot(const Operation& op) {
    if (op.trigger == Trigger::host_loss) return false;  // no link, and its memory is counted by whoever plans
    // One that only waits for an unreachable host to be looked at uses no link and no memory.
    return op.state == OperationState::planned || op.state == OperationState::prepared ||
           op.state == OperationState::running || (op.state == OperationState::verifying && !op.alarm);
}

Error no_slot(const Operation& op) {
    return {ErrorCode::conflict, op.vm_name, "no free migration slot between " + op.from.value + " and " + op.to.value};
}
Error not_found(const OperationId& id) {
    return {ErrorCode::not_found, id.value, "no such operation is under way"};
}
}  // namespace

/// Frees itself with the coroutine that holds it, however that ends.
struct Executor::Seat {
    VmId vm;
    HostId from;
    HostId to;
    bool takes_slot = true;
};

Duration deadline_for(Bytes memory, const Settings& settings) {
    const auto by_size =
        static_cast<Duration::rep>(static_cast<double>(settings.deadline_per_gib.count()) * memory.gib());
    return std::max(settings.deadline_min, Duration(by_size));
}

std::string Settings::site_of(const HostId& host) const {
    const auto found = sites.find(host);
    return found == sites.end() ? std::string() : found->second;
}

std::optional<double> Settings::bandwidth_for(const Operation& op) const {
    if (between_sites(op) && between_sites_bandwidth_mib_per_s) return between_sites_bandwidth_mib_per_s;
    return bandwidth_mib_per_s;
}

Duration deadline_for(const Operation& op, const Settings& settings) {
    const Duration usual = deadline_for(op.memory + op.disk, settings);
    const auto cap = settings.bandwidth_for(op);
    if (!cap || !settings.between_sites(op)) return usual;
    constexpr double slack = 3;  // what the guest writes meanwhile goes twice, and others use the line as well
    const double seconds = slack * (op.memory + op.disk).mib() / *cap;
    return std::max(usual, Duration(static_cast<Duration::rep>(seconds * 1000)));
}

Executor::Executor(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store,
                   std::function<void(const Operation&)> changed)
    : executor_(std::move(executor)),
      clock_(clock),
      began_(clock.now()),
      hypervisor_(hypervisor),
      journal_(store),
      records_(executor_, clock, store),
      changed_(std::move(changed)) {
    hypervisor_.on_event([this, alive = std::weak_ptr<int>(alive_)](const HypervisorEvent& event) {
        if (!alive.expired()) heard(event);
    });
}

Executor::~Executor() = default;

Executor::RunPtr Executor::find(const OperationId& id) const {
    const auto found = runs_.find(id);
    return found == runs_.end() ? nullptr : found->second;
}

std::vector<Operation> Executor::active() const {
    std::vector<Operation> operations;
    for (const auto& [id, run] : runs_) {
        Operation& op = operations.emplace_back(run->op);
        if (run->journal_problem.empty()) continue;
        op.alarm = true;
        op.message += " (cannot be journalled: " + run->journal_problem + ")";
    }
    return operations;
}

bool Executor::slot_free(const HostId& from, const HostId& to) const {
    unsigned outgoing = 0, incoming = 0, all = 0, between = 0;
    const auto sites = [&](const HostId& one, const HostId& other) {
        return std::minmax({settings_.site_of(one), settings_.site_of(other)});
    };
    const auto own = sites(from, to);
    const auto count = [&](const HostId& source, const HostId& target) {
        ++all;
        between += sites(source, target) == own;
        outgoing += source == from;
        incoming += target == to;
    };
    for (const auto& [id, run] : runs_)
        if (occupies_slot(run->op) || run->slot_in_journal) count(run->op.from, run->op.to);
    for (const auto& seat : seats_)
        if (const auto taken = seat.lock(); taken && taken->takes_slot) count(taken->from, taken->to);
    const bool line_free = own.first == own.second || between < settings_.between_sites_slots;
    return outgoing < settings_.outgoing_per_host && incoming < settings_.incoming_per_host &&
           all < settings_.cluster && line_free;
}

// The journal refuses a second operation as well; this one knows also of those it has not confirmed.
bool Executor::busy(const VmId& vm) const {
    for (const auto& [id, run] : runs_)
        if (run->op.vm == vm) return true;
    return std::any_of(seats_.begin(), seats_.end(), [&](const auto& seat) {
        const auto taken = seat.lock();
        return taken && taken->vm == vm;
    });
}

std::shared_ptr<Executor::Seat> Executor::hold(const Operation& draft, bool takes_slot) {
    std::erase_if(seats_, [](const auto& seat) { return seat.expired(); });
    auto seat = std::make_shared<Seat>(Seat{draft.vm, draft.from, draft.to, takes_slot});
    seats_.push_back(seat);
    return seat;
}

bool Executor::is_held(const std::weak_ptr<Seat>& seat, const HostId& host) {
    const auto taken = seat.lock();
    return taken && (taken->from == host || taken->to == host);
}

Executor::RunPtr Executor::add(Record record) {
    const OperationId id = record.op.id;
    const auto run = runs_[id] = std::make_shared<Run>(executor_, std::move(record), settings_);
    run->slot_in_journal = occupies_slot(run->op);
    return run;
}

Executor::Task<void> Executor::recover() {
    const auto records = co_await journal_.load_records();
    if (!records) co_return records.error();
    for (const Record& record : *records) {
        if (is_final(record.op.state)) continue;
        const RunPtr run = add(record);
        run->attempt.unattended = true;
        run->attempt.target_may_run_it = true;
        if (run->op.state != OperationState::waiting) start(run);
    }
    co_await prune();
    co_return Result<void>();
}

Executor::Task<OperationId> Executor::submit(Operation draft, bool waiting) {
    if (draft.from == draft.to)
        co_return Error{ErrorCode::invalid, draft.vm_name, "is on " + draft.to.value + " already"};
    if (busy(draft.vm)) co_return Error{ErrorCode::conflict, draft.vm_name, "another operation on it is under way"};
    if (!waiting && !slot_free(draft.from, draft.to)) co_return no_slot(draft);
    auto seat = hold(draft, !waiting);
    draft.state = waiting ? OperationState::waiting : OperationState::planned;
    draft.created = draft.updated = clock_.wall_now();
    const auto accepted = co_await journal_.accept(std::move(draft));
    if (!accepted) co_return accepted.error();
    const RunPtr run = add(Record{accepted->op, {}});
    seat.reset();
    if (!accepted->certain) {  // it may be on record, or come there late: it has to be taken back
        run->notes.cancelled_by = "Ballast, as the store did not confirm it";
        run->op.state = OperationState::planned;
        start(run);
        co_return Error{ErrorCode::timed_out, run->op.vm_name,
                        "the store did not confirm the operation; it is taken back"};
    }
    changed_(run->op);
    if (!waiting) start(run);
    co_return run->op.id;
}

Executor::Task<void> Executor::approve(OperationId id, std::string by) {
    const RunPtr run = find(id);
    if (!run) co_return not_found(id);
    if (run->op.state != OperationState::waiting)
        co_return Error{ErrorCode::conflict, id.value, "it does not wait for approval"};
    if (!slot_free(run->op.from, run->op.to)) co_return no_slot(run->op);
    const std::string asked_by = run->op.requested_by;
    run->op.requested_by += ", approved by " + by;
    run->op.state = OperationState::planned;
    run->settings = settings_;
    const auto written = co_await journal(run);
    if (!written && !run->cancelled()) {
        run->op.requested_by = asked_by;
        run->op.state = OperationState::waiting;
        co_return written.error();
    }
    changed_(run->op);
    start(run);
    co_return Result<void>();
}

Executor::Task<void> Executor::cancel(OperationId id, std::string by) {
    const RunPtr run = find(id);
    if (!run) co_return not_found(id);
    if (is_final(run->op.state)) co_return Error{ErrorCode::conflict, id.value, "it has ended"};
    if (run->attempt.in_post_copy)
        co_return Error{ErrorCode::conflict, id.value,
                        "it is in post-copy: the guest runs on the target, it can only go on"};
    run->notes.cancelled_by = std::move(by);
    run->pause.end();
    if (run->op.state == OperationState::waiting) {  // nobody drives it
        run->op.state = OperationState::cancelled;
        run->op.message = "cancelled by " + run->notes.cancelled_by;
        const auto written = co_await journal(run);
        if (written)
            ended(run);
        else
            boost::asio::co_spawn(executor_, withdraw(run), expect_no_bug);
        co_return Result<void>();
    }
    co_await journal(run);  // it is being ended; should this note be lost, only a crash forgets it
    co_return Result<void>();
}

boost::asio::awaitable<void> Executor::withdraw(RunPtr run) {
    co_await clock_.sleep_for(journal_retry);
    std::string message = run->op.message;
    co_await transition(run, OperationState::cancelled, std::move(message));
    ended(run);
}

void Executor::start(const RunPtr& run) {
    boost::asio::co_spawn(executor_, drive(run), expect_no_bug);
}

boost::asio::awaitable<void> Executor::drive(RunPtr run) {
    while (!is_final(run->op.state)) {
        if (run->op.trigger == Trigger::host_loss) {
            co_await start_anew(run);
            continue;
        }
        const auto state = run->op.state;
        if (state == OperationState::running) co_await monitor(run);
        if (state == OperationState::running || state == OperationState::verifying)
            co_await verify(run);
        else
            co_await attempt(run);
    }
    ended(run);
    if (ended_since_pruning_ >= prune_every) co_await prune();
}

void Executor::ended(const RunPtr& run) {
    ++ended_since_pruning_;
    runs_.erase(run->op.id);
    changed_(run->op);
}

// What cannot be dropped now is dropped another time.
boost::asio::awaitable<void> Executor::prune() {
    ended_since_pruning_ = 0;
    const auto pruned = co_await journal_.prune(history_kept);
    if (!pruned) ended_since_pruning_ = prune_every;
}

Executor::Task<void> Executor::journal(RunPtr run) {
    while (run->writing) {
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await run->written.async_wait(token);
    }
    run->writing = true;
    run->op.updated = clock_.wall_now();
    if (is_final(run->op.state)) run->op.ended = run->op.updated;
    Record record{run->op, run->notes};
    const bool takes_slot = occupies_slot(run->op);
    run->slot_in_journal = run->slot_in_journal || takes_slot;
    const auto result = co_await journal_.write(std::move(record));
    if (result) run->slot_in_journal = takes_slot;
    run->journal_problem = result ? "" : to_string(result.error());
    run->writing = false;
    run->written.cancel();
    co_return result;
}

// For every state but `running`, which must be on disk before anything is done (see attempt): here the world has
// already changed, so the record follows it as soon as the store takes it.
boost::asio::awaitable<void> Executor::transition(RunPtr run, OperationState state, std::string message) {
    run->op.state = state;
    run->op.message = std::move(message);
    for (;;) {
        const auto written = co_await journal(run);
        if (written) break;
        co_await clock_.sleep_for(journal_retry);  // active() shows an alarm meanwhile
    }
    if (!is_final(state)) changed_(run->op);
}

// Also tries once more to write what could not be written before. Does not wait for the store: whoever raises an
// alarm goes on looking.
boost::asio::awaitable<void> Executor::raise_alarm(RunPtr run, std::string message) {
    run->attempt.alarmed = true;
    const bool news = !run->op.alarm || run->op.message != message;
    if (!news && run->journal_problem.empty()) co_return;
    run->op.alarm = true;
    run->op.message = std::move(message);
    if (news) changed_(run->op);
    co_await journal(run);
}

// Events are hints: what is missed here is seen at the next look [safety.md, invariant 16].
void Executor::heard(const HypervisorEvent& event) {
    using Kind = HypervisorEvent::Kind;
    for (const auto& [id, run] : runs_) {
        const bool source = event.host == run->op.from;
        if (!source && event.host != run->op.to) continue;
        Attempt& attempt = run->attempt;
        if (source && event.kind == Kind::disconnected) attempt.target_may_run_it = true;  // something may be missed
        if (event.vm != run->op.vm) continue;
        if (source && event.kind == Kind::switchover) attempt.target_may_run_it = true;
        if (event.kind == Kind::vm_stopped && event.detail == "shut down") attempt.guest_shut_down = true;
        if (event.kind == Kind::job_completed) run->pause.end();
    }
}

}  // namespace ballast::executor
