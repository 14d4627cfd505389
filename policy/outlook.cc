#include "policy/outlook.h"

#include <algorithm>

#include "policy/capacity.h"
#include "policy/estimators.h"
#include "policy/overload_limit.h"

namespace ballast::policy {

namespace {

Outlook outlook_in(LocalHour hour, const std::vector<double>& days, double limit_cores, double confidence) {
    Outlook outlook;
    outlook.hour = hour;
    outlook.days = static_cast<unsigned>(days.size());
    outlook.above = static_cast<unsigned>(
        std::count_if(days.begin(), days.end(), [&](double cores) { return cores > limit_cores; }));
    outlook.cores = reached(days, confidence);
    outlook.most_cores = not_exceeded(days, confidence);
    outlook.overload = outlook.cores > limit_cores;
    return outlook;
}

}  // namespace

std::optional<Outlook> outlook_of(const std::vector<const Vm*>& vms, const Host& host, const Memory& memory,
                                  const Inventory& inventory, const Options& options) {
    const ForecastOptions& wanted = options.forecast;
    const auto own = memory.hosts.find(host.id);
    if (!wanted.enabled || !inventory.wall_time || own == memory.hosts.end()) return std::nullopt;
    const double limit = cpu_threshold(own->second, options.overload).above * usable_cpus(host, options);
    const LocalHour now = local_hour(*inventory.wall_time, wanted.zone);
    const LocalHour last = local_hour(*inventory.wall_time + std::min(wanted.horizon, farthest_ahead), wanted.zone);
    // Hosts that are packed have no room to learn for three days from: they then trust in one.
    const unsigned least = options.consolidation.enabled ? 1 : least_days;
    std::optional<Outlook> worst;
    double most = 0;
    for (LocalHour hour = now + 1; hour <= last; ++hour) {
        auto days = past_demand(vms, memory, hour, now, options.holidays);
        if (days.size() < least) continue;
        for (double& cores : days) cores += own->second.other_cpu_cores;
        const Outlook outlook = outlook_in(hour, days, limit, wanted.confidence);
        most = std::max(most, outlook.most_cores);
        if (!worst || std::pair(outlook.overload, outlook.cores) > std::pair(worst->overload, worst->cores))
            worst = outlook;
    }
    if (worst) worst->most_cores = most;
    return worst;
}

bool overload_expected(const HostMemory& memory) {
    return memory.outlook && memory.outlook->overload;
}

std::string outlook_text(const Outlook& outlook, double usable_cores, double limit, const CalendarDays& holidays) {
    return "is expected to want " + percent(ratio_of(outlook.cores, usable_cores)) + " of its usable CPU " +
           hour_text(outlook.hour) + " (above " + percent(limit) + " on " + std::to_string(outlook.above) +
           " of the last " + std::to_string(outlook.days) + " " +
           days_text(outlook.days, is_day_off(outlook.hour, holidays)) + ")";
}

}  // namespace ballast::policy
