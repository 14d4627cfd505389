// Switches hosts off and on, and cuts off those that are taken to be dead: one journalled state machine a host that
// survives a crash at any step, because it always goes on from what BMC and hypervisor say. Never decides which host,
// or when: that is the policy's, or an operator's. One io_context thread; no locks. Destroy it only when the io_context
// will not run again.
//
//   on -> switching_off -> off -> switching_on -> on
//   ^          |                      |
//   +----------+ VMs on it, no BMC    +-> off or on, quarantined: it did not come
//
//   on -> fencing -> lost -> on (fence.cc)
//   ^        |
//   +--------+ it answers again
//
// A host is asked to go down only when it answers, has no active VM, no operation under way wants it as its target and
// none can be accepted any more, and its BMC says that it is on. Switching off never cuts it off: one that does not go
// down is left to a person. Fencing does, and only when nothing of the host has answered for long; it is lost when its
// BMC says that it is off, or when a person answers for it, and on again once it answers and has been cleaned.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "executor/power_journal.h"
#include "model/power.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"
#include "ports/power.h"
#include "ports/store.h"

namespace ballast::executor {

/// See policy::PowerOptions and docs/power.md.
struct PowerSettings {
    Duration shutdown_timeout = std::chrono::minutes{5};  // from being asked until it is off, before an alarm
    Duration boot_timeout = std::chrono::minutes{10};     // from its BMC's order until its hypervisor answers
    unsigned wake_tries = 3;
};

enum class MayCut { yes, soon, no };  // soon: hosts are just coming back from a fault of the network

/// What fencing asks of others.
struct LossHooks {
    /// Anything of the host answers just now.
    std::function<bool(const HostId&)> answers;
    /// What the policy wanted cut off may be cut off still.
    std::function<MayCut(const HostId&)> may_cut;
    /// Cleans a host that was lost and answers again. What it returns is held until the host counts as on. An error: it
    /// is not done, and is asked again.
    std::function<boost::asio::awaitable<Result<std::shared_ptr<const HostId>>>(HostId)> rejoin;
    /// What the store says while nobody looks after a host, in a cluster: guards of the decision to cut it off.
    std::function<std::vector<Compare>(const HostId&)> gone = {};
};

class PowerSwitch {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    /// `in_use` tells whether an operation under way comes from or goes to a host. `changed` hears of every new state
    /// and every alarm.
    PowerSwitch(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, PowerControl& power,
                Store& store, std::function<bool(const HostId&)> in_use,
                std::function<void(const PowerRecord&)> changed);
    ~PowerSwitch();
    PowerSwitch(const PowerSwitch&) = delete;
    PowerSwitch& operator=(const PowerSwitch&) = delete;

    void configure(PowerSettings settings) { settings_ = settings; }
    /// Before recover().
    void set_hooks(LossHooks hooks) { hooks_ = std::move(hooks); }

    /// Reads the journal and goes on with every host that was being switched. Call once, before anything else. Errors:
    /// the store's; nothing was started then.
    Task<void> recover();

    /// Begins to switch an idle host off; with `drill` it is switched on again as soon as it is off. Errors: invalid
    /// (its BMC is not known, or cannot ask a system to go down), conflict (it is not on, or in use), and the store's;
    /// nothing happens then.
    Task<void> switch_off(HostId host, bool drill, std::string reason, std::string by);
    /// Begins to switch a host on that is off: switched off by Ballast, lost (it counts as lost until it answers and
    /// has been cleaned), or silent with a BMC that says off. Errors: conflict (it is on, or being switched), invalid
    /// (lost, and Ballast knows no BMC of it), the BMC's, and the store's.
    Task<void> switch_on(HostId host, std::string reason, std::string by);
    /// Begins to cut off a host that does not answer, so that it is certain that nothing runs there any more. Errors:
    /// conflict (it is not on, or it answers), and the store's; nothing happens then.
    Task<void> fence(HostId host, std::string reason, std::string by);
    /// An operator answers for it that a host that does not answer is off: it counts as lost from now on. Errors:
    /// conflict (it answers, or was switched off), and the store's.
    Task<void> confirm_lost(HostId host, std::string by);
    /// Switches a lost host on again, once for each loss; it counts as lost until it answers and has been cleaned.
    /// Errors: conflict (it is not lost, or was switched on before), invalid (Ballast knows no BMC of it), and the
    /// store's.
    Task<void> bring_back(HostId host);
    /// An operator has looked: ends a quarantine and an alarm. One whose switching got stuck counts as on again,
    /// whatever it is. Errors: not_found (nothing to release), and the store's.
    Task<void> release(HostId host, std::string by);

    /// By host; none for hosts that were never switched.
    std::vector<PowerRecord> records() const;
    std::optional<PowerRecord> record(const HostId& host) const;

private:
    struct Run;  // one host
    using RunPtr = std::shared_ptr<Run>;

    RunPtr run_of(const HostId& host);
    void start(const RunPtr& run);
    boost::asio::awaitable<void> drive(RunPtr run);
    void rests(const RunPtr& run);
    boost::asio::awaitable<void> go_down(RunPtr run);
    Task<void> check_idle(HostId host);
    boost::asio::awaitable<void> await_off(RunPtr run);
    boost::asio::awaitable<void> stays_on(RunPtr run, std::string message, bool alarm);
    boost::asio::awaitable<void> is_off(RunPtr run);
    boost::asio::awaitable<void> come_up(RunPtr run);
    Task<void> await_up(RunPtr run);
    boost::asio::awaitable<void> did_not_come(RunPtr run, std::string message);
    boost::asio::awaitable<void> settle(RunPtr run, PowerState state, std::string message);
    boost::asio::awaitable<void> raise_alarm(RunPtr run, std::string message);
    void heard(const HypervisorEvent& event);
    void notice_on(const RunPtr& run);
    boost::asio::awaitable<void> found_on(RunPtr run);
    boost::asio::awaitable<void> found_up(RunPtr run);
    boost::asio::awaitable<bool> is_up(HostId host);

    // fence.cc
    bool answers(const HostId& host) const { return hooks_.answers && hooks_.answers(host); }
    MayCut may_cut(const Run& run) const;
    boost::asio::awaitable<void> cut_off(RunPtr run);
    boost::asio::awaitable<void> is_lost(RunPtr run, std::string message);
    Task<std::shared_ptr<const HostId>> clean(HostId host);
    boost::asio::awaitable<void> found_back(RunPtr run);
    boost::asio::awaitable<void> order_up(RunPtr run);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Hypervisor& hypervisor_;
    PowerControl& power_;
    PowerJournal journal_;
    std::function<bool(const HostId&)> in_use_;
    std::function<void(const PowerRecord&)> changed_;
    PowerSettings settings_;
    LossHooks hooks_;
    std::map<HostId, RunPtr> runs_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // the hypervisor may outlive its listener
};

}  // namespace ballast::executor
