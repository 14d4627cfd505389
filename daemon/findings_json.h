// Findings (cluster/findings.h) as JSON, both ways. Pure.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <vector>

#include "health/report.h"
#include "ports/power.h"

namespace ballast::daemon {

/// What a member found out.
struct Findings {
    std::vector<HealthProblem> problems;  // of its host, that count
    health::Report report;                // of the probe's last one: energy, uptime and boot
    std::vector<PowerHost> power;         // what its power broker knows
    std::string configuration, version;   // of the member: digest_of(), BALLAST_VERSION
    std::optional<double> time_s;         // the host's clock when it was told, seconds since 1970
};

boost::json::object to_json(const Findings& findings);
/// What is missing or makes no sense is left out: a member may be of another version.
Findings findings_from(const boost::json::object& fields);

/// By source and subject, each once; those of earlier lists first.
std::vector<HealthProblem> together(const std::vector<std::vector<HealthProblem>>& lists);

}  // namespace ballast::daemon
