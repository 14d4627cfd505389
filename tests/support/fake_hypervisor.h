// Hosts and VMs in memory, seen through the Hypervisor port. VMs use the CPU and memory they are told to, and a
// migration takes `migration_time` on the given clock. Tests change `hosts_by_id` at will. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/hypervisor.h"

namespace ballast::test {

struct FakeVm {
    VmFacts facts;
    VmState state = VmState::running;
    Presence::PauseReason pause_reason = Presence::PauseReason::none;
    int libvirt_id = 1;
    double cpu_cores = 0.1;  // used on average
    bool end_unknown = false;
    bool gone = false;  // a reading from before shows it still
};

struct FakeHost {
    HostFacts facts;
    Connection connection = Connection::up;
    std::string problem;
    std::map<VmId, FakeVm> vms;
    Instant booted{};  // its CPUs count from then on
    mutable Instant counted{};
    mutable std::uint64_t busy_ns = 0;  // until then
};

class FakeHypervisor : public Hypervisor {
public:
    explicit FakeHypervisor(Clock& clock) : clock_(clock) {}

    std::map<HostId, FakeHost> hosts_by_id;
    Duration migration_time = std::chrono::seconds{2};
    /// What can_accept says; nothing: yes.
    std::optional<Error> refusal;

    FakeHost& add_host(const std::string& name, double cpus = 8, Bytes memory = gib(32)) {
        FakeHost& host = hosts_by_id[{name}];
        host.facts.hostname = name;
        host.facts.cpus = cpus;
        host.facts.memory_total = memory;
        host.facts.arch = "x86_64";
        host.facts.cpu_by_virt_type["kvm"] = {{"qemu64"}, {}, "Test CPU", {"pc-q35-7.2"}};
        host.facts.shared_paths = {"/srv/vms"};
        host.facts.libvirt_version = "9.0.0";
        host.facts.hypervisor_version = "7.2.0";
        return host;
    }
    FakeVm& add_vm(const std::string& host, const std::string& uuid, const std::string& name, Bytes memory = gib(1)) {
        FakeVm& vm = hosts_by_id.at({host}).vms[{uuid}];
        vm.facts.name = name;
        vm.facts.vcpus = 2;
        vm.facts.memory = memory;
        vm.facts.persistent = true;
        vm.facts.requirements.virt_type = "kvm";
        vm.facts.requirements.arch = "x86_64";
        vm.facts.requirements.machine = "pc-q35-7.2";
        vm.facts.requirements.cpu.model = "qemu64";
        vm.facts.requirements.files = {"/srv/vms/disk.qcow2"};
        return vm;
    }
    /// As the real one does when a connection comes up.
    void tell_connected() {
        for (const auto& [id, host] : hosts_by_id)
            if (host.connection == Connection::up) tell({HypervisorEvent::Kind::connected, id, {}, {}});
    }
    void tell(const HypervisorEvent& event) {
        for (const auto& listener : listeners_) listener(event);
    }

    /// Whoever listened is gone.
    void forget_listeners() { listeners_.clear(); }

    std::vector<HostId> hosts() const override {
        std::vector<HostId> ids;
        for (const auto& [id, host] : hosts_by_id) ids.push_back(id);
        return ids;
    }
    Connection connection(HostId host) const override { return hosts_by_id.at(host).connection; }
    std::string problem(HostId host) const override { return hosts_by_id.at(host).problem; }
    std::optional<Instant> answered_at(HostId host) const override {
        return connection(host) == Connection::up ? std::optional(clock_.now()) : std::nullopt;
    }
    std::map<HostId, unsigned> reconnects;  // how often it was asked to try again at once
    void reconnect(HostId host) override { ++reconnects[host]; }
    void on_event(std::function<void(const HypervisorEvent&)> listener) override {
        listeners_.push_back(std::move(listener));
    }

    Task<HostFacts> facts(HostId host) override {
        if (const auto down = unreachable(host)) co_return *down;
        co_return hosts_by_id.at(host).facts;
    }
    Task<HostReading> read(HostId host) override {
        if (const auto down = unreachable(host)) co_return *down;
        co_return reading(hosts_by_id.at(host));
    }
    Task<VmFacts> vm_facts(HostId host, VmId vm) override {
        if (const auto down = unreachable(host)) co_return *down;
        const FakeVm* found = find(host, vm);
        if (!found) co_return Error{ErrorCode::not_found, vm.value, "no such domain"};
        co_return found->facts;
    }
    Task<Presence> presence(HostId host, VmId vm) override {
        if (const auto down = unreachable(host)) co_return *down;
        Presence presence;
        if (const FakeVm* found = find(host, vm)) {
            presence.state = state_of(*found);
            presence.pause_reason = found->pause_reason;
            presence.persistent = found->facts.persistent;
            presence.end_unknown = presence.state == Presence::State::defined && found->end_unknown;
            presence.migration_under_way = found->state == VmState::running && migrating_.contains(vm);
        }
        co_return presence;
    }

    /// Its name stands for all of it.
    Task<std::string> definition(HostId host, VmId vm) override {
        if (const auto down = unreachable(host)) co_return *down;
        const FakeVm* found = find(host, vm);
        if (!found) co_return Error{ErrorCode::not_found, vm.value, "no such domain"};
        if (definitions_fail) co_return Error{ErrorCode::timed_out, host.value, "no answer in time"};
        co_return found->facts.name;
    }
    bool definitions_fail = false;
    Result<VmFacts> facts_of(const std::string& definition) const override {
        for (const auto& [id, host] : hosts_by_id)
            for (const auto& [uuid, vm] : host.vms)
                if (vm.facts.name == definition) {
                    VmFacts facts = vm.facts;
                    facts.autostart = false;  // libvirt keeps it elsewhere
                    return facts;
                }
        return Error{ErrorCode::corrupt, definition, "not a definition"};
    }
    Task<void> start(StartRequest request) override {
        if (const auto down = unreachable(request.on)) co_return *down;
        if (refusal) co_return *refusal;
        FakeVm& started = hosts_by_id.at(request.on).vms[request.vm];
        started.facts.name = request.definition;
        started.facts.persistent = request.persistent;
        started.state = VmState::running;
        co_return Result<void>();
    }

    /// Images on each host, by file.
    std::map<HostId, std::set<std::string>> images;
    std::optional<MigrationRequest> last_migration;

    Task<void> create_image(HostId host, DiskCopy disk) override {
        if (!images[host].insert(disk.file).second) co_return Error{ErrorCode::conflict, disk.file, "exists already"};
        co_return Result<void>();
    }
    Task<void> remove_image(HostId host, std::string file) override {
        images[host].erase(file);
        co_return Result<void>();
    }

    /// Its name stands for all of it.
    Task<std::string> migratable_definition(HostId source, VmId vm) override { return definition(source, vm); }
    Task<void> can_accept(MigrationRequest, std::string) override {
        if (refusal) co_return *refusal;
        co_return Result<void>();
    }
    Task<void> migrate(MigrationRequest request) override {
        last_migration = request;
        migrating_[request.vm] = clock_.now();
        const Duration time = migration_time;
        co_await clock_.sleep_for(time);
        migrating_.erase(request.vm);
        if (aborted_.erase(request.vm) > 0) co_return Error{ErrorCode::cancelled, request.vm.value, "aborted"};
        auto moved = hosts_by_id.at(request.from).vms.extract(request.vm);
        if (moved.empty()) co_return Error{ErrorCode::not_found, request.vm.value, "no such domain"};
        ++moved.mapped().libvirt_id;
        hosts_by_id.at(request.to).vms.insert(std::move(moved));
        co_return Result<void>();
    }
    Task<MigrationProgress> progress(HostId, VmId vm) override {
        MigrationProgress progress;
        const auto under_way = migrating_.find(vm);
        if (under_way == migrating_.end()) co_return progress;
        progress.phase = MigrationPhase::copying;
        progress.elapsed = clock_.now() - under_way->second;
        progress.total = gib(4);
        const auto whole = static_cast<std::uint64_t>(std::max<Duration>(migration_time, Duration{1}).count());
        const auto gone = std::min(static_cast<std::uint64_t>(progress.elapsed.count()), whole);
        progress.processed = Bytes{progress.total.count / whole * gone};
        progress.remaining = Bytes{progress.total.count - progress.processed.count};
        progress.iteration = 1;
        progress.throughput_mib_per_s = progress.total.mib() * 1000 / static_cast<double>(whole);
        co_return progress;
    }
    Task<MigrationProgress> completed(HostId, VmId) override {
        MigrationProgress progress;
        progress.phase = MigrationPhase::completed;
        progress.processed = mib(512);
        progress.iteration = 3;
        progress.downtime = Duration{90};
        co_return progress;
    }
    Task<void> abort_migration(HostId, VmId vm) override {
        if (migrating_.contains(vm)) aborted_.insert(vm);
        co_return Result<void>();
    }
    Task<void> set_max_downtime(HostId, VmId, Duration) override { co_return Result<void>(); }
    Task<void> start_post_copy(HostId, VmId) override { co_return Result<void>(); }
    Task<void> resume(HostId host, VmId vm) override {
        if (FakeVm* found = find(host, vm)) found->state = VmState::running;
        co_return Result<void>();
    }
    Task<void> destroy(HostId host, VmId vm) override {
        hosts_by_id.at(host).vms.erase(vm);
        co_return Result<void>();
    }
    Task<void> undefine(HostId host, VmId vm) override {
        hosts_by_id.at(host).vms.erase(vm);
        co_return Result<void>();
    }
    Task<void> set_autostart(HostId host, VmId vm, bool autostart) override {
        if (FakeVm* found = find(host, vm)) found->facts.autostart = autostart;
        co_return Result<void>();
    }

private:
    std::optional<Error> unreachable(const HostId& host) const {
        if (hosts_by_id.at(host).connection == Connection::up) return std::nullopt;
        return Error{ErrorCode::unavailable, host.value, hosts_by_id.at(host).problem};
    }
    FakeVm* find(const HostId& host, const VmId& vm) {
        auto& vms = hosts_by_id.at(host).vms;
        const auto found = vms.find(vm);
        return found == vms.end() || found->second.gone ? nullptr : &found->second;
    }
    static Presence::State state_of(const FakeVm& vm) {
        if (vm.state == VmState::running) return Presence::State::running;
        return vm.state == VmState::paused ? Presence::State::paused : Presence::State::defined;
    }

    // Counters that grow with the clock, as if every VM had always used what it uses now.
    static std::uint64_t used_ns(double cores, Duration up) {
        const auto uptime = std::chrono::duration_cast<std::chrono::nanoseconds>(up);
        return static_cast<std::uint64_t>(static_cast<double>(uptime.count()) * cores);
    }
    std::uint64_t used_ns(double cores) const { return used_ns(cores, clock_.now().time_since_epoch()); }
    VmCounters counters(const VmId& id, const FakeVm& vm) const {
        VmCounters out;
        out.id = id;
        out.name = vm.facts.name;
        out.libvirt_id = vm.libvirt_id;
        out.state = vm.state;
        out.cpu_time_ns = used_ns(vm.cpu_cores);
        out.vcpus_current = vm.facts.vcpus;
        for (unsigned i = 0; i < vm.facts.vcpus; ++i)
            out.vcpus.push_back({used_ns(vm.cpu_cores / vm.facts.vcpus), 0, 0});
        out.balloon_rss = vm.facts.memory;
        return out;
    }
    HostReading reading(const FakeHost& host) const {
        HostReading out;
        out.at = clock_.now();
        double cores = 0;
        Bytes used;
        for (const auto& [id, vm] : host.vms) {
            out.vms.push_back(counters(id, vm));
            cores += vm.cpu_cores;
            used += vm.facts.memory;
        }
        if (host.counted < host.booted) host.busy_ns = 0;
        host.busy_ns += used_ns(std::min(cores, host.facts.cpus), clock_.now() - std::max(host.counted, host.booted));
        host.counted = clock_.now();
        out.host.cpu_busy_ns = host.busy_ns;
        out.host.cpu_idle_ns = used_ns(host.facts.cpus, clock_.now() - host.booted) - host.busy_ns;
        out.host.memory_total = host.facts.memory_total;
        out.host.memory_available = host.facts.memory_total - used;
        return out;
    }

    Clock& clock_;
    std::vector<std::function<void(const HypervisorEvent&)>> listeners_;
    std::map<VmId, Instant> migrating_;
    std::set<VmId> aborted_;
};

}  // namespace ballast::test
