// What is looked at, one source a file. Each adds what it finds to the report, and says what it could not read; none
// fails, and none holds up the others. docs/faults.md has a row for each.
#pragma once

#include <string>
#include <vector>

#include "health/machine.h"
#include "health/report.h"
#include "model/units.h"

namespace ballast::health {

void look_at_memory(const Machine& machine, Report& report);
void look_at_machine_checks(const Machine& machine, Report& report);
void look_at_temperature(const Machine& machine, Report& report);
void look_at_network(const Machine& machine, Report& report);
void look_at_storage(const Machine& machine, Report& report);
void look_at_pressure(const Machine& machine, Report& report);
/// Nothing that could be wrong: what the machine's processors and memory use.
void look_at_energy(const Machine& machine, Report& report);
/// Over the system bus, so of this machine only: failed units, and whether the clock is kept right.
void look_at_system(const Machine& machine, Report& report);
void tell_of_units(const std::vector<std::string>& failed, Report& report);
void tell_of_clock(bool synchronised, Report& report);

/// All of the above.
void look_at_all(const Machine& machine, Report& report);

/// How disks are asked.
struct SmartOptions {
    std::string tool = "/usr/sbin/smartctl";
    bool privileged = true;  // only root may ask disks
    // All disks are asked at once. A healthy one answers within a second; ballastd waits 10 s for the whole look, of
    // which ssh alone may take half [config/daemon_options.h].
    Duration deadline = std::chrono::seconds{5};
};

/// SMART, by smartctl [smartmontools 7]. Returns within the deadline and twice service::time_to_die.
void look_at_disks(const Machine& machine, const SmartOptions& options, Report& report);

}  // namespace ballast::health
