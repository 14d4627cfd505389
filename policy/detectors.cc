#include "policy/detectors.h"

#include <algorithm>

#include "policy/outlook.h"

namespace ballast::policy {

Duration longest_gap(const Threshold& threshold) {
    // Half the persistence has to be evidence. The minute lets short persistences work with slow sampling.
    return std::max<Duration>(threshold.persistence / 2, std::chrono::minutes{1});
}

namespace {
// Samples come a little early or late; one that is early by so much must not cost a whole interval more.
Duration slack(Duration interval) {
    return interval / 20;
}
}  // namespace

DetectorState step(DetectorState state, std::optional<double> value, const Threshold& threshold, Instant sampled_at) {
    if (state.last_value && sampled_at - *state.last_value > longest_gap(threshold)) state = {};
    if (!value) return state;
    // A sample is the mean since the one before it: the value was above from there on.
    const Instant begin = state.last_value.value_or(sampled_at);
    state.last_value = sampled_at;
    if (*value > threshold.above) {
        if (!state.above_since) state.above_since = begin;
        if (sampled_at - *state.above_since + slack(sampled_at - begin) >= threshold.persistence) state.set = true;
    } else {
        state.above_since.reset();
        if (*value < threshold.below) state.set = false;
    }
    return state;
}

bool any_set(const HostMemory& memory) {
    return memory.cpu.set || memory.ready.set || memory.memory.set || memory.memory_pressure.set || memory.swap.set;
}

bool wants_relief(const HostMemory& memory) {
    return any_set(memory) || overload_expected(memory);
}

bool any_above(const HostMemory& memory) {
    return memory.cpu.above_since || memory.ready.above_since || memory.memory.above_since ||
           memory.memory_pressure.above_since || memory.swap.above_since;
}

}  // namespace ballast::policy
