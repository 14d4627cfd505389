#include "policy/detectors.h"

#include <algorithm>

namespace ballast::policy {

Duration longest_gap(const Threshold& threshold) {
    // Half the persistence has to be evidence. The minute lets short persistences work with slow sampling.
    return std::max<Duration>(threshold.persistence / 2, std::chrono::minutes{1});
}

DetectorState step(DetectorState state, std::optional<double> value, const Threshold& threshold, Instant sampled_at) {
    if (state.last_value && sampled_at - *state.last_value > longest_gap(threshold)) state = {};
    if (!value) return state;
    state.last_value = sampled_at;
    if (*value > threshold.above) {
        if (!state.above_since) state.above_since = sampled_at;
        if (sampled_at - *state.above_since >= threshold.persistence) state.set = true;
    } else {
        state.above_since.reset();
        if (*value < threshold.below) state.set = false;
    }
    return state;
}

bool any_set(const HostMemory& memory) {
    return memory.cpu.set || memory.ready.set || memory.memory.set || memory.memory_pressure.set;
}

bool any_above(const HostMemory& memory) {
    return memory.cpu.above_since || memory.ready.above_since || memory.memory.above_since ||
           memory.memory_pressure.above_since;
}

}  // namespace ballast::policy
