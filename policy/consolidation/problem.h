// A cluster as consolidation sees it, in dense form: hosts and VMs are numbers, CPU is in whatever unit the caller
// measures (CPUs, MHz, MIPS) and the same everywhere. The daemon and the simulator fill it alike. Values only.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace ballast::policy::consolidation {

using HostIndex = std::uint32_t;
using VmIndex = std::uint32_t;
inline constexpr double unlimited = std::numeric_limits<double>::infinity();

struct HostSlot {
    double cpu = 0;         // what it can give to VMs
    double core = 0;        // most it can give to one VM
    double memory = 0;      // MiB it can give to VMs; `unlimited` where memory does not limit
    double full_watts = 0;  // at full load: what its CPU costs when it is well used
    bool on = false;
    bool receives = true;  // may be a target; if it is off, it may be switched on
};

struct VmSlot {
    HostIndex home = 0;
    double size = 0;                  // most CPU it can use
    double memory = 0;                // MiB
    double now = 0;                   // CPU it wants, as measured last
    std::span<const double> history;  // the same at past decisions, oldest first, `now` last; never empty
    double since_move_s = unlimited;  // since its last move began
    bool movable = true;              // false: under way, or not to be touched
};

/// Requires: every home is a host; a VM that is under way counts where it is going.
struct Problem {
    std::vector<HostSlot> hosts;
    std::vector<VmSlot> vms;
};

struct Move {
    VmIndex vm;
    HostIndex to;
    friend bool operator==(const Move&, const Move&) = default;
};

struct Decision {
    std::vector<Move> moves;  // to be started together, in this order
    std::vector<bool> on;     // which hosts hold VMs once the moves are done, by host; the others may be off
    friend bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace ballast::policy::consolidation
