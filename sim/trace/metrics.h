// What a simulated day cost and how well it served its VMs, in the terms of the published experiment [Beloglazov and
// Buyya 2012, section 6.3], pooled as CloudSim 3.0.3 computes them.
#pragma once

#include <cstddef>

namespace ballast::sim::trace {

struct Metrics {
    double energy_kwh = 0;
    std::size_t migrations = 0;
    std::size_t refused_moves = 0;  // asked for, but the target's memory was full (honest rules only)
    std::size_t shutdowns = 0;
    std::size_t vanished_vms = 0;
    // Host time in seconds. A host is in violation while any of its VMs, those coming included, gets less than it
    // asks for; it is overloaded while what its own VMs ask for exceeds its capacity.
    double active_s = 0, violation_s = 0, overload_s = 0;
    // MIPS seconds over all VMs.
    double requested = 0, allocated = 0, lost_in_migration = 0;

    /// SLA violation time per active host: share of active host time in violation.
    double slatah() const { return active_s > 0 ? violation_s / active_s : 0; }
    /// Performance degradation due to migrations: share of the requested CPU lost while VMs were under way.
    double pdm() const { return requested > 0 ? lost_in_migration / requested : 0; }
    double slav() const { return slatah() * pdm(); }
    /// Energy and SLA violation in one figure: kWh * SLAV.
    double esv() const { return energy_kwh * slav(); }
    /// Share of the requested CPU that VMs did not get, for whatever reason.
    double shortage() const { return requested > 0 ? (requested - allocated) / requested : 0; }
    double overload() const { return active_s > 0 ? overload_s / active_s : 0; }
    /// Hosts with load, mean over the day of 86,400 s.
    double mean_active_hosts() const { return active_s / 86400; }
};

}  // namespace ballast::sim::trace
