// What is wrong with a host that still answers. Values only: what is to be done about it is the policy's business.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ballast {

/// Where a problem was seen; docs/faults.md says what each one reads.
enum class HealthSource {
    memory_uncorrected,  // memory lost data, and does not say when it will do so again
    memory_corrected,    // memory errors are still corrected, but many of them
    machine_check,       // the processor reported errors that it could not correct
    temperature,         // as hot as the hardware bears, or hotter
    disk,                // a disk of its own says that it fails
    network,             // guests are cut off: a bridge's way out has no carrier
    link,                // the network works, but slower or with less in reserve than before
    storage,             // a path to storage is lost
    units,               // services of the system failed
    pressure,            // everything on it waits for memory or disks
    libvirt,             // its libvirt fails again and again
    clock,               // its clock is wrong, or nobody keeps it right
    check,               // a check command of the operator says so
    unread,              // one of the above could not be looked at
};
inline constexpr HealthSource all_health_sources[] = {HealthSource::memory_uncorrected,
                                                      HealthSource::memory_corrected,
                                                      HealthSource::machine_check,
                                                      HealthSource::temperature,
                                                      HealthSource::disk,
                                                      HealthSource::network,
                                                      HealthSource::link,
                                                      HealthSource::storage,
                                                      HealthSource::units,
                                                      HealthSource::pressure,
                                                      HealthSource::libvirt,
                                                      HealthSource::clock,
                                                      HealthSource::check,
                                                      HealthSource::unread};
std::string to_string(HealthSource source);
std::optional<HealthSource> health_source_from(const std::string& name);

struct HealthProblem {
    HealthSource source = HealthSource::check;
    std::string subject;  // what of it: "mc0", "eth1", the name of a check; may be empty
    std::string text;     // for people, without the subject's host: "eth1 has lost its carrier"

    friend bool operator==(const HealthProblem&, const HealthProblem&) = default;
};

}  // namespace ballast
