// The simulation's clock under the name that the tests use.
#pragma once

#include "sim/virtual_clock.h"

namespace ballast::test {

using sim::VirtualClock;

}  // namespace ballast::test
