// Machine checks: /proc/interrupts counts exceptions (MCE) apart from polls (MCP), for everybody to read, while
// /sys/devices/system/machinecheck has settings only and /dev/mcelog is root's [arch/x86/kernel/irq.c; man proc(5)].
// An exception is an error that hardware could not correct; the kernel went on because it could do without what it hit.
#include <sstream>

#include "health/sources.h"

namespace ballast::health {

void look_at_machine_checks(const Machine& machine, Report& report) {
    const auto interrupts = machine.text("proc/interrupts");
    if (!interrupts) return report.cannot_read(HealthSource::machine_check, "proc/interrupts cannot be read");
    std::istringstream lines(*interrupts);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string name;
        if (!(words >> name) || name != "MCE:") continue;
        std::uint64_t sum = 0, count = 0;
        while (words >> count) sum += count;
        if (sum > 0)
            report.tell(HealthSource::machine_check, "cpu",
                        "machine check exceptions since the host booted: " + std::to_string(sum));
        return;
    }
    report.cannot_read(HealthSource::machine_check, "the kernel counts no machine checks here");
}

}  // namespace ballast::health
