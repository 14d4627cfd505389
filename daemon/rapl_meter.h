// What a host's processors and memory draw, from RAPL's counters as `ballast-health` reports them. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "health/report.h"

namespace ballast::daemon {

/// Watts, over the time since the reading before.
struct RaplReading {
    double watts = 0;
    bool platform = false;  // of the whole platform (psys), not of its processors and memory only
};

class RaplMeter {
public:
    /// Takes up what was used since the report before this one. What cannot be told is left out: a counter that is new,
    /// that may have begun anew more than once meanwhile, or that began anew with a boot.
    void note(const health::Report& report);
    /// The mean of what was noted since the last call; nothing when nothing was.
    std::optional<RaplReading> take();

private:
    struct Sums {
        double joules = 0, seconds = 0;
    };
    void add(const health::Report& report, double seconds);

    std::map<std::string, health::EnergyCounter> last_;  // by zone
    std::optional<double> last_uptime_s_;
    Sums platform_, parts_;
};

}  // namespace ballast::daemon
