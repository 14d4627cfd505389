// Carries out migrations: each a journalled state machine that survives a crash at any step, because it always goes
// on from what is really the case on both hosts. Never decides what should move: that is the policy's.
// One io_context thread; no locks.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "executor/journal.h"
#include "model/migration.h"
#include "model/operation.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"
#include "ports/store.h"

namespace ballast::executor {

/// What the operator set, as the executor needs it. See policy::MigrationOptions and docs/policy.md.
struct Settings {
    unsigned outgoing_per_host = 2;
    unsigned incoming_per_host = 2;
    unsigned cluster = 5;
    std::optional<double> bandwidth_mib_per_s;
    std::vector<Duration> downtime_steps = {Duration{100}};
    bool auto_converge = true;
    bool post_copy = false;
    bool tls = false;
    unsigned parallel_connections = 0;
    Duration deadline_min = std::chrono::seconds{300};
    Duration deadline_per_gib = std::chrono::seconds{150};
    unsigned attempts = 3;
    Duration retry_delay = std::chrono::seconds{10};
};

/// The time a migration of this much memory may take before it is aborted: max(deadline_min, deadline_per_gib * GiB).
Duration deadline_for(Bytes memory, const Settings& settings);

class Executor {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    /// `changed` hears of every new state of every operation, after it was journalled.
    Executor(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store,
             std::function<void(const Operation&)> changed);
    ~Executor();

    /// Applies to operations accepted from now on, and to limits at once.
    void configure(Settings settings) { settings_ = std::move(settings); }

    /// Reads the journal and goes on with every operation that had not ended. Call once, before submit.
    Task<void> recover();

    /// Journals and starts a migration. `waiting` holds it for approve(). Errors: conflict (this VM is under way, or
    /// no slot is free), unavailable or no_space (the store).
    Task<OperationId> submit(Operation draft, bool waiting);
    /// Starts a waiting operation. Errors: not_found, conflict (not waiting, or no slot).
    Task<void> approve(OperationId id, std::string by);
    /// Asks an operation to end; a running migration is aborted. Errors: not_found, conflict (it has ended).
    Task<void> cancel(OperationId id, std::string by);

    /// Operations that have not ended, in order of acceptance.
    std::vector<Operation> active() const;
    /// Accepted and not waiting: they occupy slots on both hosts.
    bool slot_free(const HostId& from, const HostId& to) const;

private:
    struct Run;  // one operation under way
    using RunPtr = std::shared_ptr<Run>;

    void start(const RunPtr& run);
    boost::asio::awaitable<void> drive(RunPtr run);

    // attempt.cc: from planned to the return of the call
    boost::asio::awaitable<void> attempt(RunPtr run);
    boost::asio::awaitable<bool> prepare(RunPtr run);
    Task<void> check_source(RunPtr run);
    boost::asio::awaitable<void> give_up_or_retry(RunPtr run, Error error);
    boost::asio::awaitable<void> call_hypervisor(RunPtr run);
    boost::asio::awaitable<void> monitor(RunPtr run);
    boost::asio::awaitable<bool> still_under_way(RunPtr run);
    boost::asio::awaitable<void> steer(RunPtr run, MigrationProgress progress);
    boost::asio::awaitable<void> abort(RunPtr run, std::string why);
    boost::asio::awaitable<void> pause(RunPtr run, Duration duration);

    // verify.cc: from the return of the call to what is really the case
    boost::asio::awaitable<void> verify(RunPtr run);
    boost::asio::awaitable<bool> resolve(RunPtr run, Presence source, Presence target, bool patient);
    boost::asio::awaitable<bool> resolve_without_target(RunPtr run);
    boost::asio::awaitable<void> commit_move(RunPtr run, Presence source, Presence target);
    boost::asio::awaitable<void> roll_back(RunPtr run, Presence target);
    boost::asio::awaitable<bool> settle_paused_source(RunPtr run, Presence target);
    boost::asio::awaitable<void> settle_double_run(RunPtr run);
    boost::asio::awaitable<void> measure(RunPtr run);

    boost::asio::awaitable<bool> journal(RunPtr run);
    boost::asio::awaitable<void> transition(RunPtr run, OperationState state, std::string message);
    boost::asio::awaitable<void> raise_alarm(RunPtr run, std::string message);
    MigrationRequest request_for(const Run& run) const;
    void heard(const HypervisorEvent& event);
    RunPtr find(const OperationId& id) const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Hypervisor& hypervisor_;
    Journal journal_;
    std::function<void(const Operation&)> changed_;
    Settings settings_;
    std::map<OperationId, RunPtr> runs_;
};

}  // namespace ballast::executor
