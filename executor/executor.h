// Carries out migrations, and starts VMs anew whose hosts were lost: each a journalled state machine that survives a
// crash at any step, because it always goes on from what is really the case on both hosts. Never decides what should
// move: that is the policy's. One io_context thread; no locks. Destroy it only when the io_context will not run again:
// what is under way is dropped with the context, as in a crash, and the next executor's recover() goes on with it.
//
//   planned -> prepared -> running -> verifying -> done | rolled_back | cancelled | failed
//      ^                      ^           |
//      +---- a later attempt, or a job still found on the source
//
// A VM that is started anew (restart.cc) goes planned -> running -> done | rolled_back | cancelled.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "executor/journal.h"
#include "executor/judge.h"
#include "executor/vm_records.h"
#include "model/migration.h"
#include "model/operation.h"
#include "model/power.h"
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
    std::string compression{};                 // libvirt's name; empty: none
    std::optional<unsigned> post_copy_passes;  // see policy::MigrationOptions
    std::optional<Duration> post_copy_after;
    Duration deadline_min = std::chrono::seconds{300};
    Duration deadline_per_gib = std::chrono::seconds{150};
    unsigned attempts = 3;
    Duration retry_delay = std::chrono::seconds{10};
    unsigned restarts_per_host = 4;                           // VMs being started anew on one host at once
    std::map<HostId, std::string> sites;                      // in which each host stands; the others stand in one
    std::optional<double> between_sites_bandwidth_mib_per_s;  // nothing: as within a site
    unsigned between_sites_slots = 2;

    std::string site_of(const HostId& host) const;
    bool between_sites(const Operation& op) const { return site_of(op.from) != site_of(op.to); }
    /// The cap of one migration, its disks included; nothing: none.
    std::optional<double> bandwidth_for(const Operation& op) const;
};

/// The time a migration of this much memory may take before it is aborted: max(deadline_min, deadline_per_gib * GiB).
Duration deadline_for(Bytes memory, const Settings& settings);
/// The same of an operation, with the disks that are copied along; between sites at least three times as long as the
/// cap makes it.
Duration deadline_for(const Operation& op, const Settings& settings);

/// A host that was lost and is taken in again: over with whoever holds it, so that a later loss knows nothing of it.
using Rejoining = std::shared_ptr<const HostId>;

class Executor {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    /// `changed` hears of every new state of every operation; of a final one after it was journalled.
    Executor(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, Store& store,
             std::function<void(const Operation&)> changed);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    /// Applies to operations accepted from now on, and to limits at once.
    void configure(Settings settings) { settings_ = std::move(settings); }

    /// Tells how the power of a host stands: one that is lost counts as one that knows no VM.
    void ask_power(std::function<PowerState(const HostId&)> power) { power_ = std::move(power); }

    /// Tells when a host was last seen with all its VMs, as whoever only beats may hide one, and whether it had a VM
    /// then.
    void ask_seen(std::function<std::optional<Instant>(const HostId&)> seen_at,
                  std::function<bool(const HostId&, const VmId&)> had) {
        seen_at_ = std::move(seen_at);
        had_ = std::move(had);
    }

    /// Reads the VMs' records.
    Task<void> load_vms() { return records_.load(); }
    /// Reads the journal and goes on with every operation that had not ended. Call once, after load_vms() and
    /// ask_power(), before submit. Errors: the store's; corrupt names the record. Nothing was started then.
    Task<void> recover();

    /// Journals and starts a migration. `waiting` holds it for approve(). Errors: invalid (to where it is), conflict
    /// (this VM is under way, or no slot is free), and the store's; it is not started then, not even later.
    Task<OperationId> submit(Operation draft, bool waiting);
    /// Journals and begins to start a VM of a lost host (`draft.from`) on draft.to, or of a host that came back on that
    /// host itself. The VM belongs to draft.to from its acceptance on. Errors: invalid (nobody knows its definition),
    /// conflict (it is under way, belongs to another host by now, its host is not lost any more, or enough VMs are
    /// being started there), and the store's; it is not started then, not even later.
    Task<OperationId> restart(Operation draft);
    /// Cleans a host that was lost and answers again: VMs that were started elsewhere are stopped and undefined there.
    /// Its own that do not run are marked down. No VM is started from there or there as long as what it returns lives:
    /// until the host counts as on. Errors: the hypervisor's; call it again.
    Task<Rejoining> rejoin(HostId host);
    VmRecords& vms() { return records_; }
    const VmRecords& vms() const { return records_; }

    /// Starts a waiting operation. Errors: not_found, conflict (not waiting, or no slot), and the store's.
    Task<void> approve(OperationId id, std::string by);
    /// Asks an operation to end; a running migration is aborted. Errors: not_found, conflict (it has ended, or it is
    /// in post-copy and can only go on).
    Task<void> cancel(OperationId id, std::string by);

    /// Operations that have not ended, in order of acceptance. One whose record cannot be written shows an alarm.
    std::vector<Operation> active() const;
    /// Accepted and not waiting: they occupy slots on both hosts. One that only waits, alarmed, to be looked at
    /// again does not.
    bool slot_free(const HostId& from, const HostId& to) const;

private:
    struct Run;  // one operation under way
    using RunPtr = std::shared_ptr<Run>;
    struct Seat;  // a VM and a slot held while its operation is being accepted

    // executor.cc
    std::shared_ptr<Seat> hold(const Operation& draft, bool takes_slot);
    RunPtr add(Record record);
    bool busy(const VmId& vm) const;
    void start(const RunPtr& run);
    boost::asio::awaitable<void> drive(RunPtr run);
    boost::asio::awaitable<void> withdraw(RunPtr run);
    void ended(const RunPtr& run);
    boost::asio::awaitable<void> prune();
    Task<void> journal(RunPtr run);
    boost::asio::awaitable<void> transition(RunPtr run, OperationState state, std::string message);
    boost::asio::awaitable<void> raise_alarm(RunPtr run, std::string message);
    void heard(const HypervisorEvent& event);
    RunPtr find(const OperationId& id) const;

    // attempt.cc: from planned to the call
    boost::asio::awaitable<void> attempt(RunPtr run);
    Task<void> prepare(RunPtr run);
    Task<void> check_source(RunPtr run);
    boost::asio::awaitable<void> give_up_or_retry(RunPtr run, bool may_pass, std::string message);
    boost::asio::awaitable<void> end_without_moving(RunPtr run, OperationState state, std::string message);
    MigrationRequest request_for(const Run& run) const;
    boost::asio::awaitable<void> call_hypervisor(RunPtr run);

    // disks.cc: images of disks that are copied along
    Result<void> find_disks(Run& run, const VmFacts& facts) const;
    Task<void> create_images(RunPtr run);
    Task<void> remove_images(RunPtr run);
    static std::string images_left(const Run& run);
    std::string leave_images(Run& run);

    // monitor.cc: while the migration runs
    boost::asio::awaitable<void> monitor(RunPtr run);
    boost::asio::awaitable<bool> still_under_way(RunPtr run);
    boost::asio::awaitable<void> follow(RunPtr run);
    static void tell(Run& run, const MigrationProgress& progress);
    boost::asio::awaitable<void> steer(RunPtr run, MigrationProgress progress);
    boost::asio::awaitable<void> raise_downtime(RunPtr run);
    bool post_copy_is_due(const Run& run, const MigrationProgress& progress) const;
    boost::asio::awaitable<void> switch_to_post_copy(RunPtr run);
    boost::asio::awaitable<void> end_when_due(RunPtr run);
    boost::asio::awaitable<void> abort(RunPtr run);

    // verify.cc: after it, to what is really the case
    boost::asio::awaitable<void> verify(RunPtr run);
    bool overdue(const Run& run) const;
    bool is_of_the_past(Verdict verdict, const Run& run) const;
    boost::asio::awaitable<void> drop_what_is_past(RunPtr run);
    boost::asio::awaitable<void> note_where_it_ran(RunPtr run, Result<Presence> source, Result<Presence> target);
    Picture picture_of(const Run& run, const Result<Presence>& source, const Result<Presence>& target) const;
    Task<Presence> look(HostId host, VmId vm);
    boost::asio::awaitable<bool> act(RunPtr run, Verdict verdict, Picture picture, Duration held);
    boost::asio::awaitable<bool> commit_move(RunPtr run, Picture picture, bool last_try);
    boost::asio::awaitable<bool> roll_back(RunPtr run, Picture picture, bool last_try);
    boost::asio::awaitable<void> end_verified(RunPtr run, OperationState state, std::string message);
    boost::asio::awaitable<void> end_shut_down(RunPtr run, Picture picture);
    boost::asio::awaitable<void> go_on(RunPtr run, HostId host);
    boost::asio::awaitable<void> resume_source(RunPtr run);
    boost::asio::awaitable<void> resume_post_copy(RunPtr run, Duration held);
    std::string method_of(const Run& run) const;
    boost::asio::awaitable<void> stop_source(RunPtr run);
    boost::asio::awaitable<void> end_double_run(RunPtr run);
    boost::asio::awaitable<bool> end_lost(RunPtr run, Picture picture, bool last_try);
    Task<void> remove_definition(HostId host, VmId vm, std::optional<Presence> presence);
    struct Whereabouts;
    boost::asio::awaitable<Whereabouts> look_at_others(RunPtr run);
    boost::asio::awaitable<void> measure(RunPtr run);

    // restart.cc: VMs of lost hosts
    PowerState power_of(const HostId& host) const { return power_ ? power_(host) : PowerState::on; }
    bool is_lost(const HostId& host) const { return power_of(host) == PowerState::lost; }
    /// It is lost and has not come back: it knows no VM.
    bool is_gone(const HostId& host) const { return is_lost(host) && hypervisor_.connection(host) != Connection::up; }
    bool may_have_taken(const HostId& host, Instant since) const;
    Instant seen_at(const HostId& host) const;
    bool may_hide(const HostId& host, const Operation& restart) const;
    unsigned restarts_on(const HostId& host) const;
    boost::asio::awaitable<void> start_anew(RunPtr run);
    std::string hindrance_of(const Operation& op, const Whereabouts& found) const;
    boost::asio::awaitable<Whereabouts> look_for(RunPtr run);
    boost::asio::awaitable<void> try_start(RunPtr run);
    boost::asio::awaitable<void> found_running(RunPtr run, HostId host, bool paused);
    boost::asio::awaitable<void> give_back(RunPtr run, OperationState state, std::string message);
    boost::asio::awaitable<bool> remove_trace(RunPtr run);
    Task<void> clean(HostId host);
    Task<void> clean(HostId host, VmId vm);
    static bool is_held(const std::weak_ptr<Seat>& seat, const HostId& host);
    void moved(const VmId& vm, const HostId& to);
    void starts_by_itself(const VmId& vm);
    boost::asio::awaitable<std::string> remove_spare_definition(RunPtr run, Picture picture);
    bool is_touched(const HostId& host) const;
    bool is_rejoining(const HostId& host) const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    const Instant began_;
    Hypervisor& hypervisor_;
    Journal journal_;
    VmRecords records_;
    std::function<PowerState(const HostId&)> power_;
    std::function<std::optional<Instant>(const HostId&)> seen_at_;
    std::function<bool(const HostId&, const VmId&)> had_;
    std::vector<std::weak_ptr<const HostId>> rejoining_;  // being cleaned, or just cleaned and about to be on
    std::function<void(const Operation&)> changed_;
    Settings settings_;
    std::map<OperationId, RunPtr> runs_;
    std::vector<std::weak_ptr<Seat>> seats_;
    std::size_t ended_since_pruning_ = 0;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // the hypervisor may outlive its listener
};

}  // namespace ballast::executor
