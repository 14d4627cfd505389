#include "daemon/rapl_meter.h"

namespace ballast::daemon {

namespace {

// No package draws more, with a good margin: what it could use meanwhile tells whether its counter may have begun anew
// twice. Counters of 65 kJ, the smallest there are, may so be a minute apart.
constexpr double most_watts = 1000;
constexpr double joules_per_microjoule = 1e-6;

// Joules from one reading to the next; nothing when they do not tell.
std::optional<double> used_between(const health::EnergyCounter& before, const health::EnergyCounter& now,
                                   double seconds) {
    const double range = static_cast<double>(now.range) * joules_per_microjoule;
    if (now.range > 0 && seconds * most_watts >= range) return std::nullopt;
    if (now.microjoules >= before.microjoules)
        return static_cast<double>(now.microjoules - before.microjoules) * joules_per_microjoule;
    if (before.microjoules > now.range) return std::nullopt;
    return static_cast<double>(now.range - before.microjoules + now.microjoules) * joules_per_microjoule;
}

}  // namespace

void RaplMeter::add(const health::Report& report, double seconds) {
    double platform = 0, parts = 0;
    for (const health::EnergyCounter& now : report.energy) {
        const auto before = last_.find(now.zone);
        const auto used = before == last_.end() ? std::nullopt : used_between(before->second, now, seconds);
        if (!used) return;  // a sum without one of its parts would be too small
        (now.zone == "psys" ? platform : parts) += *used;
    }
    // Some boards have a psys that stands still.
    if (platform > parts) platform_.joules += platform, platform_.seconds += seconds;
    parts_.joules += parts, parts_.seconds += seconds;
}

void RaplMeter::note(const health::Report& report) {
    if (report.energy.empty() || !report.uptime_s) return;
    const double seconds = last_uptime_s_ ? *report.uptime_s - *last_uptime_s_ : 0;
    if (seconds > 0) add(report, seconds);  // less: it was booted meanwhile
    last_.clear();
    for (const health::EnergyCounter& counter : report.energy) last_[counter.zone] = counter;
    last_uptime_s_ = report.uptime_s;
}

std::optional<RaplReading> RaplMeter::take() {
    const bool platform = platform_.seconds > 0;
    const Sums sums = platform ? platform_ : parts_;
    platform_ = parts_ = {};
    if (sums.seconds <= 0 || sums.joules <= 0) return std::nullopt;
    return RaplReading{sums.joules / sums.seconds, platform};
}

}  // namespace ballast::daemon
