#include "policy/series/statistics.h"

#include <algorithm>
#include <cmath>

namespace ballast::policy::series {
namespace {

std::vector<double> sorted(Values values) {
    std::vector<double> copy(values.begin(), values.end());
    std::ranges::sort(copy);
    return copy;
}

/// The value at the nearest rank of `share` among n + 1, halves upwards.
double at_rank(const std::vector<double>& ascending, double share) {
    const double rank = std::floor(share * static_cast<double>(ascending.size() + 1) + 0.5);
    return ascending[static_cast<std::size_t>(std::clamp(rank, 1.0, static_cast<double>(ascending.size()))) - 1];
}

}  // namespace

double mean(Values values) {
    if (values.empty()) return 0;
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

double standard_deviation(Values values) {
    if (values.size() < 2) return 0;
    const double middle = mean(values);
    double squares = 0;
    for (const double value : values) squares += (value - middle) * (value - middle);
    return std::sqrt(squares / static_cast<double>(values.size()));
}

double percentile(Values values, double rank) {
    if (values.empty()) return 0;
    const auto ascending = sorted(values);
    const double position = std::clamp(rank, 0.0, 1.0) * static_cast<double>(ascending.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    if (below + 1 >= ascending.size()) return ascending.back();
    return ascending[below] + (ascending[below + 1] - ascending[below]) * (position - static_cast<double>(below));
}

double median(Values values) {
    return percentile(values, 0.5);
}

double median_absolute_deviation(Values values) {
    const double middle = median(values);
    std::vector<double> distances;
    for (const double value : values) distances.push_back(std::abs(value - middle));
    return median(distances);
}

double interquartile_range(Values values) {
    const auto ascending = sorted(values);
    return at_rank(ascending, 0.75) - at_rank(ascending, 0.25);
}

Line fit_line(Values values) {
    const std::vector<double> ones(values.size(), 1.0);
    return fit_line(values, ones);
}

Line fit_line(Values values, Values weights) {
    double total = 0, x_mean = 0, y_mean = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        total += weights[i];
        x_mean += weights[i] * static_cast<double>(i + 1);
        y_mean += weights[i] * values[i];
    }
    x_mean /= total;
    y_mean /= total;
    double xx = 0, xy = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = static_cast<double>(i + 1) - x_mean;
        xx += weights[i] * x * x;
        xy += weights[i] * x * (values[i] - y_mean);
    }
    const double slope = xy / xx;
    return {y_mean - slope * x_mean, slope};
}

}  // namespace ballast::policy::series
