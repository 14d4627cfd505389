// What a VM will want until it is looked at again, from what it wanted so far.
#pragma once

#include <vector>

#include "policy/consolidation/problem.h"

namespace ballast::policy::consolidation {

struct Estimate {
    double level = 0;     // expected demand
    double variance = 0;  // of the demand at any moment around it
};

/// One for each VM. New VMs begin with what is usual in the cluster for their size, so that a single measurement is not
/// taken for the truth. Five-minute demand of the PlanetLab VMs is nearly white noise (autocorrelation 0-0.13 from the
/// first lag on), so that a mean over hours says more than the last value or any trend.
std::vector<Estimate> estimates(const Problem& problem);

}  // namespace ballast::policy::consolidation
