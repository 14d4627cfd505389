#include "policy/demand_history.h"

#include <algorithm>
#include <cmath>

namespace ballast::policy {

namespace {

Instant slot_of(Instant at) {
    const auto since = (at - Instant{} - Duration{1}).count();
    const auto length = demand_slot.count();
    const auto number = since >= 0 ? since / length : -((-since + length - 1) / length);
    return Instant{} + number * demand_slot;
}

// A thousandth of a core is below what is measured, and keeps records short.
std::optional<double> mean_of(const DemandHistory& history) {
    if (history.samples == 0) return std::nullopt;
    return std::round(history.sum_cores / history.samples * 1000) / 1000;
}

void close_slot(DemandHistory& history, Instant next) {
    const auto missed = static_cast<std::size_t>((next - *history.slot) / demand_slot) - 1;
    history.means.push_back(mean_of(history));
    history.means.insert(history.means.end(), std::min(missed, demand_slots), std::nullopt);
    if (history.means.size() > demand_slots)
        history.means.erase(history.means.begin(), history.means.end() - demand_slots);
}

}  // namespace

void remember_demand(DemandHistory& history, double cores, Instant at) {
    const Instant slot = slot_of(at);
    if (history.slot && slot < *history.slot) return;
    if (history.slot != slot) {
        if (history.slot) close_slot(history, slot);
        history.slot = slot;
        history.sum_cores = 0;
        history.samples = 0;
    }
    history.sum_cores += cores;
    ++history.samples;
}

std::vector<double> known_means(const DemandHistory& history) {
    std::vector<double> known;
    for (const auto& mean : history.means)
        if (mean) known.push_back(*mean);
    return known;
}

}  // namespace ballast::policy
