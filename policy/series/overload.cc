#include "policy/series/overload.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ballast::policy::series {
namespace {

constexpr std::size_t needed_for_spread = 12;  // "a safe value" [CloudSim]
constexpr std::size_t window = 10;             // of the regression [Beloglazov and Buyya 2012]

using Window = std::array<double, window>;

/// Standard error of each point: 1 / (1 - (age / 9)^3)^3. The oldest three share one, or the first would be infinite.
Window tricube_errors() {
    Window errors{};
    for (std::size_t i = 2; i < window; ++i) {
        const double age = static_cast<double>(window - 1 - i) / static_cast<double>(window - 1);
        errors[i] = 1 / std::pow(1 - std::pow(age, 3), 3);
    }
    errors[0] = errors[1] = errors[2];
    return errors;
}

/// Bisquare of the residuals on a scale of six times their median.
Window robust_errors(Values points, const Line& line) {
    Window residuals{}, errors = tricube_errors();
    for (std::size_t i = 0; i < window; ++i) residuals[i] = std::abs(points[i] - line.at(static_cast<double>(i + 1)));
    const double scale = 6 * median(residuals);
    for (std::size_t i = 2; i < window; ++i) errors[i] /= std::pow(1 - std::pow(residuals[i] / scale, 2), 2);
    errors[0] = errors[1] = errors[2];
    return errors;
}

Line fit_with_errors(Values points, const Window& errors) {
    Window weights{};
    std::ranges::transform(errors, weights.begin(), [](double error) { return 1 / (error * error); });
    return fit_line(points, weights);
}

}  // namespace

std::optional<double> limit_by_iqr(Values history, double safety) {
    if (history.size() < needed_for_spread) return {};
    return 1 - safety * interquartile_range(history);
}

std::optional<double> limit_by_mad(Values history, double safety) {
    if (history.size() < needed_for_spread) return {};
    return 1 - safety * median_absolute_deviation(history);
}

std::optional<double> next_by_regression(Values history, Regression regression) {
    if (history.size() < window) return {};
    const auto points = history.last(window);
    if (regression == Regression::plain) return fit_line(points).at(window + 1);
    auto line = fit_with_errors(points, tricube_errors());
    if (regression == Regression::robust) line = fit_with_errors(points, robust_errors(points, line));
    return line.at(window + 1);
}

}  // namespace ballast::policy::series
