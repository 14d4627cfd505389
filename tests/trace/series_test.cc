// The published detectors and the statistics below them, against values worked out by hand.
#include <catch2/catch.hpp>

#include "policy/series/forecast.h"
#include "policy/series/overload.h"

using namespace ballast::policy::series;

TEST_CASE("Statistics of a short series") {
    const std::vector<double> values = {4, 1, 3, 2};
    CHECK(mean(values) == 2.5);
    CHECK(standard_deviation(values) == Approx(1.1180339887));
    CHECK(median(values) == 2.5);
    CHECK(percentile(values, 0.9) == Approx(3.7));
    CHECK(percentile({}, 0.9) == 0);
    CHECK(median_absolute_deviation(values) == 1);
}

TEST_CASE("A line through points is found with and without weights") {
    const std::vector<double> straight = {3, 5, 7};
    CHECK(fit_line(straight).a == Approx(1));
    CHECK(fit_line(straight).b == Approx(2));
    const std::vector<double> bent = {0, 0, 6}, heavy_ends = {1, 0, 1};
    CHECK(fit_line(bent).at(4) == Approx(8));              // mean 2, slope 3
    CHECK(fit_line(bent, heavy_ends).at(4) == Approx(9));  // through (1, 0) and (3, 6)
}

TEST_CASE("The interquartile limit needs twelve values") {
    std::vector<double> history = {.1, .2, .3, .4, .5, .6, .7, .8, .9, 1.0, 1.1};
    CHECK_FALSE(limit_by_iqr(history, 1.5));
    CHECK_FALSE(limit_by_mad(history, 2.5));
    history.push_back(1.2);
    // Ranks round(3.25) = 3 and round(9.75) = 10: 1.0 - 0.3.
    CHECK(*limit_by_iqr(history, 1.5) == Approx(1 - 1.5 * 0.7));
    // Median .65, distances .05 .05 .15 .15 .25 .25 .35 .35 ...: their median .3.
    CHECK(*limit_by_mad(history, 2.5) == Approx(1 - 2.5 * 0.3));
}

TEST_CASE("Regression foretells the next value of a line, and weights follow the newest") {
    std::vector<double> rising;
    for (int i = 1; i <= 10; ++i) rising.push_back(0.05 * i);
    CHECK(*next_by_regression(rising, Regression::plain) == Approx(0.55));
    CHECK(*next_by_regression(rising, Regression::tricube) == Approx(0.55));
    CHECK_FALSE(next_by_regression(std::span(rising).first(9), Regression::plain));
    const std::vector<double> jump = {0, 0, 0, 0, 0, 0, 0, .5, .5, .5};
    CHECK(*next_by_regression(jump, Regression::tricube) > *next_by_regression(jump, Regression::plain));
}

TEST_CASE("An exponentially weighted mean follows by its weight") {
    const std::vector<double> values = {0, 8, 8};
    CHECK(*ewma(values, 0.5) == 6);
    CHECK_FALSE(ewma({}, 0.5));
}

TEST_CASE("A seasonal forecast repeats the season and says how far to trust it") {
    const std::vector<double> season = {1, 2, 9, 2};
    std::vector<double> values;
    for (int i = 0; i < 3; ++i) values.insert(values.end(), season.begin(), season.end());
    const auto peak = seasonal_forecast(values, 4, 3);
    REQUIRE(peak.has_value());
    CHECK(peak->value == 9);
    CHECK(peak->confidence == 1);
    CHECK(seasonal_forecast(std::span(values).first(6), 4, 1)->confidence == 0.5);
    CHECK_FALSE(seasonal_forecast(std::span(values).first(5), 4, 1).has_value());
    values.back() = 20;
    CHECK(seasonal_forecast(values, 4, 3)->confidence < 0.2);
}
