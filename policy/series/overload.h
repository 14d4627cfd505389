// Published overload detectors, as functions of a host's utilisation history: static threshold, interquartile range,
// median absolute deviation, and local regression [A. Beloglazov, R. Buyya, CCPE 24(13), 2012, section 5], with the
// choices that CloudSim's implementation makes. They are here to be compared with; see docs/simulator.md.
#pragma once

#include <optional>

#include "policy/series/statistics.h"

namespace ballast::policy::series {

/// Utilisation above which a host counts as overloaded, 1 - safety * spread; nothing while there are fewer than
/// 12 values. Requires: safety > 0.
std::optional<double> limit_by_iqr(Values history, double safety);
std::optional<double> limit_by_mad(Values history, double safety);

/// How the points of a local regression are weighted.
enum class Regression {
    plain,    // all alike: what CloudSim computes since release 3.0.2
    tricube,  // the newer the heavier
    robust,   // tricube, then once more with bisquare weights of the residuals
};

/// Utilisation one step after the newest, from a line through the newest ten values of `history` (newest last);
/// nothing while there are fewer. Not a number when the robust weights vanish: that compares false with any limit.
std::optional<double> next_by_regression(Values history, Regression regression);

}  // namespace ballast::policy::series
