#include "policy/series/forecast.h"

#include <algorithm>

namespace ballast::policy::series {
namespace {

/// Mean of values[at - season], values[at - 2 season], ...: only what was known before `known`.
double seasonal_mean(Values values, std::size_t known, std::size_t season, std::size_t at) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t back = at; back >= season;) {
        back -= season;
        if (back >= known) continue;
        sum += values[back];
        ++count;
    }
    return count == 0 ? 0 : sum / static_cast<double>(count);
}

/// Of the values that had a season before them, at most the newest season of them.
double explained_share(Values values, std::size_t season) {
    const std::size_t judged = std::min(season, values.size() - season);
    const double variance = standard_deviation(values.last(judged)) * standard_deviation(values.last(judged));
    double errors = 0;
    for (std::size_t at = values.size() - judged; at < values.size(); ++at) {
        const double error = values[at] - seasonal_mean(values, at, season, at);
        errors += error * error;
    }
    if (variance == 0) return errors == 0 ? 1 : 0;
    return std::max(0.0, 1 - errors / static_cast<double>(judged) / variance);
}

}  // namespace

std::optional<double> ewma(Values values, double weight) {
    if (values.empty()) return {};
    double level = values.front();
    for (const double value : values) level += weight * (value - level);
    return level;
}

std::optional<Forecast> seasonal_forecast(Values values, std::size_t season, std::size_t ahead) {
    // Fewer than a tenth of a season to judge by would be a guess.
    if (values.size() < season + std::max<std::size_t>(2, season / 10)) return {};
    const double trust = values.size() < 2 * season ? 0.5 : 1;
    return Forecast{seasonal_mean(values, values.size(), season, values.size() - 1 + ahead),
                    trust * explained_share(values, season)};
}

}  // namespace ballast::policy::series
