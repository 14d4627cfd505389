// The control loop: inventory in, plan out, moves to the executor; and the verbs an operator has. Everything that
// changes something goes through here. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collectors/sampler.h"
#include "config/daemon_options.h"
#include "daemon/boots.h"
#include "daemon/failover.h"
#include "daemon/homes.h"
#include "daemon/inventory_keeper.h"
#include "daemon/known_facts.h"
#include "daemon/pace.h"
#include "executor/executor.h"
#include "executor/pause.h"
#include "executor/power_switch.h"
#include "interchange/cycle.h"
#include "interchange/record.h"
#include "policy/planner.h"
#include "policy/policy.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"
#include "ports/power.h"
#include "ports/probe.h"
#include "ports/store.h"

namespace ballast::daemon {

/// What the controller tells the metrics and the log; each may be empty.
struct ControllerListener {
    std::function<void(const Cycle&)> cycle_ended;
    std::function<void(const Operation&)> operation_changed;
    std::function<void(const PowerRecord&)> power_changed;
    std::function<void(const HostId&, const std::string& source, bool ok)> source_read;
};

class Controller {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    Controller(boost::asio::any_io_executor executor, Clock& clock, Hypervisor& hypervisor, PowerControl& power,
               Probe& probe, Store& store, config::DaemonOptions options, ControllerListener listener);

    /// Loads what the store remembers (maintenance, pause, mode, journal), then samples and plans until the executor
    /// stops. Error: the store cannot be read; nothing was started then.
    Task<void> start(policy::Options policy);
    /// What was learnt before this start. Call it before start().
    void resume(policy::Seasons seasons) { memory_.seasons = std::move(seasons); }
    /// See Failover.
    void begin_calm() { failover_.begin_calm(); }
    /// Whoever tells of all hosts in place of samplers of its own. Call it before start().
    void sample_by(std::function<void(collectors::SamplerListener)> source) { samples_ = std::move(source); }

    // Looking.
    Inventory inventory() const;
    const policy::Options& policy() const { return policy_; }
    const policy::Memory& memory() const { return memory_; }
    policy::Mode mode() const { return mode_override_.value_or(policy_.mode); }
    bool mode_is_overridden() const { return mode_override_.has_value(); }
    bool paused() const { return !paused_by_.empty(); }
    const std::string& paused_by() const { return paused_by_; }
    const std::deque<Cycle>& cycles() const { return cycles_; }  // oldest first, bounded; those that wanted something
    const Cycle& last_cycle() const { return last_cycle_; }
    /// What the last cycle decided, and all that it decided from; its `cycle` is empty before the first one.
    interchange::Record record() const;
    std::vector<Operation> active() const { return executor_.active(); }
    /// Its libvirt is connected, and it is switched on.
    bool answers(const HostId& host) const;
    /// This daemon runs on it: nobody would wake it.
    bool is_own(const HostId& host) const;
    /// Who put the host into maintenance; empty: nobody.
    std::string maintenance_by(const HostId& host) const;
    /// When it was last seen to have booted since this daemon's start.
    std::optional<Instant> rebooted_at(const HostId& host) const;
    /// What a host's system calls its boot, as the health probe reports it: taken into account with the next sample.
    void boot_told(const HostId& host, const std::string& boot_id) { boot_ids_[host] = boot_id; }
    /// Ballast switched it off, and nothing of it answers: to connect to it again and again would be in vain.
    bool rests(const HostId& host) const;
    /// It is on, and nobody works on it: its silence is a fault.
    bool is_meant_to_answer(const HostId& host) const;
    std::vector<PowerRecord> power_records() const { return power_switch_.records(); }
    std::optional<PowerRecord> power_record(const HostId& host) const { return power_switch_.record(host); }
    executor::PowerSwitch& power_switch() { return power_switch_; }  // for those who steer more than one host
    const PowerControl& power() const { return power_; }
    /// That the power broker cannot be reached, and what that means, once it has not answered several times in a row;
    /// empty while it answers, and where there never was one.
    std::string broker_problem() const;
    std::vector<VmRecord> vms_down() const { return failover_.down(); }
    bool fencing_frozen() const { return !failover_.suspicion().frozen.empty(); }
    const std::deque<Operation>& ended() const { return ended_; }  // oldest first, bounded
    const config::DaemonOptions& options() const { return options_; }
    std::optional<VmId> find_vm(const std::string& name_or_uuid) const { return keeper_.find_vm(name_or_uuid); }
    /// What would be done now; changes nothing.
    Plan dry_run() const;

    // Changing; `by` is for the journal. Errors: not_found, conflict, invalid, and the store's.
    Task<void> set_paused(bool paused, std::string by);
    Task<void> set_mode(std::optional<policy::Mode> mode, std::string by);  // nothing: back to the policy's
    /// `to_site`: its VMs leave for hosts of that site only, with copies of their disks where these are not seen there.
    Task<void> set_maintenance(HostId host, bool on, std::string by, std::string to_site = "");
    /// Refused with the reasons when the policy's constraints forbid it, unless `force` (memory and CPU model are
    /// checked by the executor all the same).
    Task<OperationId> migrate(VmId vm, HostId to, bool force, std::string by);
    Task<void> approve(OperationId id, std::string by);
    Task<void> cancel(OperationId id, std::string by);
    /// What an operator may want of a host's power. `off` and `drill` are refused with the reason when the policy wants
    /// the host on, unless `force`; a host with a VM on it never goes off.
    Task<void> switch_off(HostId host, bool drill, bool force, std::string by);
    Task<void> switch_on(HostId host, std::string by);
    Task<void> release_power(HostId host, std::string by);
    /// A host that does not answer: cut off now, or taken to be off because the operator answers for it. Its VMs are
    /// started elsewhere then.
    Task<void> fence(HostId host, std::string by);
    Task<void> confirm_lost(HostId host, std::string by);
    /// A person sees to a VM that is down, in Ballast's place: it is not started any more. Errors: not_found, conflict
    /// (it is not down, is being started, or its name is not its alone), and the store's.
    Task<VmRecord> forget_vm(std::string name_or_uuid, std::string by);
    /// What is wrong with a host from now on. Takes effect with the next cycle, which starts at once.
    void set_health(const HostId& host, std::vector<HealthProblem> problems);
    /// A new policy, already validated. Takes effect with the next cycle, which starts at once.
    void set_policy(policy::Options policy);

private:
    boost::asio::awaitable<void> run_cycles();
    boost::asio::awaitable<void> run_cycle();
    boost::asio::awaitable<void> act(Cycle& cycle);
    bool still_proposed(const Operation& op, const Plan& plan, const Inventory& seen) const;
    boost::asio::awaitable<void> withdraw_stale_proposals(const Cycle& cycle);
    boost::asio::awaitable<void> start_restarts(Cycle& cycle);
    bool is_still_looking() const;
    boost::asio::awaitable<void> switch_power(Cycle& cycle);
    boost::asio::awaitable<void> keep_power_known();
    bool is_booted(const HostId& host, const collectors::Sample& sample);
    bool in_use(const HostId& host) const;
    bool has_site(const std::string& site) const;
    FailoverQuestions failover_questions();
    std::vector<Compare> nobody_looks_after(const HostId& host) const;
    void start_sampling();
    void sampled(const HostId& host, const collectors::Sample& sample);
    void presume_vms();
    std::optional<VmId> next_facts_due(const HostId& host, const std::set<VmId>& tried) const;
    void power_changed(const PowerRecord& record);
    boost::asio::awaitable<void> start_move(Cycle& cycle, Move move, std::string vm_name, bool waiting);
    boost::asio::awaitable<void> keep_host_facts(HostId host);
    void renew_host_facts(const HostId& host);
    boost::asio::awaitable<void> keep_vm_facts(HostId host);
    Result<void> silent_enough(const HostId& host) const;
    void note_what_vms_need(Cycle& cycle) const;
    Task<void> begin_switch_off(HostId host, bool drill, std::string reason, std::string by);
    boost::asio::awaitable<void> keep_homes();
    boost::asio::awaitable<void> keep_boots();
    Task<void> load_state();
    Task<void> load_facts();
    Task<void> load_maintenance();
    Task<void> remember_setting(std::string key, std::optional<std::string> value);
    void configure_executor();
    void adopt(policy::Options policy);
    void learn_boot_time();
    void heard(const HypervisorEvent& event);
    void operation_changed(const Operation& operation);
    void want_cycle();
    void keep_planned(const Cycle& cycle, Inventory seen, Instant now);
    void remember(const Cycle& cycle);

    static constexpr std::size_t ended_kept = 500;

    boost::asio::any_io_executor asio_;
    Clock& clock_;
    Hypervisor& hypervisor_;
    PowerControl& power_;
    Store& store_;
    config::DaemonOptions options_;
    ControllerListener listener_;
    std::function<void(collectors::SamplerListener)> samples_;  // empty: samplers of its own
    InventoryKeeper keeper_;
    Homes homes_;
    Boots boots_;
    KnownFacts known_facts_;
    std::map<HostId, std::string> boot_ids_;  // told since its last sample
    Instant started_{};
    std::map<HostId, std::string> maintenance_by_;  // hosts in maintenance, and who wanted it
    executor::Executor executor_;
    executor::PowerSwitch power_switch_;
    Failover failover_;
    policy::Options policy_;
    policy::Memory memory_;
    policy::Planner planner_;
    std::optional<policy::Mode> mode_override_;
    std::string paused_by_;
    std::deque<Cycle> cycles_;
    Cycle last_cycle_;
    interchange::Record planned_;  // without its memory: that is memory_
    std::deque<Operation> ended_;
    std::uint64_t cycle_number_ = 0;
    Duration cycle_work_{};  // what the last one took to observe and to plan
    bool cycle_wanted_ = false;
    bool broker_has_answered_ = false;
    unsigned broker_silences_ = 0;  // since it answered last
    std::string broker_error_;
    std::map<HostId, Instant> rebooted_;
    boost::asio::steady_timer cycle_wake_;
    std::map<HostId, std::shared_ptr<executor::Pause>> facts_wake_;  // per host: definitions of its VMs
    std::map<HostId, std::shared_ptr<executor::Pause>> host_facts_wake_;
    Pace definitions_;  // all hosts' together
};

}  // namespace ballast::daemon
