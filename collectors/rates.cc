#include "collectors/rates.h"

#include <algorithm>

namespace ballast::collectors {

namespace {

constexpr double ns_per_s = 1e9;

// The growth of a cumulative counter; nothing when it is unknown or was reset.
std::optional<double> growth(std::optional<std::uint64_t> before, std::optional<std::uint64_t> now) {
    if (!before || !now || *now < *before) return std::nullopt;
    return static_cast<double>(*now - *before);
}

std::optional<double> per_second(std::optional<std::uint64_t> before, std::optional<std::uint64_t> now,
                                 double seconds) {
    const auto grown = growth(before, now);
    return grown && seconds > 0 ? std::optional(*grown / seconds) : std::nullopt;
}

std::optional<double> mib_per_second(std::optional<Bytes> before, std::optional<Bytes> now, double seconds) {
    if (!before || !now || *now < *before || seconds <= 0) return std::nullopt;
    return (*now - *before).mib() / seconds;
}

std::optional<double> cores(std::optional<std::uint64_t> before_ns, std::optional<std::uint64_t> now_ns,
                            double seconds) {
    const auto rate = per_second(before_ns, now_ns, seconds);
    return rate ? std::optional(*rate / ns_per_s) : std::nullopt;
}

// Mean over the vCPUs that report it, of the share of wall time spent waiting for a CPU.
std::optional<double> ready_ratio(const VmCounters& before, const VmCounters& now, double seconds) {
    double sum = 0;
    unsigned known = 0;
    for (std::size_t i = 0; i < std::min(before.vcpus.size(), now.vcpus.size()); ++i)
        if (const auto waited = cores(before.vcpus[i].delay_ns, now.vcpus[i].delay_ns, seconds)) {
            sum += std::min(*waited, 1.0);
            ++known;
        }
    return known > 0 ? std::optional(sum / known) : std::nullopt;
}

VmLoad gauges(const VmCounters& now) {
    VmLoad load;
    load.memory_rss = now.balloon_rss;
    load.memory_balloon = now.balloon_current;
    load.memory_usable = now.balloon_usable;
    load.dirty_rate_mib_per_s = now.dirty_rate_mib_per_s;
    return load;
}

VmLoad load_from(const VmCounters& before, const VmCounters& now, double seconds) {
    VmLoad load = gauges(now);
    load.cpu_used_cores = cores(before.cpu_time_ns, now.cpu_time_ns, seconds);
    load.ready_ratio = ready_ratio(before, now, seconds);
    load.swap_in_mib_per_s = mib_per_second(before.swap_in, now.swap_in, seconds);
    load.major_faults_per_s = per_second(before.major_faults, now.major_faults, seconds);
    load.block_read_mib_per_s = mib_per_second(before.block_read, now.block_read, seconds);
    load.block_write_mib_per_s = mib_per_second(before.block_written, now.block_written, seconds);
    load.net_rx_mib_per_s = mib_per_second(before.net_received, now.net_received, seconds);
    load.net_tx_mib_per_s = mib_per_second(before.net_sent, now.net_sent, seconds);
    return load;
}

const VmCounters* same_run(const std::optional<HostReading>& before, const VmCounters& vm) {
    if (!before) return nullptr;
    for (const VmCounters& old : before->vms)
        if (old.id == vm.id) return old.libvirt_id == vm.libvirt_id ? &old : nullptr;
    return nullptr;
}

std::optional<CpuCounted> counted_since_boot(const HostReading& reading) {
    if (!reading.host.cpu_busy_ns || !reading.host.cpu_idle_ns) return std::nullopt;
    return CpuCounted{*reading.host.cpu_busy_ns, *reading.host.cpu_busy_ns + *reading.host.cpu_idle_ns};
}

}  // namespace

Sample sample_from(const std::optional<HostReading>& before, const HostReading& now) {
    Sample sample;
    sample.at = now.at;
    const double seconds = before ? std::chrono::duration<double>(now.at - before->at).count() : 0;
    sample.load.memory_available = now.host.memory_available;
    sample.load.free_huge_pages = now.host.free_huge_pages;
    sample.counted = counted_since_boot(now);
    if (before) {
        sample.load.cpu_used_cores = cores(before->host.cpu_busy_ns, now.host.cpu_busy_ns, seconds);
        sample.load.swap_in_mib_per_s = mib_per_second(before->host.swap_in, now.host.swap_in, seconds);
    }
    for (const VmCounters& vm : now.vms) {
        const VmCounters* old = same_run(before, vm);
        sample.vms[vm.id] = {vm.name, vm.state, vm.libvirt_id,
                             old != nullptr ? load_from(*old, vm, seconds) : gauges(vm)};
    }
    return sample;
}

}  // namespace ballast::collectors
