// What libvirt and the kernel count, as read: cumulative, not yet rates. collectors/ turns two readings into a load.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/units.h"
#include "model/vm.h"

namespace ballast {

struct VcpuCounters {
    std::optional<std::uint64_t> time_ns;
    std::optional<std::uint64_t> delay_ns;  // vcpu.N.delay: runnable but waiting for a CPU
    std::optional<std::uint64_t> wait_ns;   // vcpu.N.wait: waiting for IO
};

/// One domain's record of virConnectGetAllDomainStats [libvirt 9.0 src/libvirt-domain.c].
struct VmCounters {
    VmId id;
    std::string name;
    int libvirt_id = -1;  // changes when the guest was started anew
    VmState state = VmState::other;
    std::optional<std::uint64_t> cpu_time_ns;
    std::vector<VcpuCounters> vcpus;
    unsigned vcpus_current = 0;
    std::optional<Bytes> balloon_current, balloon_maximum, balloon_rss, balloon_unused, balloon_usable,
        balloon_available;
    std::optional<Bytes> swap_in, swap_out;          // cumulative
    std::optional<std::uint64_t> major_faults;       // cumulative
    std::optional<Bytes> block_read, block_written;  // cumulative, all disks
    std::optional<Bytes> net_received, net_sent;     // cumulative, all interfaces
    std::optional<double> dirty_rate_mib_per_s;      // last virDomainStartDirtyRateCalc
    bool block_job = false;
};

struct HostCounters {
    std::optional<std::uint64_t> cpu_busy_ns;  // user + system + intr, all CPUs
    std::optional<std::uint64_t> cpu_idle_ns;  // idle + iowait
    std::optional<Bytes> memory_total;
    std::optional<Bytes> memory_available;           // free + buffers + cached
    std::optional<Bytes> swap_in;                    // cumulative; only where the host is local
    std::map<Bytes, std::uint64_t> free_huge_pages;  // by page size, over all cells; a missing size: not known
};

/// One pass over one host: host counters and every domain, taken at `at`.
struct HostReading {
    Instant at;
    HostCounters host;
    std::vector<VmCounters> vms;
};

}  // namespace ballast
