// A cluster as consolidation sees it, in dense form: hosts and VMs are numbers, CPU is in whatever unit the caller
// measures (CPUs, MHz, MIPS) and the same everywhere. The daemon and the simulator fill it alike. Values only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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
    bool warm = false;             // without VMs but running: opened before one that has to be switched on
    bool receives = true;          // may be a target; if it is off, it may be switched on
    bool failing = false;          // emptied before others
    bool takes_over = false;       // without VMs, but filled as if it were in use, so that another one has its turn
    double went_off = -unlimited;  // when it went off last, in any unit: the least is the next whose turn it is
    double most_now = unlimited;   // what its VMs want right now may reach this when one comes
};

struct VmSlot {
    HostIndex home = 0;
    double size = 0;                  // most CPU it can use
    double memory = 0;                // MiB
    double now = 0;                   // CPU it wants, as measured last
    std::span<const double> history;  // the same at past decisions, oldest first, `now` last; never empty
    double since_move_s = unlimited;  // since its last move began
    bool movable = true;              // false: under way, or not to be touched
    double forecast = 0;              // CPU it is expected to want in the hours to come; 0 where nothing is forecast
};

/// Requires: every home is a host; a VM that is under way counts where it is going.
struct Problem {
    std::vector<HostSlot> hosts;
    std::vector<VmSlot> vms;
    /// What figures do not say: may the VM join those there? Empty: it may. Asked only where the figures agree.
    std::function<bool(VmIndex, HostIndex, std::span<const VmIndex> there)> allows;
    /// May this host do without VMs, when those that are true do already? Empty: every host may.
    std::function<bool(HostIndex, const std::vector<bool>& emptied)> may_be_empty;
    std::size_t most_moves = std::numeric_limits<std::size_t>::max();
    bool relieves = true;  // false: somebody else relieves hosts whose VMs want more than there is
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
