// Watches whether hosts are there, keeps in the store which VM each of them owns, and sees to it that a host that is
// dead is cut off, its VMs are started elsewhere, and it is taken in again. What is decided is policy/failover.h and
// policy/restart.h; what is done is the executor's and the power switch's. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/heard_ends.h"
#include "executor/executor.h"
#include "executor/power_switch.h"
#include "policy/failover.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"
#include "ports/probe.h"

namespace ballast::daemon {

/// What it asks the controller.
struct FailoverQuestions {
    std::function<bool()> may_act;                        // mode automatic, and not paused
    std::function<bool(const HostId&)> maintenance;       // somebody works on it
    std::function<bool(const HostId&)> restarts_pending;  // the last plan starts VMs of this host elsewhere
    std::function<bool(const HostId&)> boot_unclear;      // it may have booted unseen; who knows will tell soon
    std::function<void()> changed;                        // a host became silent, or answers again
    std::function<void(const VmId&, const HostId& from, const HostId& to)> moved;  // by hand
};

class Failover {
public:
    Failover(boost::asio::any_io_executor asio, Clock& clock, Hypervisor& hypervisor, Probe& probe,
             executor::Executor& executor, executor::PowerSwitch& power, FailoverQuestions questions);

    void configure(policy::FailoverOptions options) { options_ = options; }
    /// The network may have been away until just now: for half a minute nobody is cut off.
    void begin_calm() { calm_.begin(clock_.now()); }
    /// Watches these hosts from now on; one that is this machine is not looked at.
    /// `one_of_several`: others have watched before it, so that the grace of a start counts from this machine's boot.
    void start(const std::vector<HostId>& hosts, bool one_of_several = false);

    /// Anything of the host answers just now.
    bool answers(const HostId& host) const;
    /// An operator says that this silent host is well: it is not cut off until it has answered and is silent again.
    void pardon(const HostId& host);
    /// Nothing has come up since it was decided that keeps it from being cut off.
    executor::MayCut may_cut(const HostId& host) const;
    /// For how long nothing of it has answered; nothing when it answers, or when nobody can tell.
    std::optional<Duration> silent_for(const HostId& host) const;
    const policy::Suspicion& suspicion() const { return suspicion_; }
    /// VMs that ran when their host was lost, and have not been started again.
    std::vector<VmRecord> down() const;
    /// It is down, or nobody can tell: a person may see to it in Ballast's place.
    bool may_forget(const VmRecord& record) const;
    /// What people have to know: hosts that would be cut off, VMs that are down.
    std::vector<std::string> notes() const;

    /// Those whose definition is not kept yet.
    std::vector<VmId> undefined(const std::vector<VmId>& running) const;
    /// A VM was heard to be stopped on a host: shut down, destroyed or crashed; or moved away, which is no end of it.
    void heard_stop(const HostId& host, const VmId& vm, bool moved_away);
    /// An attempt of ours ended without moving it: what was heard to end was the copy that it made.
    void stayed(const VmId& vm);
    /// A VM was heard to arrive on a host by migration.
    void heard_arrival(const HostId& host, const VmId& vm);
    /// Hosts that were seen to boot, of which it is not on record yet what became of each VM that may have run there.
    std::set<HostId> unsettled_boots() const;
    /// A sample of a host: the VMs that run there and are its own. `rebooted`: since the last one; what ran there and
    /// does not any more was not shut down by anybody.
    void seen(const HostId& host, const std::vector<VmId>& running, bool rebooted);
    /// An operation of ours is about to make it this host's.
    bool arrives(const HostId& host, const VmId& vm) const;
    /// The definition of a VM that runs there was read; `arriving`: it arrived when that began. One that is too long to
    /// be kept is none.
    void defined(const HostId& host, const VmId& vm, const VmFacts& facts, std::string definition, bool arriving);

private:
    struct Watch {
        std::optional<Instant> answered;
        unsigned unanswered = 0;
        bool probed = false;    // the probe has succeeded once: that it fails now means something
        bool pardoned = false;  // an operator ended its fencing: it is left alone until it has answered again
    };

    /// A VM that is on its host no more, and of which nobody heard an end.
    struct Vanished {
        HostId from;
        Instant since;
        std::set<HostId> maybe_on{};  // not sampled since: it may have been moved there by hand
        std::set<HostId> booted{};    // those of them whose samples tell nothing
    };
    /// By hand, as far as it was heard.
    struct HeardMove {
        std::optional<HostId> from, to;
    };

    /// As of now: what libvirt has answered since the last look counts, too.
    Watch heard_of(const HostId& host) const;
    boost::asio::awaitable<void> watch(HostId host);
    boost::asio::awaitable<void> decide();
    policy::Suspicion suspect_as_of(Instant now) const;
    bool is_busy(const VmId& vm) const;
    bool is_moving(const VmId& vm) const;
    void take_over(const VmId& vm);
    void belongs(const VmId& vm, const HostId& host, bool down);
    void vanished(const VmId& vm, const HostId& from);
    void not_found_on(const HostId& host, bool rebooted);
    boost::asio::awaitable<void> ask_new_owner(VmId vm, HostId host, VmRecord before);
    boost::asio::awaitable<void> ask_for_vanished();
    boost::asio::awaitable<bool> went_down_elsewhere(VmId vm);
    boost::asio::awaitable<void> fence_suspects();
    boost::asio::awaitable<void> start_at_home();
    boost::asio::awaitable<void> bring_back();
    void forget_unrecorded();
    std::map<HostId, policy::Contact> contacts() const;
    bool is_dead_lately(const HostId& host) const;
    bool concerns_vms(const HostId& host) const;
    std::string why_left(const HostId& host) const;
    PowerState power_of(const HostId& host) const;

    boost::asio::any_io_executor asio_;
    Clock& clock_;
    Hypervisor& hypervisor_;
    Probe& probe_;
    executor::Executor& executor_;
    executor::PowerSwitch& power_;
    FailoverQuestions questions_;
    policy::FailoverOptions options_;
    Instant started_{};
    policy::Calm calm_;
    Duration had_grace_{};  // of the grace of a start, before this one
    std::map<HostId, Watch> watches_;
    policy::Suspicion suspicion_;
    std::set<HostId> rebooted_;            // seen while it was not on
    std::map<HostId, Instant> booted_at_;  // when that was noticed
    std::set<VmId> went_down_;             // with their host, in the middle of an operation
    std::set<VmId> too_long_;              // their definitions
    std::set<VmId> asked_;                 // whether they run where a sample shows them and their record does not
    std::map<VmId, unsigned> missed_;      // samples in a row without a VM that was there before
    HeardEnds ends_heard_;                 // of VMs that have not been seen since
    std::map<VmId, HeardMove> moves_heard_;
    std::map<VmId, Vanished> vanished_;
    std::map<VmId, Instant> not_before_;  // its next try at home
};

}  // namespace ballast::daemon
