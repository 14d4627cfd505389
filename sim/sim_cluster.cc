#include "sim/sim_cluster.h"

#include <algorithm>
#include <utility>

namespace ballast::sim {

namespace {
constexpr std::size_t longest_shown = 80;                    // of a value: enough to know a record again
constexpr std::uint64_t most_handlers_a_moment = 1'000'000;  // far above any use: more is a loop without a wait

std::string to_text(HypervisorEvent::Kind kind) {
    switch (kind) {
        case HypervisorEvent::Kind::connected: return "libvirtd back";
        case HypervisorEvent::Kind::disconnected: return "libvirtd gone";
        case HypervisorEvent::Kind::vm_started: return "started";
        case HypervisorEvent::Kind::vm_stopped: return "stopped";
        case HypervisorEvent::Kind::vm_changed: return "changed";
        case HypervisorEvent::Kind::switchover: return "switchover";
        case HypervisorEvent::Kind::migration_iteration: return "iteration";
        case HypervisorEvent::Kind::job_completed: return "migrated";
        case HypervisorEvent::Kind::host_changed: return "host changed";
    }
    return "unknown";
}
}  // namespace

/// Writes every change of the store into the trace, when it happens.
struct Cluster::StoreTrace : StoreClient {
    explicit StoreTrace(Cluster& to) : cluster(to) { cluster.store.clients.push_back(this); }
    ~StoreTrace() override { std::erase(cluster.store.clients, static_cast<StoreClient*>(this)); }
    StoreTrace(const StoreTrace&) = delete;
    StoreTrace& operator=(const StoreTrace&) = delete;

    void tell(Instant) override {
        if (!cluster.tracing) told = cluster.store.history.size();
        for (; told < cluster.store.history.size(); ++told) {
            const WatchEvent& event = cluster.store.history[told];
            const bool put = event.kind == WatchEvent::Kind::put;
            const std::string value = put ? " = " + event.entry.value.substr(0, longest_shown) : " erased";
            cluster.note("store: " + std::to_string(event.entry.mod_revision) + " " + event.entry.key + value);
        }
    }

    Cluster& cluster;
    std::size_t told = 0;
};

Cluster::Cluster(std::uint64_t seed, MemberFactory factory)
    : world(clock, seed),
      began_(clock.now()),
      dice_(seed),
      store_trace_(std::make_unique<StoreTrace>(*this)),
      factory_(std::move(factory)) {
    store.dice.seed(seed);
}

Cluster::~Cluster() {
    for (auto& [host, member] : members_) {
        member.process.reset();
        member.context.reset();
    }
}

void Cluster::note(const std::string& what) {
    if (!tracing) return;
    trace_.push_back(std::to_string((clock.now() - began_).count()) + " ms " + what);
}

void Cluster::add_host(const HostId& host) {
    world.add_host(host);
    const auto hear = [this](const HypervisorEvent& event) {
        note(event.host.value + ": " + to_text(event.kind) + " " + event.vm.value + " " + event.detail);
    };
    world.listen(hear, host);
    Member& member = members_.emplace(host, clock).first->second;
    member.starts_at = clock.now();
    member.machine = world.host(host);
}

// ---- time

std::optional<Instant> Cluster::next_event() const {
    std::optional<Instant> next = clock.next_wake();
    const auto consider = [&](std::optional<Instant> when) {
        if (when && (!next || *when < *next)) next = when;
    };
    consider(world.next_event());
    consider(store.next_event());
    for (const auto& [host, member] : members_) consider(member.starts_at);
    return next;
}

bool Cluster::step(Instant limit) {
    run_ready();
    return go_on(limit);
}

bool Cluster::go_on(Instant limit) {
    const auto next = next_event();
    if (!next || *next > limit) return false;
    clock.advance_to(std::max(*next, clock.now()));
    for (auto& [host, member] : members_) member.woken = member.clock.has_woken() || member.woken;
    if (world.run_due()) wake_all();
    run_woken();
    ++steps_;
    if (check) check();
    return true;
}

void Cluster::run_for(Duration duration) {
    const Instant end = clock.now() + duration;
    run_ready();
    while (go_on(end)) {
    }
    clock.advance_to(end);
}

void Cluster::wake_all() {
    for (auto& [host, member] : members_) member.woken = true;
}

// Whose call of a migration has returned is not told.
void Cluster::wake_callers() {
    if (std::exchange(returned_, world.returned()) != world.returned()) wake_all();
}

void Cluster::run_ready() {
    wake_all();  // somebody may have done anything
    run_woken();
}

// To ask each member in each step whether it has something to run takes longer than what is run.
void Cluster::run_woken() {
    store.run_due(clock.now());
    look_after_all();
    std::uint64_t handlers = 0;
    for (bool any = true; any;) {
        any = false;
        for (auto& [host, member] : members_) {
            wake_callers();
            if (!member.woken && member.idle_at == member.heard()) continue;
            member.woken = false;
            while (run(host, member)) {
                any = true;
                BALLAST_ASSERT(++handlers < most_handlers_a_moment);
            }
            member.idle_at = member.heard();
        }
    }
}

bool Cluster::run(const HostId& host, Member& member) {
    if (!member.context || member.paused) return false;
    member.context->io().restart();
    running_ = &member;
    const std::size_t ran = member.context->io().poll_one();
    running_ = nullptr;
    if (ran == 0) return false;
    if (member.context->leaving()) end(host, member, "ended itself");
    if (member.crashes.dead()) end(host, member, "killed");
    if (switched_ != world.switched()) look_after_all();  // its own host as well, perhaps
    return true;
}

// ---- processes

void Cluster::look_after_all() {
    switched_ = world.switched();
    for (auto& [host, member] : members_) look_after(host, member);
}

void Cluster::look_after(const HostId& host, Member& member) {
    const SimHost& machine = *member.machine;
    if (member.context && (!machine.powered || machine.boots != member.boot)) end(host, member, "lost power");
    if (!machine.powered || !member.enabled) member.starts_at.reset();
    if (member.context || !machine.powered || !member.enabled) return;
    if (!member.starts_at) member.starts_at = clock.now() + restart_after;
    if (*member.starts_at <= clock.now()) begin(host, member);
}

void Cluster::begin(const HostId& host, Member& member) {
    member.starts_at.reset();
    member.boot = world.host(host)->boots;
    ++member.starts;
    const std::string boot_id = host.value + "-boot-" + std::to_string(member.boot);
    note(host.value + ": begins, " + boot_id);
    member.context =
        std::make_unique<MemberContext>(host, boot_id, member.clock, world, store, member.link, member.crashes);
    member.process = factory_(*member.context);
    member.woken = true;
    if (member.context->leaving()) end(host, member, "ended itself");
}

void Cluster::end(const HostId& host, Member& member, const char* why) {
    if (!member.context) return;
    if (&member == running_) return member.context->exit();  // after the handler under way
    note(host.value + ": " + why);
    member.process.reset();
    member.context.reset();
    member.crashes.arm(0);
    member.paused = false;
    if (member.enabled) member.starts_at = clock.now() + restart_after;
}

void Cluster::kill(const HostId& host) {
    end(host, members_.at(host), "killed");
}

void Cluster::stop(const HostId& host) {
    Member& member = members_.at(host);
    member.enabled = false;
    member.starts_at.reset();
    end(host, member, "stopped");
}

void Cluster::start(const HostId& host) {
    Member& member = members_.at(host);
    if (std::exchange(member.enabled, true) || member.context) return;
    member.starts_at = clock.now();
}

void Cluster::pause(const HostId& host) {
    Member& member = members_.at(host);
    if (!member.context || std::exchange(member.paused, true)) return;
    note(host.value + ": paused");
}

void Cluster::resume(const HostId& host) {
    if (std::exchange(members_.at(host).paused, false)) note(host.value + ": resumed");
}

void Cluster::kill_at(const HostId& host, std::uint64_t n) {
    members_.at(host).crashes.arm(n);
}

void Cluster::pause_at(const HostId& host, std::uint64_t n, Duration how_long) {
    members_.at(host).crashes.arm(n, [this, host, how_long] {
        pause(host);
        world.after(how_long, [this, host] { resume(host); });
    });
}

// ---- hosts

void Cluster::cut_off(const HostId& host) {
    note(host.value + ": cut off");
    members_.at(host).link.cut = true;
    world.cut_off(host);
    for (const HostId& other : world.hosts())
        if (other != host) world.separate(host, other);
}

void Cluster::join(const HostId& host) {
    note(host.value + ": joined");
    members_.at(host).link.cut = false;
    for (const HostId& other : world.hosts())
        if (other != host && world.host(other)->reachable) world.join(host, other);
    world.reconnect(host);
}

void Cluster::heal() {
    note("healed");
    world.heal();
    store.heal();
    for (auto& [host, member] : members_) {
        member.link = {};
        member.crashes.arm(0);
        resume(host);
        start(host);
    }
}

}  // namespace ballast::sim
