// Makes a scenario that breaks something smaller, as long as it still breaks the same invariant.
#pragma once

#include <functional>

#include "sim/vopr/scenario.h"

namespace ballast::sim::vopr {

/// `breaks` plays a scenario and tells whether it still fails in the same way. It is called at most `tries` times.
Scenario shrink(Scenario scenario, const std::function<bool(const Scenario&)>& breaks, unsigned tries = 500);

}  // namespace ballast::sim::vopr
