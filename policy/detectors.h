// Overload detectors: a value has to stay above its limit before anything happens, and to fall below a lower one
// before that ends. Time is the time of the samples, so a detector sets in the very cycle whose sample completes it.
#pragma once

#include <optional>

#include "policy/options.h"
#include "policy/policy.h"

namespace ballast::policy {

/// Longest time without a value that still counts as "continuously above".
Duration longest_gap(const Threshold& threshold);

/// The state after a sample taken at `sampled_at`; an absent value changes nothing until the gap grows too long.
DetectorState step(DetectorState state, std::optional<double> value, const Threshold& threshold, Instant sampled_at);

bool any_set(const HostMemory& memory);
/// Overloaded, or sure enough to be so soon.
bool wants_relief(const HostMemory& memory);
/// Above a limit right now, persisted or not.
bool any_above(const HostMemory& memory);

}  // namespace ballast::policy
