// What `ballastctl doctor --bundle` collects: everything that supporters ask for first, and no secret. Blocks.
#pragma once

#include <string>
#include <vector>

#include "cli/doctor.h"
#include "config/daemon_options.h"

namespace ballast::cli {

struct BundleSaid {
    std::string bytes{};  // the .tar.gz
    std::size_t files = 0;
    std::vector<std::string> missing{};  // what could not be had, and why
};

/// Configuration, policy, the daemon's answers, metrics, journal, versions and `report`, each through
/// without_secrets(). What cannot be had is named in `missing`, and in the bundle.
Result<BundleSaid> collect(Session& session, const DoctorWish& wish, const config::DaemonOptions& options,
                           const value& report);

}  // namespace ballast::cli
