// What a VM wanted over the last two hours: means over fixed slots of time, so that percentiles and levels need no more
// than a few numbers a VM. Values; pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/units.h"

namespace ballast::policy {

/// Slots begin at whole multiples of this from the clock's origin, so that those of all VMs lie side by side. Five
/// minutes and two hours: what the consolidation policy was chosen with (policy/consolidation/options.h).
inline constexpr Duration demand_slot = std::chrono::minutes{5};
inline constexpr std::size_t demand_slots = 24;

/// CPU demand in cores. A slot without a single sample is absent, never zero.
struct DemandHistory {
    std::vector<std::optional<double>> means;  // of past slots, oldest first, at most demand_slots; to a thousandth
    std::optional<Instant> slot;               // begin of the one that fills now; absent: no sample ever came
    double sum_cores = 0;                      // of the samples in it
    unsigned samples = 0;
};

/// Counts one sample taken at `at`, the mean over the time up to then: one taken where two slots meet is of the first.
/// Samples that are older than the slot that fills now change nothing.
void remember_demand(DemandHistory& history, double cores, Instant at);

/// The known means, oldest first, of the slots before the one that fills now.
std::vector<double> known_means(const DemandHistory& history);

}  // namespace ballast::policy
