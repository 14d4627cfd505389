// From two readings to loads: the arithmetic of counters. Pure; any thread.
#pragma once

#include <map>
#include <optional>

#include "model/counters.h"
#include "model/host.h"
#include "model/vm.h"

namespace ballast::collectors {

/// What a host's CPUs have counted since its boot, all of them.
struct CpuCounted {
    std::uint64_t busy_ns = 0;
    std::uint64_t total_ns = 0;  // busy and idle
};

/// What one sampling pass over a host gave.
struct Sample {
    Instant at;
    HostLoad load;
    struct SampledVm {
        std::string name;
        VmState state = VmState::other;
        int libvirt_id = -1;
        VmLoad load;
    };
    std::map<VmId, SampledVm> vms;
    std::optional<CpuCounted> counted;
};

/// Rates between two readings of one host. Gauges come from `now` alone. A counter that is missing in either
/// reading or ran backwards gives no rate, and neither does a VM that was started anew in between: unknown, not zero.
Sample sample_from(const std::optional<HostReading>& before, const HostReading& now);

}  // namespace ballast::collectors
