#include "policy/foresight.h"

#include <algorithm>

#include "policy/estimators.h"

namespace ballast::policy {

namespace {

// VMs come to a host two at a time (limits.incoming_per_host), each within a minute or so: some ten until it is of use.
constexpr Duration filling_time = std::chrono::minutes{5};

Duration time_until_back(const Options& options) {
    return options.consolidation.boot_time + filling_time;
}

bool counts(const Context& context, const Vm& vm) {
    const Host* host = context.guests.at(vm.id).on;
    return host != nullptr && occupies_host(vm) && is_fresh(*host);
}

std::optional<Foresight> foresee(const Context& context, Duration ahead) {
    const ForecastOptions& forecast = context.options.forecast;
    std::vector<const Vm*> vms;
    for (const auto& [id, vm] : context.inventory.vms)
        if (counts(context, vm)) vms.push_back(&vm);
    const auto expected = expected_demand(vms, context.memory, context.inventory, forecast.zone, forecast.confidence,
                                          ahead, context.options.holidays);
    if (!expected) return std::nullopt;
    const bool off = is_day_off(expected->hour, context.options.holidays);
    Foresight foresight{expected->hour, expected->days, off, {}, 0};
    std::size_t position = 0;
    double now = 0;
    for (const auto& [id, vm] : context.inventory.vms) {
        const bool counted = position < vms.size() && vms[position] == &vm;
        const double cores = counted ? expected->by_vm[position++] : 0;
        foresight.by_vm.push_back(cores);
        if (counted) now += demand_cores(vm, context.memory);
    }
    foresight.more = std::max(0.0, expected->cores - now);
    return foresight;
}

}  // namespace

std::string Foresight::when() const {
    return hour_text(hour) + ", as on " + std::to_string(days) + " past " + days_text(days, day_off);
}

Foresights foresee(const Context& context) {
    if (!context.options.forecast.enabled) return {};
    const Duration until_back = time_until_back(context.options);
    return {foresee(context, until_back), foresee(context, until_back + context.options.consolidation.min_time_off)};
}

bool is_due(const Context& context, LocalHour hour) {
    const auto& now = context.inventory.wall_time;
    return now && hour <= local_hour(*now + time_until_back(context.options), context.options.forecast.zone);
}

}  // namespace ballast::policy
