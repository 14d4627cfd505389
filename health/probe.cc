#include "health/sources.h"

namespace ballast::health {

void look_at_all(const Machine& machine, Report& report) {
    for (const auto look : {look_at_memory, look_at_machine_checks, look_at_temperature, look_at_network,
                            look_at_storage, look_at_pressure, look_at_energy, look_at_system})
        look(machine, report);
    report.boot_id = machine.line("proc/sys/kernel/random/boot_id").value_or("");
}

}  // namespace ballast::health
