// Ballast's consolidation in the trace simulator.
#pragma once

#include <memory>

#include "policy/consolidation/options.h"
#include "sim/trace/simulation.h"

namespace ballast::sim::trace {

std::unique_ptr<Decider> make_ours(const policy::consolidation::Options& options);

}  // namespace ballast::sim::trace
