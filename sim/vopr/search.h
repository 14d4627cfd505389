// Plays many seeds, in several processes: one that ends by an assertion is a finding like any other.
#pragma once

#include <optional>
#include <string>

#include "sim/vopr/run.h"

namespace ballast::sim::vopr {

struct Search {
    std::uint64_t first = 1, last = 1;
    unsigned jobs = 1;
    unsigned stop_after = 1;  // findings
    bool verbose = false;
    bool quiet = false;  // no progress
    bool stories = true;
};

/// Plays it in a process of its own. An outcome that says how that ended, if it did not end well.
Outcome play(const Scenario& scenario, bool tracing);

/// Prints progress, and each finding's story with the fewest faults. The number of findings.
unsigned search(const Search& what);

/// Plays one seed and prints all of it, as it is drawn. True: nothing was broken.
bool tell(std::uint64_t seed);

}  // namespace ballast::sim::vopr
