// Stalls [Linux Documentation/accounting/psi.rst]: "full" is the share of time in which nothing at all went on because
// everything waited.
#include <cstdio>

#include "health/sources.h"

namespace ballast::health {

namespace {
// Of a minute. systemd-oomd begins to kill at 60 % of half a minute [oomd.conf(5), DefaultMemoryPressureLimit=].
constexpr double most_full = 60;

std::optional<double> full_avg60(const std::string& text) {
    const auto full = text.find("full ");
    double avg10 = 0, avg60 = 0;
    if (full == std::string::npos) return std::nullopt;
    if (std::sscanf(text.c_str() + full, "full avg10=%lf avg60=%lf", &avg10, &avg60) != 2) return std::nullopt;
    return avg60;
}

void look_at(const Machine& machine, const std::string& resource, const std::string& waits_for, Report& report) {
    const auto share = full_avg60(machine.text("proc/pressure/" + resource).value_or(""));
    if (!share) return report.cannot_read(HealthSource::pressure, "proc/pressure/" + resource + " cannot be read");
    char figure[32];
    std::snprintf(figure, sizeof figure, "%.0f%%", *share);
    if (*share >= most_full)
        report.tell(HealthSource::pressure, resource,
                    "everything waited for " + waits_for + " during " + figure + " of the last minute");
}
}  // namespace

void look_at_pressure(const Machine& machine, Report& report) {
    look_at(machine, "memory", "memory", report);
    look_at(machine, "io", "disks", report);
}

}  // namespace ballast::health
