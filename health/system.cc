// What systemd says: failed units, and whether the kernel's clock is kept right (org.freedesktop.timedate1 asks
// adjtimex(2), which the daemon's own sandbox does not allow). Both answer everybody.
#include <cstring>
#include <memory>
#include <systemd/sd-bus.h>

#include "health/sources.h"
#include "model/names.h"

namespace ballast::health {

namespace {

constexpr std::uint64_t deadline_us = 3'000'000;  // of one call: timedated may have to be started for it

struct Unref {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Unref>;
using Message = std::unique_ptr<sd_bus_message, Unref>;

Bus open_bus() {
    sd_bus* bus = nullptr;
    if (sd_bus_open_system(&bus) < 0) return nullptr;
    sd_bus_set_method_call_timeout(bus, deadline_us);
    return Bus(bus);
}

// Nothing when it does not answer as documented [org.freedesktop.systemd1(5), ListUnitsFiltered].
std::optional<std::vector<std::string>> failed_units(sd_bus* bus) {
    sd_bus_message* answer = nullptr;
    const int called = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                          "org.freedesktop.systemd1.Manager", "ListUnitsFiltered", nullptr, &answer,
                                          "as", 1, "failed");
    const Message owner(answer);
    if (called < 0 || sd_bus_message_enter_container(answer, 'a', "(ssssssouso)") < 0) return std::nullopt;
    std::vector<std::string> units;
    const char* name = nullptr;
    while (sd_bus_message_enter_container(answer, 'r', "ssssssouso") > 0) {
        if (sd_bus_message_read(answer, "s", &name) < 0) return std::nullopt;
        units.emplace_back(name);
        if (sd_bus_message_skip(answer, "sssssouso") < 0 || sd_bus_message_exit_container(answer) < 0)
            return std::nullopt;
    }
    return units;
}

std::optional<bool> synchronised(sd_bus* bus) {
    int value = 0;
    sd_bus_error failure = SD_BUS_ERROR_NULL;
    const int asked =
        sd_bus_get_property_trivial(bus, "org.freedesktop.timedate1", "/org/freedesktop/timedate1",
                                    "org.freedesktop.timedate1", "NTPSynchronized", &failure, 'b', &value);
    sd_bus_error_free(&failure);
    return asked < 0 ? std::nullopt : std::optional(value != 0);
}

}  // namespace

void tell_of_units(const std::vector<std::string>& failed, Report& report) {
    if (failed.empty()) return;
    report.tell(HealthSource::units, "systemd", "failed units: " + names_of(failed));
}

void tell_of_clock(bool is_synchronised, Report& report) {
    if (!is_synchronised) report.tell(HealthSource::clock, "ntp", "nobody keeps its clock right (no NTP)");
}

void look_at_system(const Machine& machine, Report& report) {
    const Bus bus = machine.is_here() ? open_bus() : nullptr;
    const auto units = bus ? failed_units(bus.get()) : std::nullopt;
    const auto clock = bus ? synchronised(bus.get()) : std::nullopt;
    if (units)
        tell_of_units(*units, report);
    else
        report.cannot_read(HealthSource::units, "systemd does not answer");
    if (clock)
        tell_of_clock(*clock, report);
    else
        report.cannot_read(HealthSource::clock, "systemd-timedated does not answer");
}

}  // namespace ballast::health
