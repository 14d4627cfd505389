// One run of a scenario: what happened, and what was broken.
#pragma once

#include "sim/vopr/scenario.h"

namespace ballast::sim::vopr {

struct Script;  // script.h

struct Outcome {
    std::string broken;               // empty: nothing
    std::vector<std::string> missed;  // what a script expected otherwise
    std::vector<std::string> trace;
    std::uint64_t steps = 0;
    unsigned migrations = 0, starts = 0;  // of VMs elsewhere or anew
    Duration took{};                      // of virtual time
};

/// `tracing` costs time; what happens is the same.
Outcome run(const Scenario& scenario, bool tracing);
/// The same with what the script expects.
Outcome run(const Script& script, bool tracing);

}  // namespace ballast::sim::vopr
