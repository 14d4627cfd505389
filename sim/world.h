// Simulated hosts with their libvirtd and their guests, on a clock somebody else advances. Knows nothing of who
// observes them: it survives the crash of the daemon, as real hosts do. Single-threaded.
//
// What a host's libvirtd does in each case follows libvirt 9.0 [src/qemu/qemu_migration.c].
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "model/migration.h"
#include "model/vm.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"
#include "sim/fault.h"

namespace ballast::sim {

/// What one host knows of one VM: a definition, a QEMU process, or both.
struct Domain {
    unsigned number = 0;  // of the VM: how many were built before it
    std::string name;
    Bytes memory;
    bool persistent = false;
    bool autostart = false;
    bool allows_post_copy = false;
    double dirty_mib_per_s = 0;
    double cpus = 0;           // that the guest wants
    std::uint64_t cpu_ns = 0;  // counted so far; of those that never wanted any, nothing is known
    std::vector<VmDisk> disks{};
    Presence::State state = Presence::State::running;
    Presence::PauseReason reason = Presence::PauseReason::none;
    bool shut_down_by_guest = false;
    bool end_unknown = false;
    bool job = false;         // an active outgoing or incoming one
    bool incomplete = false;  // an arrival whose memory is not all there
    Instant broken_until{};   // the way for the rest of it, after an interruption in post-copy
    MigrationProgress progress, completed;

    bool runs() const { return state == Presence::State::running; }
    bool active() const { return runs() || state == Presence::State::paused; }
};

struct SimHost {
    Bytes memory = gib(64);
    bool powered = true;
    bool libvirtd = true;
    bool reachable = true;   // from us and from the other hosts
    bool seen_down = false;  // its clients elsewhere have noticed
    bool seen_down_on_host = false;
    Instant booted{};
    std::uint64_t guests_ns = 0;  // of CPU, until `counted`
    Instant counted{};
    unsigned boots = 1;
    Instant calls_time_out_until{};
    Duration starts_take = std::chrono::milliseconds{800};  // of a small guest, measured on QEMU 7.2
    std::map<VmId, Domain> domains;
    std::set<std::string> images;  // created for disks that are copied here

    bool answers() const { return answers_on_host() && reachable; }
    bool answers_on_host() const { return powered && libvirtd; }  // whatever the network does
};

struct VmSpec {
    unsigned number = 0;  // given by add_vm
    std::string name;
    Bytes memory = gib(4);
    double dirty_mib_per_s = 50;
    double cpus = 0;
    bool persistent = true;
    bool autostart = false;
    bool allows_post_copy = false;
    std::vector<VmDisk> disks{};
};

class Migration;

class World {
public:
    static constexpr double link_mib_per_s = 1000;  // 10 Gbit/s less its overhead
    static constexpr Duration restart_takes = std::chrono::seconds{3};
    static constexpr Duration keepalive = std::chrono::seconds{25};  // libvirtd's default: 5 x 5 s
    static constexpr double cpus_per_host = 16;

    explicit World(const Clock& clock, std::uint64_t seed = 0);
    ~World();

    // Building.
    void add_host(const HostId& id);
    void add_vm(const HostId& host, const VmId& id, VmSpec spec);
    /// Happens to the next migration of this VM.
    void inject(const VmId& vm, Fault fault) { faults_[vm] = fault; }
    /// Events lost and doubled, as shares of all. A lost switchover is told of as a lost connection.
    void disturb_events(double lost, double doubled);
    /// From now on its guest wants so many CPUs.
    void want(const VmId& vm, double cpus);
    /// Counts what the guests of a host have got of its CPUs since it was called last.
    void count_cpu(SimHost& host) const;

    // Time.
    std::optional<Instant> next_event() const;
    /// False: nothing was due.
    bool run_due();
    void after(Duration delay, std::function<void()> what);
    Instant now() const { return clock_.now(); }
    /// How many calls of migrations have returned: none since, and nobody has anything to run because of one.
    std::uint64_t returned() const { return returned_; }
    void returning() { ++returned_; }
    /// How often a host was switched on or off.
    std::uint64_t switched() const { return switched_; }

    // Looking.
    SimHost* host(const HostId& id);
    Domain* domain(const HostId& host, const VmId& vm);
    std::vector<HostId> hosts() const;
    std::vector<HostId> running_on(const VmId& vm) const;
    /// As it was built; nothing when no VM has this name.
    const VmSpec* spec(const std::string& name) const;
    /// The VM was shut down or lost by a fault: nobody can be blamed that it does not run.
    bool may_be_off(const VmId& vm) const { return may_be_off_.contains(vm); }
    /// It ran on a host when that lost its power.
    bool lost_power(const VmId& vm) const { return lost_power_.contains(vm); }
    /// A fault made it run twice, so that it may until somebody sees to it.
    bool may_run_twice(const VmId& vm) const { return may_run_twice_.contains(vm); }
    unsigned migrations_under_way() const;
    unsigned most_migrations_out(const HostId& host) const;
    unsigned migrations_started() const { return started_; }

    // What happens to hosts.
    void stop_libvirtd(const HostId& id);
    void restart_libvirtd(const HostId& id, Duration takes = restart_takes);
    void cut_off(const HostId& id);
    void reconnect(const HostId& id);
    /// These two cannot reach each other, whoever else can: no migration between them begins or goes on.
    void separate(const HostId& one, const HostId& other);
    void join(const HostId& one, const HostId& other);
    bool separated(const HostId& one, const HostId& other) const;
    /// Its kernel answers: to whoever is outside, or to another host.
    bool reaches(const HostId& to) const;
    bool reaches(const HostId& from, const HostId& to) const;
    void power_off(const HostId& id);
    void power_on(const HostId& id);
    /// Everything works again from now on, and nothing new is injected.
    void heal();

    // What libvirt's calls do. The caller has reached the host; errors are libvirt's.
    Fault fault_of(const VmId& vm) const;
    /// True for twenty minutes from the start of a migration with that fault.
    bool ignores_abort(const VmId& vm) const;
    Result<void> can_accept(const MigrationRequest& request);
    /// `ended` is called once, with what the call returns.
    void migrate(const MigrationRequest& request, std::function<void(Result<void>)> ended);
    Result<void> abort(const HostId& source, const VmId& vm);
    Result<void> set_max_downtime(const HostId& source, const VmId& vm, Duration downtime);
    Result<void> start_post_copy(const HostId& source, const VmId& vm);
    Result<void> resume(const HostId& host, const VmId& vm);
    Result<void> destroy(const HostId& host, const VmId& vm);
    Result<void> undefine(const HostId& host, const VmId& vm);
    /// As virDomainDefineXML and virDomainCreate do. Fails on hosts in `broken`.
    Result<void> start(const HostId& host, const VmId& vm, bool persistent);
    /// A move by somebody else, at once.
    void move_by_hand(const VmId& vm, const HostId& from, const HostId& to);

    std::set<HostId> broken;             // nothing can be started there
    std::set<HostId> keeps_definitions;  // nothing can be undefined there
    /// Hears of every start that is about to succeed, migrations and hosts' own autostart aside.
    std::function<void(const HostId&, const VmId&)> starting;
    /// Hears of every host that is about to lose its power, with all that runs there.
    std::function<void(const HostId&)> losing_power;
    /// Hears of every host whose system is asked to go down.
    std::function<void(const HostId&)> going_down;

    // Who is connected: from outside to all hosts, or from `on` to that host only, which no network comes between.
    using Listener = std::function<void(const HypervisorEvent&)>;
    using ListenerId = std::uint64_t;
    ListenerId listen(Listener listener, std::optional<HostId> on = std::nullopt);
    void forget(ListenerId id) { listeners_.erase(id); }

    // For the migrations.
    void emit(HypervisorEvent::Kind kind, const HostId& host, const VmId& vm, const std::string& detail = {});
    void stop_domain(const HostId& host, const VmId& vm, const std::string& detail, bool by_guest = false);
    void excuse_off(const VmId& vm) { may_be_off_.insert(vm); }
    void excuse_twice(const VmId& vm) { may_run_twice_.insert(vm); }
    bool chance(double share);

private:
    struct Connected {
        Listener listener;
        std::optional<HostId> on;
    };

    Migration* migration_of(const HostId& source, const VmId& vm) const;
    bool listened_to_on(const HostId& id) const;
    void tell_outside(const HypervisorEvent& event);
    void tell_on_host(const HypervisorEvent& event);
    void reset_connection(const HostId& id);
    void reset_connection_on_host(const HostId& id);
    void notice_down_on_host(const HostId& id, const std::string& why);
    void notice_up_on_host(const HostId& id);
    void notice_down(const HostId& id, const std::string& why);
    void notice_up(const HostId& id);

    const Clock& clock_;
    std::mt19937_64 dice_;
    std::map<HostId, SimHost> hosts_;
    std::set<std::pair<HostId, HostId>> separated_;  // the lesser one first
    std::map<ListenerId, Connected> listeners_;      // in the order in which they came
    ListenerId last_listener_ = 0;
    std::multimap<Instant, std::function<void()>> events_;
    std::vector<std::shared_ptr<Migration>> migrations_;
    std::map<VmId, Fault> faults_;
    std::map<VmId, VmSpec> specs_;
    std::map<HostId, unsigned> most_out_;
    std::set<VmId> may_be_off_, lost_power_, may_run_twice_;
    double lost_ = 0, doubled_ = 0;
    unsigned started_ = 0;
    std::uint64_t returned_ = 0, switched_ = 0;
};

}  // namespace ballast::sim
