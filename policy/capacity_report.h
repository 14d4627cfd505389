// How much room is left: totals, whether any one host's loss can be absorbed (N+1), the largest VM that still fits, and
// the hosts that could be off. Pure.
#pragma once

#include <optional>
#include <vector>

#include "policy/loss.h"

namespace ballast::policy {

/// Of the hosts that take VMs. CPU in cores, memory in bytes.
struct Room {
    double total = 0;
    double reserved = 0;  // stays free whatever is planned
    double demand = 0;    // what VMs and hosts want (CPU), what is in use by measurement (memory)
    double promised = 0;  // vCPUs, and the most that the VMs can take of memory
    double free = 0;      // what a newcomer may have, summed over the hosts
};

/// Whether one host's VMs find a place elsewhere when it fails.
struct LossVerdict {
    HostId host;
    std::size_t vms = 0;
    std::vector<Rejection> stranded;
};

/// A VM that would still find a place.
struct LargestVm {
    HostId host;
    Bytes memory;
    double cpu_cores = 0;
};

struct CapacityReport {
    std::vector<HostId> counted;      // up, fresh, not in maintenance, not degraded and not excluded
    std::vector<HostId> not_counted;  // all others
    Room cpu, memory;
    std::vector<LossVerdict> losses;             // each host with VMs that was tried, by id
    std::size_t losses_not_tried = 0;            // in a cluster so large that only the fullest hosts were tried
    bool survives_any_loss = false;              // of those tried
    std::optional<LargestVm> by_memory, by_cpu;  // nothing: no VM at all
    /// Hosts whose VMs could all be moved away, one after the other, the emptiest first: every other host stays below
    /// its upper CPU limit and keeps its reserve, and if any one loss can be absorbed now, that of the fullest host
    /// still can.
    std::vector<HostId> could_be_off;
    std::size_t off_not_tried = 0;  // in a cluster so large that only the emptiest hosts were tried
};

/// What a report may cost, in questions whether one VM could be on one host; each takes about ten microseconds.
inline constexpr double questions_at_once =
    2e5;  // for somebody who holds others up: 100 hosts with 20 VMs each in full
inline constexpr double questions_in_peace = 1e7;

CapacityReport capacity(const Inventory& inventory, const Memory& memory, const Options& options, Instant now,
                        double most_questions);

}  // namespace ballast::policy
