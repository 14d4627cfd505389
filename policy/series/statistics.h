// Plain statistics of a series of measurements. Pure functions; the order of the values matters only where it says so.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace ballast::policy::series {

using Values = std::span<const double>;

/// 0 of no values.
double mean(Values values);
/// Population standard deviation; 0 of fewer than two values.
double standard_deviation(Values values);

/// The value that the share `rank` (0-1) of the values does not exceed, linear between the two nearest
/// (Hyndman and Fan 1996, type 7). 0 of no values.
double percentile(Values values, double rank);

double median(Values values);
/// Median of the distances from the median [Beloglazov and Buyya 2012, equation 19].
double median_absolute_deviation(Values values);
/// Third quartile less the first, both as the nearest rank of n + 1 [CloudSim's choice]. Requires: at least 3 values.
double interquartile_range(Values values);

/// a + b * x through (1, y[0]), (2, y[1]), ...: oldest first.
struct Line {
    double a = 0, b = 0;
    double at(double x) const { return a + b * x; }
};
/// Least squares; with weights (as many as values, none negative) weighted ones. Requires: at least 2 values.
Line fit_line(Values values);
Line fit_line(Values values, Values weights);

}  // namespace ballast::policy::series
