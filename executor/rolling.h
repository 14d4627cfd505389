// Takes a cluster host by host through a reboot or an upgrade: one journalled state machine (model/rolling.h) that
// survives a crash at any step, because it always goes on from what is really the case. Where its hosts come from, when
// the cluster can do without one and what moves their VMs is the business of its surroundings.
// One io_context thread; no locks. Destroy it only when the io_context will not run again.
//
//   checking -> emptying -> command -> rebooting -> answering -> settling -> checking of the next host, or done
//
// The first failure stops it: the host stays in maintenance, the reason is told, and resume() goes on at that step.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "executor/power_switch.h"
#include "executor/rolling_journal.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"

namespace ballast::executor {

/// See config::RollingOptions and docs/maintenance.md.
struct RollingSettings {
    Duration empty_timeout = std::chrono::hours{1};      // for the VMs of one host to leave
    Duration answer_timeout = std::chrono::minutes{10};  // for its hypervisor to answer and be measured
    Duration settle_timeout = std::chrono::minutes{30};  // for VMs to come back, and for the cluster to be at rest
};

struct CommandEnd {
    bool in_time = false;
    int exit_status = -1;
    std::string output;  // its end
};

/// What a run asks of the rest of the daemon.
class RollingSurroundings {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~RollingSurroundings() = default;

    /// Why the cluster cannot do without this host now, or why Ballast would not empty it; empty: nothing speaks
    /// against it.
    virtual std::string objection(const HostId& host) = 0;
    /// Moves are under way: an objection may pass.
    virtual bool is_busy() = 0;
    /// An operation under way comes from this host or goes to it: it may look empty and not be left alone yet.
    virtual bool is_in_use(const HostId& host) = 0;
    virtual Task<void> set_maintenance(HostId host, bool on) = 0;
    /// Who put it into maintenance; empty: nobody. `ours()` is what set_maintenance() leaves there.
    virtual std::string maintenance_by(const HostId& host) = 0;
    virtual std::string ours() = 0;
    /// VMs that will not leave this host, each as a text, once nothing else is leaving it.
    virtual std::vector<std::string> stuck(const HostId& host) = 0;
    /// It was measured after `since`, and is not stale.
    virtual bool is_measured(const HostId& host, Instant since) = 0;
    /// It was seen to have booted after `since`.
    virtual bool has_rebooted(const HostId& host, Instant since) = 0;
    /// A look at the cluster after `since` wanted no VM back on this host, and none is under way to it.
    virtual bool is_settled(const HostId& host, Instant since) = 0;
    /// Error: it cannot be started, or is not configured.
    virtual Task<CommandEnd> run_command(std::string name, HostId host) = 0;
};

class Rolling {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    /// `changed` hears of every step and end.
    Rolling(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, PowerSwitch& power,
            Store& store, RollingSurroundings& surroundings, std::function<void(const RollingRun&)> changed);
    Rolling(const Rolling&) = delete;
    Rolling& operator=(const Rolling&) = delete;

    void configure(RollingSettings settings) { settings_ = settings; }

    /// Reads the journal and goes on with a run under way. Call once, when power and operations have been recovered.
    /// Errors: the store's; nothing was started then.
    Task<void> recover();

    /// Begins a run over `hosts`, by its command and reboot. Errors: conflict (one is under way), refused (the cluster
    /// cannot do without the first host), and the store's: then it may be on record, as stopped.
    Task<void> start(RollingRun wanted);
    /// Goes on with a run that stopped, at the step where it did; `skip`: with the next host. Errors: conflict (it has
    /// not stopped), and the store's.
    Task<void> resume(bool skip, std::string by);
    /// Ends it as soon as what is under way with its host allows. Error conflict: it does not run.
    Task<void> stop(std::string by);

    /// The one under way, or the last one.
    const std::optional<RollingRun>& run() const { return run_; }

private:
    const HostId& host() const { return run_->hosts[run_->at]; }
    bool runs() const { return run_ && run_->state == RollingState::running; }
    Task<void> begin(RollingRun wanted);
    boost::asio::awaitable<void> drive();
    Task<void> take_step();
    Task<void> fail(std::string message);
    boost::asio::awaitable<void> keep();
    boost::asio::awaitable<void> end(std::string message);
    Task<void> check();
    Task<void> empty();
    Task<bool> is_empty();
    Task<void> command();
    Task<void> reboot();
    Task<void> await_answer();
    Task<void> settle();
    Error failed(std::string message) const;
    Error stopped() const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Hypervisor& hypervisor_;
    PowerSwitch& power_;
    RollingJournal journal_;
    RollingSurroundings& around_;
    std::function<void(const RollingRun&)> changed_;
    RollingSettings settings_;
    std::optional<RollingRun> run_;
    bool interrupted_ = false;  // the daemon before this one ended in this step
    bool writing_ = false;
    Instant command_begun_{};  // the last one; the beginning of time: before this daemon
};

}  // namespace ballast::executor
