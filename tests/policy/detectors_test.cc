#include "policy/detectors.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace ballast;
using namespace ballast::policy;
using namespace std::chrono_literals;

namespace {

constexpr Threshold limit{0.8, 0.7, Duration{120'000}};
const Instant start = Instant{} + 1h;

// Feeds one value every ten seconds from `start`.
DetectorState fed(const std::vector<std::optional<double>>& values) {
    DetectorState state;
    Instant at = start;
    for (const auto& value : values) {
        state = step(state, value, limit, at);
        at += 10s;
    }
    return state;
}

std::vector<std::optional<double>> times(std::size_t count, std::optional<double> value) {
    return std::vector<std::optional<double>>(count, value);
}

}  // namespace

TEST_CASE("A detector sets with the very sample that completes its persistence") {
    CHECK_FALSE(fed(times(12, 0.9)).set);  // 110 s
    CHECK(fed(times(13, 0.9)).set);        // 120 s
}

TEST_CASE("A value at the limit is not above it") {
    CHECK_FALSE(fed(times(50, 0.8)).above_since);
}

TEST_CASE("A value counts from where its sample begins, and samples may be a little early") {
    auto values = times(1, 0.1);
    values.resize(13, 0.9);  // above from 0 s, where the sample that ends at 10 s begins
    CHECK(fed(values).set);
    DetectorState state = step({}, 0.9, limit, start);
    state = step(state, 0.9, limit, start + 60s);
    CHECK_FALSE(step(state, 0.9, limit, start + 116s).set);
    CHECK(step(state, 0.9, limit, start + 118s).set);
}

TEST_CASE("A fall below the upper limit starts the wait anew") {
    auto values = times(12, 0.9);
    values.push_back(0.75);
    values.push_back(0.9);
    const DetectorState state = fed(values);
    CHECK_FALSE(state.set);
    CHECK(state.above_since == start + 120s);  // where the last sample begins
}

TEST_CASE("A detector that is set stays set between the two limits and clears below the lower one") {
    auto values = times(13, 0.9);
    values.push_back(0.75);
    CHECK(fed(values).set);
    values.push_back(0.69);
    CHECK_FALSE(fed(values).set);
}

TEST_CASE("A persistence of zero sets at once") {
    CHECK(step({}, 0.9, Threshold{0.8, 0.7, Duration{0}}, start).set);
}

TEST_CASE("A missing value is neither above nor below") {
    auto values = times(6, 0.9);
    values.push_back(std::nullopt);
    values.resize(13, 0.9);
    CHECK(fed(values).set);
    auto set = times(13, 0.9);
    set.resize(15, std::nullopt);
    CHECK(fed(set).set);
}

TEST_CASE("A gap as long as half the persistence keeps the wait, a longer one starts it anew") {
    DetectorState state = step({}, 0.9, limit, start);
    CHECK(longest_gap(limit) == 60s);
    CHECK(step(state, 0.9, limit, start + 60s).above_since == start);
    CHECK(step(state, 0.9, limit, start + 61s).above_since == start + 61s);
}

TEST_CASE("What was set before a long gap does not count after it") {
    DetectorState state = fed(times(13, 0.9));
    REQUIRE(state.set);
    CHECK_FALSE(step(state, 0.9, limit, start + 10min).set);
    CHECK_FALSE(step(state, std::nullopt, limit, start + 10min).set);
}

TEST_CASE("Slow sampling with a short persistence still detects") {
    const Threshold quick{0.8, 0.7, Duration{10'000}};
    const DetectorState state = step({}, 0.9, quick, start);
    CHECK(step(state, 0.9, quick, start + 60s).set);
}
