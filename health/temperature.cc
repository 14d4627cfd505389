// Temperatures: thermal zones and their trip points [Linux Documentation/driver-api/thermal/sysfs-api.rst], and hwmon's
// sensors with their critical limit [Documentation/hwmon/sysfs-interface.rst]. Millidegrees. Alarm bits are not asked:
// some chips keep them until they are read, and tell of what is over.
#include <cstdio>

#include "health/sources.h"

namespace ballast::health {

namespace {

// At a critical trip point the kernel powers the machine off: too late by then.
constexpr std::int64_t critical_margin = 5000;
// What firmware leaves unset comes as 0, as absolute zero or as 65,261,850 (nvme): no limit of any chip is beyond
// these.
constexpr std::int64_t least_limit = 20'000, most_limit = 150'000;

bool is_limit(const std::optional<std::int64_t>& value) {
    return value && *value >= least_limit && *value <= most_limit;
}

std::string degrees(std::int64_t millidegrees) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f C", static_cast<double>(millidegrees) / 1000);
    return text;
}

void tell(Report& report, const std::string& subject, const std::string& what, std::int64_t now, std::int64_t limit) {
    report.tell(HealthSource::temperature, subject,
                what + " is at " + degrees(now) + ", its limit is " + degrees(limit));
}

void look_at_zone(const Machine& machine, const std::string& zone, Report& report) {
    const std::string path = "sys/class/thermal/" + zone + "/";
    const auto now = machine.number(path + "temp");
    if (!now) return;  // zones of devices that sleep have none
    for (int trip = 0; machine.exists(path + "trip_point_" + std::to_string(trip) + "_type"); ++trip) {
        const std::string point = path + "trip_point_" + std::to_string(trip);
        const std::string type = machine.line(point + "_type").value_or("");
        const auto limit = machine.number(point + "_temp");
        if (!is_limit(limit)) continue;
        const bool hot = type == "hot" && *now >= *limit;
        const bool critical = type == "critical" && *now >= *limit - critical_margin;
        if (hot || critical)
            tell(report, zone, zone + " (" + machine.line(path + "type").value_or("?") + ")", *now, *limit);
    }
}

void look_at_sensor(const Machine& machine, const std::string& chip, const std::string& sensor, Report& report) {
    const std::string path = "sys/class/hwmon/" + chip + "/" + sensor;
    if (machine.number(path + "_fault").value_or(0) != 0) return;
    const auto now = machine.number(path + "_input"), limit = machine.number(path + "_crit");
    if (!now || !is_limit(limit) || *now < *limit) return;
    const std::string name = machine.line("sys/class/hwmon/" + chip + "/name").value_or(chip);
    tell(report, chip + "/" + sensor, name + " " + machine.line(path + "_label").value_or(sensor), *now, *limit);
}

}  // namespace

void look_at_temperature(const Machine& machine, Report& report) {
    bool any = false;
    for (const std::string& zone : machine.names("sys/class/thermal")) {
        if (!zone.starts_with("thermal_zone")) continue;
        any = true;
        look_at_zone(machine, zone, report);
    }
    for (const std::string& chip : machine.names("sys/class/hwmon"))
        for (const std::string& file : machine.names("sys/class/hwmon/" + chip)) {
            if (!file.starts_with("temp") || !file.ends_with("_input")) continue;
            any = true;
            look_at_sensor(machine, chip, file.substr(0, file.size() - 6), report);
        }
    if (!any) report.cannot_read(HealthSource::temperature, "the kernel knows no sensor here");
}

}  // namespace ballast::health
