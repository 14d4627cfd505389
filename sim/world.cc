#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "sim/migration.h"

namespace ballast::sim {

namespace {
using State = Presence::State;
using Reason = Presence::PauseReason;
using Kind = HypervisorEvent::Kind;

constexpr double cpus_of_its_own = World::cpus_per_host / 4;    // that a host uses without its guests
constexpr Duration silence_noticed = std::chrono::seconds{10};  // by the first call that finds no answer

Error no_domain(const VmId& vm) {
    return {ErrorCode::not_found, vm.value, "Domain not found"};
}
Error no_job(const VmId& vm) {
    return {ErrorCode::conflict, vm.value, "no job is active on the domain"};
}
}  // namespace

World::World(const Clock& clock, std::uint64_t seed) : clock_(clock), dice_(seed) {}
World::~World() = default;

void World::add_host(const HostId& id) {
    hosts_[id] = {};
}

void World::add_vm(const HostId& host, const VmId& id, VmSpec spec) {
    if (spec.name.empty()) spec.name = id.value;
    spec.number = static_cast<unsigned>(specs_.size());
    specs_[id] = spec;
    Domain domain;
    domain.number = spec.number;
    domain.name = spec.name;
    domain.memory = spec.memory;
    domain.persistent = spec.persistent;
    domain.autostart = spec.autostart;
    domain.allows_post_copy = spec.allows_post_copy;
    domain.dirty_mib_per_s = spec.dirty_mib_per_s;
    domain.cpus = spec.cpus;
    domain.disks = spec.disks;
    hosts_.at(host).domains[id] = domain;
}

void World::disturb_events(double lost, double doubled) {
    lost_ = lost;
    doubled_ = doubled;
}

void World::want(const VmId& vm, double cpus) {
    for (auto& [id, host] : hosts_) count_cpu(host);
    specs_.at(vm).cpus = cpus;
    for (auto& [id, host] : hosts_)
        if (const auto found = host.domains.find(vm); found != host.domains.end()) found->second.cpus = cpus;
}

void World::count_cpu(SimHost& host) const {
    const double ns = static_cast<double>((now() - std::exchange(host.counted, now())).count()) * 1e6;
    double wanted = 0;
    for (const auto& [vm, domain] : host.domains) wanted += domain.runs() ? domain.cpus : 0;
    const double share = std::min(1.0, (cpus_per_host - cpus_of_its_own) / std::max(wanted, 1.0));
    for (auto& [vm, domain] : host.domains) {
        if (!domain.runs()) continue;
        const auto got = static_cast<std::uint64_t>(domain.cpus * share * ns);
        domain.cpu_ns += got;
        host.guests_ns += got;
    }
}

bool World::chance(double share) {
    return std::uniform_real_distribution<>(0, 1)(dice_) < share;
}

std::optional<Instant> World::next_event() const {
    return events_.empty() ? std::nullopt : std::optional(events_.begin()->first);
}

bool World::run_due() {
    bool any = false;
    while (!events_.empty() && events_.begin()->first <= now()) {
        const auto what = std::move(events_.begin()->second);
        events_.erase(events_.begin());
        what();
        any = true;
    }
    return any;
}

void World::after(Duration delay, std::function<void()> what) {
    events_.emplace(now() + delay, std::move(what));
}

SimHost* World::host(const HostId& id) {
    const auto found = hosts_.find(id);
    return found == hosts_.end() ? nullptr : &found->second;
}

Domain* World::domain(const HostId& id, const VmId& vm) {
    SimHost* const at = host(id);
    if (at == nullptr) return nullptr;
    const auto found = at->domains.find(vm);
    return found == at->domains.end() ? nullptr : &found->second;
}

std::vector<HostId> World::hosts() const {
    std::vector<HostId> ids;
    for (const auto& [id, host] : hosts_) ids.push_back(id);
    return ids;
}

std::vector<HostId> World::running_on(const VmId& vm) const {
    std::vector<HostId> ids;
    for (const auto& [id, host] : hosts_) {
        const auto found = host.domains.find(vm);
        if (found != host.domains.end() && found->second.runs()) ids.push_back(id);
    }
    return ids;
}

const VmSpec* World::spec(const std::string& name) const {
    for (const auto& [vm, known] : specs_)
        if (known.name == name) return &known;
    return nullptr;
}

unsigned World::migrations_under_way() const {
    return static_cast<unsigned>(
        std::count_if(migrations_.begin(), migrations_.end(), [](const auto& one) { return one->under_way(); }));
}

unsigned World::most_migrations_out(const HostId& id) const {
    const auto found = most_out_.find(id);
    return found == most_out_.end() ? 0 : found->second;
}

// ---- who is connected

World::ListenerId World::listen(Listener listener, std::optional<HostId> on) {
    listeners_[++last_listener_] = {std::move(listener), std::move(on)};
    return last_listener_;
}

bool World::listened_to_on(const HostId& id) const {
    return std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& one) { return one.second.on == id; });
}

void World::tell_outside(const HypervisorEvent& event) {
    for (const auto& [number, connected] : listeners_)
        if (!connected.on) connected.listener(event);
}

void World::tell_on_host(const HypervisorEvent& event) {
    for (const auto& [number, connected] : listeners_)
        if (connected.on == event.host) connected.listener(event);
}

void World::emit(Kind kind, const HostId& id, const VmId& vm, const std::string& detail) {
    const bool outside = hosts_.at(id).answers();
    const bool on_host = hosts_.at(id).answers_on_host() && listened_to_on(id);
    if (!outside && !on_host) return;
    if (chance(lost_)) {
        // One connection carries all events and answers of a host, in their order: of all that executors conclude
        // from, one alone cannot get lost [libvirt, RPC]. It goes with its connection.
        if (kind == Kind::switchover && outside) reset_connection(id);
        if (kind == Kind::switchover && on_host) reset_connection_on_host(id);
        return;
    }
    const int times = chance(doubled_) ? 2 : 1;
    for (int i = 0; i < times; ++i) {
        if (outside) tell_outside({kind, id, vm, detail});
        if (on_host) tell_on_host({kind, id, vm, detail});
    }
}

void World::notice_down(const HostId& id, const std::string& why) {
    if (std::exchange(hosts_.at(id).seen_down, true)) return;
    tell_outside({Kind::disconnected, id, {}, why});
}

void World::notice_up(const HostId& id) {
    if (!hosts_.at(id).answers() || !std::exchange(hosts_.at(id).seen_down, false)) return;
    tell_outside({Kind::connected, id, {}, {}});
}

void World::notice_down_on_host(const HostId& id, const std::string& why) {
    if (std::exchange(hosts_.at(id).seen_down_on_host, true)) return;
    tell_on_host({Kind::disconnected, id, {}, why});
}

void World::notice_up_on_host(const HostId& id) {
    if (!hosts_.at(id).answers_on_host() || !std::exchange(hosts_.at(id).seen_down_on_host, false)) return;
    tell_on_host({Kind::connected, id, {}, {}});
}

// ---- hosts

void World::stop_libvirtd(const HostId& id) {
    hosts_.at(id).libvirtd = false;
    notice_down(id, "end of file");
    notice_down_on_host(id, "end of file");
    const auto all = migrations_;
    for (const auto& one : all) one->libvirtd_stopped(id);
}

void World::restart_libvirtd(const HostId& id, Duration takes) {
    stop_libvirtd(id);
    after(takes, [this, id] {
        if (!hosts_.at(id).powered) return;
        hosts_.at(id).libvirtd = true;
        const auto all = migrations_;
        for (const auto& one : all) one->libvirtd_back(id);
        notice_up(id);
        notice_up_on_host(id);
    });
}

void World::cut_off(const HostId& id) {
    hosts_.at(id).reachable = false;
    after(silence_noticed, [this, id] {
        if (!hosts_.at(id).answers()) notice_down(id, "keepalive time-out");
    });
}

void World::reconnect(const HostId& id) {
    hosts_.at(id).reachable = true;
    reset_connection(id);  // nothing that happened meanwhile is told
}

void World::reset_connection(const HostId& id) {
    hosts_.at(id).seen_down = true;
    tell_outside({Kind::disconnected, id, {}, "reset"});
    notice_up(id);
}

void World::reset_connection_on_host(const HostId& id) {
    notice_down_on_host(id, "reset");
    notice_up_on_host(id);
}

void World::separate(const HostId& one, const HostId& other) {
    separated_.insert(std::minmax(one, other));
    const auto all = migrations_;
    for (const auto& migration : all)
        if (separated(migration->request().from, migration->request().to)) migration->separated();
}

void World::join(const HostId& one, const HostId& other) {
    separated_.erase(std::minmax(one, other));
}

bool World::separated(const HostId& one, const HostId& other) const {
    return separated_.contains(std::minmax(one, other));
}

bool World::reaches(const HostId& to) const {
    const auto found = hosts_.find(to);
    return found != hosts_.end() && found->second.powered && found->second.reachable;
}

bool World::reaches(const HostId& from, const HostId& to) const {
    if (!hosts_.at(from).powered) return false;
    return from == to || (reaches(from) && reaches(to) && !separated(from, to));
}

void World::power_off(const HostId& id) {
    SimHost& host = hosts_.at(id);
    if (!host.powered) return;
    if (losing_power) losing_power(id);
    host.powered = false;
    ++switched_;
    after(silence_noticed, [this, id] {
        if (!hosts_.at(id).answers()) notice_down(id, "keepalive time-out");
    });
    for (auto& [vm, domain] : host.domains) {
        if (domain.active()) excuse_off(vm);
        if (domain.active()) lost_power_.insert(vm);
        domain.state = State::defined;
        domain.reason = Reason::none;
        domain.job = false;
    }
    std::erase_if(host.domains, [](const auto& entry) { return !entry.second.persistent; });
    const auto all = migrations_;
    for (const auto& one : all)
        if (one->request().from == id || one->request().to == id) one->host_lost(id);
}

void World::power_on(const HostId& id) {
    SimHost& host = hosts_.at(id);
    if (std::exchange(host.powered, true)) return;
    ++switched_;
    host.libvirtd = true;
    host.seen_down = true;
    host.seen_down_on_host = false;  // whoever was connected there went with it
    host.booted = host.counted = now();
    host.guests_ns = 0;
    ++host.boots;
    for (auto& [vm, domain] : host.domains) {
        domain.end_unknown = !domain.autostart;
        domain.shut_down_by_guest = false;
        if (!domain.autostart) continue;
        // Nobody was asked; and what waits elsewhere may be let go on in the same moment.
        const auto has = [&vm = vm](const auto& other) {
            const auto there = other.second.domains.find(vm);
            return there != other.second.domains.end() && there->second.active();
        };
        if (std::any_of(hosts_.begin(), hosts_.end(), has)) excuse_twice(vm);
        domain.state = State::running;
    }
    notice_up(id);
}

void World::heal() {
    faults_.clear();
    separated_.clear();
    for (const auto& one : migrations_) one->disarm();
    disturb_events(0, 0);
    for (auto& [id, host] : hosts_) {
        power_on(id);
        host.libvirtd = true;
        host.calls_time_out_until = {};
        host.starts_take = SimHost{}.starts_take;
        if (!host.reachable) reconnect(id);
        notice_up(id);
        notice_up_on_host(id);
    }
}

void World::stop_domain(const HostId& id, const VmId& vm, const std::string& detail, bool by_guest) {
    Domain* const stopped = domain(id, vm);
    if (stopped == nullptr) return;
    stopped->state = State::defined;
    stopped->reason = Reason::none;
    stopped->job = false;
    stopped->shut_down_by_guest = by_guest;
    stopped->end_unknown = false;
    if (!stopped->persistent) hosts_.at(id).domains.erase(vm);
    emit(Kind::vm_stopped, id, vm, detail);
    const auto all = migrations_;
    for (const auto& one : all)
        if (one->request().vm == vm) one->domain_stopped(id);
}

// ---- libvirt's calls

Fault World::fault_of(const VmId& vm) const {
    const auto found = faults_.find(vm);
    return found == faults_.end() ? Fault::none : found->second;
}

Result<void> World::can_accept(const MigrationRequest& request) {
    const auto refused = [&](const char* why) { return Error{ErrorCode::refused, request.to.value, why}; };
    const Fault fault = fault_of(request.vm);
    if (fault == Fault::memory_gone) return refused("needs 4 GiB of memory, 1 GiB available");
    if (fault == Fault::name_taken) return refused("another domain of this name exists there");
    const Domain* const same = domain(request.to, request.vm);
    if (same != nullptr && same->active()) return refused("a domain with this UUID is active there already");
    return {};
}

void World::migrate(const MigrationRequest& request, std::function<void(Result<void>)> ended) {
    Domain* const moved = domain(request.from, request.vm);
    if (moved == nullptr || !moved->active()) return ended(no_domain(request.vm));
    if (request.resume_post_copy) {
        std::erase_if(migrations_, [](const auto& one) { return !one->under_way(); });
        const auto& rest =
            migrations_.emplace_back(std::make_shared<Migration>(*this, request, Fault::none, std::move(ended)));
        return rest->resume_post_copy();
    }
    if (moved->job) return ended(Error{ErrorCode::timed_out, request.vm.value, "another job holds the domain"});
    const auto& images = hosts_.at(request.to).images;
    const auto missing = [&](const DiskCopy& disk) { return !images.contains(disk.file); };
    if (std::any_of(request.disks.begin(), request.disks.end(), missing))
        return ended(Error{ErrorCode::internal, request.vm.value, "no image to copy a disk to"});
    std::erase_if(migrations_, [](const auto& one) { return !one->under_way(); });
    const Fault fault = fault_of(request.vm);
    faults_.erase(request.vm);
    ++started_;
    const auto& migration =
        migrations_.emplace_back(std::make_shared<Migration>(*this, request, fault, std::move(ended)));
    unsigned& most = most_out_[request.from];
    most = std::max(most,
                    static_cast<unsigned>(std::count_if(migrations_.begin(), migrations_.end(), [&](const auto& one) {
                        return one->request().from == request.from;
                    })));
    migration->begin();
}

Migration* World::migration_of(const HostId& source, const VmId& vm) const {
    for (const auto& one : migrations_)
        if (one->runs_on_source(source, vm)) return one.get();
    return nullptr;
}

Result<void> World::abort(const HostId& source, const VmId& vm) {
    Migration* const migration = migration_of(source, vm);
    if (migration == nullptr) return no_job(vm);
    return migration->abort();
}

bool World::ignores_abort(const VmId& vm) const {
    return std::any_of(migrations_.begin(), migrations_.end(),
                       [&](const auto& one) { return one->request().vm == vm && one->ignores_abort(); });
}

Result<void> World::set_max_downtime(const HostId& source, const VmId& vm, Duration downtime) {
    Migration* const migration = migration_of(source, vm);
    if (migration == nullptr) return no_job(vm);
    migration->set_max_downtime(downtime);
    return {};
}

Result<void> World::start_post_copy(const HostId& source, const VmId& vm) {
    Migration* const migration = migration_of(source, vm);
    if (migration == nullptr) return no_job(vm);
    return migration->start_post_copy();
}

Result<void> World::resume(const HostId& id, const VmId& vm) {
    Domain* const paused = domain(id, vm);
    if (paused == nullptr || !paused->active()) return no_domain(vm);
    if (paused->incomplete) return Error{ErrorCode::conflict, vm.value, "its memory is not complete"};
    paused->state = State::running;
    paused->reason = Reason::none;
    emit(Kind::vm_changed, id, vm, "lifecycle");
    return {};
}

Result<void> World::destroy(const HostId& id, const VmId& vm) {
    Domain* const active = domain(id, vm);
    if (active == nullptr || !active->active()) return no_domain(vm);
    stop_domain(id, vm, "destroyed", true);  // libvirt gives the same reason for a user's destroy
    return {};
}

Result<void> World::undefine(const HostId& id, const VmId& vm) {
    Domain* const defined = domain(id, vm);
    if (defined == nullptr) return no_domain(vm);
    if (keeps_definitions.contains(id)) return Error{ErrorCode::internal, vm.value, "No space left on device"};
    defined->persistent = false;
    if (!defined->active()) hosts_.at(id).domains.erase(vm);
    return {};
}

Result<void> World::start(const HostId& id, const VmId& vm, bool persistent) {
    Domain* const known = domain(id, vm);
    if (known != nullptr && known->active()) return Error{ErrorCode::conflict, vm.value, "domain is already active"};
    if (broken.contains(id)) return Error{ErrorCode::internal, vm.value, "QEMU did not start"};
    if (starting) starting(id, vm);
    Domain& started = hosts_.at(id).domains[vm];
    const VmSpec& spec = specs_.at(vm);
    started.number = spec.number;
    started.name = spec.name;
    started.memory = spec.memory;
    started.dirty_mib_per_s = spec.dirty_mib_per_s;
    started.cpus = spec.cpus;
    started.allows_post_copy = spec.allows_post_copy;
    started.persistent = started.persistent || persistent;
    started.state = State::running;
    started.reason = Reason::none;
    started.shut_down_by_guest = started.end_unknown = started.job = started.incomplete = false;
    may_be_off_.erase(vm);
    emit(Kind::vm_started, id, vm, "booted");
    return {};
}

void World::move_by_hand(const VmId& vm, const HostId& from, const HostId& to) {
    Domain moved = *domain(from, vm);
    moved.job = false;
    moved.autostart = false;  // it does not travel
    moved.state = State::running;
    moved.reason = Reason::none;
    hosts_.at(from).domains.erase(vm);
    hosts_.at(to).domains[vm] = moved;
    emit(Kind::vm_started, to, vm, "arriving");
    emit(Kind::vm_stopped, from, vm, "migrated");
    const auto all = migrations_;
    for (const auto& one : all)
        if (one->runs_on_source(from, vm)) one->domain_stopped(from);
}

}  // namespace ballast::sim
