// Memory errors [Linux Documentation/admin-guide/ras.rst; EDAC's files are readable by everybody]. ECC corrects single
// bits; what it cannot correct is lost.
#include <sstream>

#include "health/sources.h"

namespace ballast::health {

namespace {

const std::string controllers = "sys/devices/system/edac/mc";

std::string times(std::int64_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? " error" : " errors");
}

void look_at_controller(const Machine& machine, const std::string& name, Report& report) {
    const auto uncorrected = machine.number(controllers + "/" + name + "/ue_count");
    const auto corrected = machine.number(controllers + "/" + name + "/ce_count");
    if (!uncorrected || !corrected || *uncorrected < 0 || *corrected < 0)
        report.cannot_read(HealthSource::memory_uncorrected, "the error counts of " + name + " cannot be read");
    if (uncorrected && *uncorrected > 0)
        report.tell(
            HealthSource::memory_uncorrected, name,
            "memory controller " + name + " counts " + times(*uncorrected, "uncorrected") + " since the host booted");
    if (corrected && *corrected >= 0)
        report.counters.push_back({HealthSource::memory_corrected, name, static_cast<std::uint64_t>(*corrected)});
}

// Pages that the kernel took out of use, after errors of either kind [mm/memory-failure.c: num_poisoned_pages].
void look_at_pages(const Machine& machine, Report& report) {
    const auto info = machine.text("proc/meminfo");
    std::istringstream lines(info.value_or(""));
    std::string key, unit;
    std::uint64_t kib = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        if (!(words >> key >> kib >> unit) || key != "HardwareCorrupted:") continue;
        if (kib > 0)
            report.tell(HealthSource::memory_corrected, "pages",
                        std::to_string(kib) + " KiB of memory are out of use because of errors");
        return;
    }
    report.cannot_read(HealthSource::memory_corrected, "proc/meminfo does not tell HardwareCorrupted");
}

}  // namespace

void look_at_memory(const Machine& machine, Report& report) {
    bool any = false;
    for (const std::string& name : machine.names(controllers)) {
        if (!name.starts_with("mc") || !machine.exists(controllers + "/" + name + "/ue_count")) continue;
        any = true;
        look_at_controller(machine, name, report);
    }
    if (!any)
        report.cannot_read(HealthSource::memory_uncorrected,
                           "the kernel counts no memory errors here (no EDAC driver)");
    look_at_pages(machine, report);
}

}  // namespace ballast::health
