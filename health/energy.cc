// RAPL's energy counters [Linux Documentation/power/powercap/powercap.rst; Intel SDM vol. 3B, 15.10]: one a processor
// package, in it one of its memory where the processor tells, and "psys" of the whole platform on some machines. Also
// of AMD's processors, under the same name. Only root may read them since CVE-2020-8694, as they betray what the
// machine computes. The zones of intel-rapl-mmio count the same packages once more.
#include <algorithm>
#include <cstdlib>

#include "health/sources.h"

namespace ballast::health {

namespace {

const std::string folder = "sys/class/powercap/";

std::string name_of(const Machine& machine, const std::string& zone) {
    return machine.line(folder + zone + "/name").value_or("");
}

// Empty for zones that are parts of others: cores and graphics.
std::string name_of_counted(const Machine& machine, const std::string& zone) {
    const std::string name = name_of(machine, zone);
    const auto package = zone.rfind(':');
    const bool is_part = package != zone.find(':');
    if (!is_part) return name.starts_with("package") || name == "psys" ? name : std::string();
    return name == "dram" ? name_of(machine, zone.substr(0, package)) + "/" + name : std::string();
}

std::optional<double> uptime(const Machine& machine) {
    const auto line = machine.line("proc/uptime");
    if (!line) return std::nullopt;
    char* end = nullptr;
    const double seconds = std::strtod(line->c_str(), &end);
    return end != line->c_str() && seconds >= 0 ? std::optional(seconds) : std::nullopt;
}

}  // namespace

void look_at_energy(const Machine& machine, Report& report) {
    std::size_t unread = 0;
    for (const std::string& zone : machine.names("sys/class/powercap")) {
        const std::string name = zone.starts_with("intel-rapl:") ? name_of_counted(machine, zone) : std::string();
        if (name.empty()) continue;
        const auto used = machine.number(folder + zone + "/energy_uj");
        const auto range = machine.number(folder + zone + "/max_energy_range_uj");
        if (used && *used >= 0)
            report.energy.push_back({name, static_cast<std::uint64_t>(*used),
                                     static_cast<std::uint64_t>(std::max<std::int64_t>(0, range.value_or(0)))});
        else
            ++unread;
    }
    if (unread > 0)
        report.cannot_read(HealthSource::unread,
                           "RAPL's energy counters are for root only here (CVE-2020-8694); see docs/power.md");
    if (!report.energy.empty()) report.uptime_s = uptime(machine);
}

}  // namespace ballast::health
