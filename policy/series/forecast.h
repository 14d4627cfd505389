// What a series will be, from what it was. Pure functions; series are oldest first, at even steps.
#pragma once

#include <cstddef>
#include <optional>

#include "policy/series/statistics.h"

namespace ballast::policy::series {

/// Exponentially weighted mean: each value moves it by `weight` (0-1) of the difference. Nothing of no values.
std::optional<double> ewma(Values values, double weight);

/// A forecast and how far to trust it: 0 not at all, 1 it never erred.
struct Forecast {
    double value = 0;
    double confidence = 0;
};

/// Seasonal forecast `ahead` steps after the newest value: the mean of the values at that point of the season in all
/// past seasons (a day or a week of `season` steps). The confidence is the share of the last season's variance that the
/// same forecast would have explained, halved while there is only one season to go by. Nothing before one whole season
/// and a tenth of one more to judge it by. Requires: season > 0, ahead > 0.
std::optional<Forecast> seasonal_forecast(Values values, std::size_t season, std::size_t ahead);

}  // namespace ballast::policy::series
