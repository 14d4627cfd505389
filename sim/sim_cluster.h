// A simulated cluster with a daemon on each host: one store, one world, one clock, and on one thread as many processes
// as hosts, each of which can be killed, paused, or lose its host's power, while the others go on. Same seed and same
// orders: same trace.
#pragma once

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sim/member.h"

namespace ballast::sim {

class Cluster {
public:
    static constexpr Duration restart_after = std::chrono::seconds{1};  // what our unit asks systemd for

    Cluster(std::uint64_t seed, MemberFactory factory);
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    /// A host that is on. Its member is started when time passes.
    void add_host(const HostId& host);

    // Time. A step runs what is ready, goes on to the next moment at which anything happens, and runs what is ready
    // then; false: nothing happens until the limit.
    bool step(Instant limit);
    void run_for(Duration duration);
    // Conditions and `check` only look.
    template <class Condition>
    bool run_until(Condition condition, Duration limit = std::chrono::hours{2}) {
        const Instant end = clock.now() + limit;
        run_ready();
        while (!condition() && go_on(end)) {
        }
        return condition();
    }

    // What happens to processes. Each is started again by itself, unless it was stopped.
    void kill(const HostId& host);
    void stop(const HostId& host);
    void start(const HostId& host);
    /// Nothing of it runs until it is resumed, or dies; time passes, and its sleeps end late.
    void pause(const HostId& host);
    void resume(const HostId& host);
    /// At the n-th point from now at which it asks anything of the world; of the next process, when none runs.
    void kill_at(const HostId& host, std::uint64_t n);
    void pause_at(const HostId& host, std::uint64_t n, Duration how_long);

    // What happens to hosts. Power may as well be switched in the world: members notice at once.
    void power_off(const HostId& host) { world.power_off(host); }
    void power_on(const HostId& host) { world.power_on(host); }
    /// No other host is reached from this one, nor it from any, nor the store.
    void cut_off(const HostId& host);
    void join(const HostId& host);
    /// Everything works again from now on: network, power, libvirtd, the store and the ways to it; paused and stopped
    /// processes go on.
    void heal();
    /// What is wrong with the way to the store of whatever runs on the host.
    StoreLink& link(const HostId& host) { return members_.at(host).link; }
    void step_wall_clock(const HostId& host, Duration by) { members_.at(host).clock.step_wall_clock(by); }

    // Looking.
    bool runs(const HostId& host) const { return members_.at(host).context != nullptr; }
    bool paused(const HostId& host) const { return members_.at(host).paused; }
    /// How often it was started.
    unsigned starts(const HostId& host) const { return members_.at(host).starts; }
    /// Points passed since the start or the last kill_at and pause_at.
    std::uint64_t points(const HostId& host) const { return members_.at(host).crashes.reached(); }
    /// Nothing while it does not run. Whoever gave the factory knows the type.
    MemberProcess* process(const HostId& host) const { return members_.at(host).process.get(); }
    std::uint64_t steps() const { return steps_; }

    /// What happened, one line each: to processes, in the store, on the hosts, and what was noted; nothing while it is
    /// not wanted, which saves most of the time that a step takes.
    bool tracing = true;
    const std::vector<std::string>& trace() const { return trace_; }
    void note(const std::string& what);
    /// From the seed: below n.
    std::uint64_t dice(std::uint64_t n) { return dice_() % n; }

    VirtualClock clock;
    World world;
    StoreData store;
    std::function<void()> check;  // after every step

private:
    struct Member {
        explicit Member(VirtualClock& shared) : clock(shared) {}

        MemberClock clock;
        StoreLink link;
        CrashPoints crashes;
        bool enabled = true;
        bool paused = false;
        unsigned starts = 0;
        unsigned boot = 0;                 // in which it runs
        std::optional<Instant> starts_at;  // while it does not run but will
        std::unique_ptr<MemberContext> context;
        std::unique_ptr<MemberProcess> process;
        const SimHost* machine = nullptr;
        bool woken = true;          // it may have something to run, whatever the others do
        std::uint64_t idle_at = 0;  // what it had heard when it had nothing left to run
        std::uint64_t heard() const { return context ? context->heard() : 0; }
    };
    struct StoreTrace;

    void run_ready();
    void run_woken();
    void wake_all();
    void wake_callers();
    bool go_on(Instant limit);  // nothing is ready
    bool run(const HostId& host, Member& member);
    void look_after(const HostId& host, Member& member);
    void look_after_all();
    void begin(const HostId& host, Member& member);
    void end(const HostId& host, Member& member, const char* why);
    std::optional<Instant> next_event() const;

    const Instant began_;
    std::mt19937_64 dice_;
    std::vector<std::string> trace_;
    std::unique_ptr<StoreTrace> store_trace_;
    MemberFactory factory_;
    std::map<HostId, Member> members_;
    const Member* running_ = nullptr;  // whose handler is under way
    std::uint64_t steps_ = 0;
    std::uint64_t switched_ = 0, returned_ = 0;  // what the world had counted when all were looked after, and woken
};

}  // namespace ballast::sim
