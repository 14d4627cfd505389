// What is looked at, one source a file. Each adds what it finds to the report, and says what it could not read; none
// fails, and none holds up the others. docs/faults.md has a row for each.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "health/machine.h"
#include "health/report.h"
#include "service/children.h"

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

/// SMART, by smartctl [smartmontools 7]: `tool` is its path. Only root may ask disks: `privileged`.
boost::asio::awaitable<void> look_at_disks(service::Children& children, Machine machine, std::string tool,
                                           bool privileged, Report& report);

}  // namespace ballast::health
