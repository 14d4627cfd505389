#include "hypervisor/domain_stats.h"

#include <charconv>
#include <string_view>

namespace ballast::hypervisor {

namespace {
std::optional<std::uint64_t> number(const virTypedParameter& p) {
    switch (p.type) {
        case VIR_TYPED_PARAM_INT: return p.value.i < 0 ? std::nullopt : std::optional<std::uint64_t>(p.value.i);
        case VIR_TYPED_PARAM_UINT: return p.value.ui;
        case VIR_TYPED_PARAM_LLONG: return p.value.l < 0 ? std::nullopt : std::optional<std::uint64_t>(p.value.l);
        case VIR_TYPED_PARAM_ULLONG: return p.value.ul;
        default: return std::nullopt;
    }
}

void add(std::optional<Bytes>& total, std::uint64_t bytes) {
    total = total.value_or(Bytes{}) + Bytes{bytes};
}

bool eat(std::string_view& name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return false;
    name.remove_prefix(prefix.size());
    return true;
}

// "3.delay" -> 3, leaving "delay".
std::optional<unsigned> eat_index(std::string_view& name) {
    unsigned index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error != std::errc{} || end == name.data() + name.size() || *end != '.' || index > 4096) return std::nullopt;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()) + 1);
    return index;
}

void read_vcpu(VmCounters& vm, std::string_view name, std::uint64_t value) {
    if (name == "current") vm.vcpus_current = static_cast<unsigned>(value);
    const auto index = eat_index(name);
    if (!index) return;
    if (vm.vcpus.size() <= *index) vm.vcpus.resize(*index + 1);
    VcpuCounters& vcpu = vm.vcpus[*index];
    if (name == "time") vcpu.time_ns = value;
    if (name == "delay") vcpu.delay_ns = value;
    if (name == "wait") vcpu.wait_ns = value;
}

void read_balloon(VmCounters& vm, std::string_view name, std::uint64_t value) {
    const Bytes bytes = kib(value);
    if (name == "current") vm.balloon_current = bytes;
    if (name == "maximum") vm.balloon_maximum = bytes;
    if (name == "rss") vm.balloon_rss = bytes;
    if (name == "unused") vm.balloon_unused = bytes;
    if (name == "usable") vm.balloon_usable = bytes;
    if (name == "available") vm.balloon_available = bytes;
    if (name == "swap_in") vm.swap_in = bytes;
    if (name == "swap_out") vm.swap_out = bytes;
    if (name == "major_fault") vm.major_faults = value;
}

void read_block(VmCounters& vm, std::string_view name, std::uint64_t value) {
    if (!eat_index(name)) return;
    if (name == "rd.bytes") add(vm.block_read, value);
    if (name == "wr.bytes") add(vm.block_written, value);
}

void read_net(VmCounters& vm, std::string_view name, std::uint64_t value) {
    if (!eat_index(name)) return;
    if (name == "rx.bytes") add(vm.net_received, value);
    if (name == "tx.bytes") add(vm.net_sent, value);
}

void read(VmCounters& vm, std::string_view name, std::uint64_t value) {
    if (name == "state.state") vm.state = vm_state_from(static_cast<int>(value));
    if (name == "cpu.time") vm.cpu_time_ns = value;
    if (name == "dirtyrate.megabytes_per_second") vm.dirty_rate_mib_per_s = static_cast<double>(value);
    if (eat(name, "vcpu.")) read_vcpu(vm, name, value);
    if (eat(name, "balloon.")) read_balloon(vm, name, value);
    if (eat(name, "block.")) read_block(vm, name, value);
    if (eat(name, "net.")) read_net(vm, name, value);
}

// libvirt takes cpu.time from the cpuacct cgroup; where hosts run guests without cgroups the vCPU threads' own time
// stands in (it leaves out the emulator's threads).
std::optional<std::uint64_t> vcpu_time(const VmCounters& vm) {
    std::optional<std::uint64_t> sum;
    for (const VcpuCounters& vcpu : vm.vcpus)
        if (vcpu.time_ns) sum = sum.value_or(0) + *vcpu.time_ns;
    return sum;
}

MigrationPhase phase_of(int type) {
    switch (type) {
        case VIR_DOMAIN_JOB_NONE: return MigrationPhase::none;
        case VIR_DOMAIN_JOB_COMPLETED: return MigrationPhase::completed;
        case VIR_DOMAIN_JOB_FAILED: return MigrationPhase::failed;
        case VIR_DOMAIN_JOB_CANCELLED: return MigrationPhase::cancelled;
        default: return MigrationPhase::copying;
    }
}

constexpr double mib_in_bytes = 1024.0 * 1024.0;

void read(MigrationProgress& progress, std::string_view name, std::uint64_t value) {
    const auto as_double = static_cast<double>(value);
    if (name == VIR_DOMAIN_JOB_TIME_ELAPSED) progress.elapsed = Duration(value);
    if (name == VIR_DOMAIN_JOB_DATA_TOTAL) progress.total = {value};
    if (name == VIR_DOMAIN_JOB_DATA_PROCESSED) progress.processed = {value};
    if (name == VIR_DOMAIN_JOB_DATA_REMAINING) progress.remaining = {value};
    if (name == VIR_DOMAIN_JOB_DISK_TOTAL) progress.disk_total = {value};
    if (name == VIR_DOMAIN_JOB_DISK_PROCESSED) progress.disk_processed = {value};
    if (name == VIR_DOMAIN_JOB_MEMORY_ITERATION) progress.iteration = static_cast<unsigned>(value);
    if (name == VIR_DOMAIN_JOB_DOWNTIME) progress.downtime = Duration(value);
    if (name == VIR_DOMAIN_JOB_MEMORY_BPS) progress.throughput_mib_per_s = as_double / mib_in_bytes;
    if (name == VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE) progress.auto_converge_percent = static_cast<unsigned>(value);
}
}  // namespace

VmState vm_state_from(int libvirt_state) {
    switch (libvirt_state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED: return VmState::running;
        case VIR_DOMAIN_PAUSED:
        case VIR_DOMAIN_PMSUSPENDED: return VmState::paused;
        case VIR_DOMAIN_SHUTOFF: return VmState::shut_off;
        case VIR_DOMAIN_CRASHED: return VmState::crashed;
        default: return VmState::other;
    }
}

VmCounters counters_from(const virTypedParameter* parameters, int count) {
    VmCounters vm;
    for (int i = 0; i < count; ++i)
        if (const auto value = number(parameters[i])) read(vm, parameters[i].field, *value);
    if (!vm.cpu_time_ns) vm.cpu_time_ns = vcpu_time(vm);
    return vm;
}

MigrationProgress progress_from(int type, const virTypedParameter* parameters, int count) {
    MigrationProgress progress;
    progress.phase = phase_of(type);
    std::uint64_t pages_per_s = 0, page_size = 0;
    for (int i = 0; i < count; ++i) {
        const std::string_view name = parameters[i].field;
        const auto value = number(parameters[i]);
        if (!value) continue;
        read(progress, name, *value);
        if (name == VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE) pages_per_s = *value;
        if (name == VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE) page_size = *value;
        // Only migrations interest us; a backup or a dump is no migration.
        if (name == VIR_DOMAIN_JOB_OPERATION && *value != VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT &&
            *value != VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN)
            return {};
    }
    if (page_size > 0) progress.dirty_rate_mib_per_s = static_cast<double>(pages_per_s * page_size) / mib_in_bytes;
    return progress;
}

}  // namespace ballast::hypervisor
