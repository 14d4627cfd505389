// Watts from RAPL's counters: what they used between two reports, whatever happened in between.
#include "daemon/rapl_meter.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::daemon;

namespace {

constexpr std::uint64_t full = 262'143'328'850;  // of a Xeon's package
constexpr std::uint64_t joule = 1'000'000;

health::Report report(double uptime_s, std::vector<health::EnergyCounter> energy) {
    health::Report made;
    made.uptime_s = uptime_s;
    made.energy = std::move(energy);
    return made;
}

}  // namespace

TEST_CASE("Packages and their memory add up, and the mean is of all that was noted") {
    RaplMeter meter;
    meter.note(report(100, {{"package-0", 0, full}, {"package-0/dram", 0, full}}));
    CHECK_FALSE(meter.take());  // one reading tells nothing
    meter.note(report(110, {{"package-0", 500 * joule, full}, {"package-0/dram", 100 * joule, full}}));
    meter.note(report(120, {{"package-0", 1300 * joule, full}, {"package-0/dram", 200 * joule, full}}));
    const auto reading = meter.take();
    REQUIRE(reading);
    CHECK(reading->watts == Approx(75));
    CHECK_FALSE(reading->platform);
    CHECK_FALSE(meter.take());
}

TEST_CASE("A counter that begins anew goes on where it ended") {
    RaplMeter meter;
    meter.note(report(100, {{"package-0", full - 100 * joule, full}}));
    meter.note(report(110, {{"package-0", 400 * joule, full}}));
    CHECK(meter.take()->watts == Approx(50));
}

TEST_CASE("What may have begun anew more than once, with a boot, or is of no known size, tells nothing") {
    const auto [uptime, now] = GENERATE(table<double, health::EnergyCounter>(
        {{100 + 263, {"package-0", 5000 * joule, full}},  // at a kilowatt all of it is used by then
         {99, {"package-0", 5000 * joule, full}},
         {110, {"package-0", 100 * joule, 0}},
         {110, {"package-1", 5000 * joule, full}}}));
    RaplMeter meter;
    meter.note(report(100, {{"package-0", 1000 * joule, full}}));
    meter.note(report(uptime, {now}));
    CHECK_FALSE(meter.take());
    auto later = now;  // and the next one counts from there
    later.microjoules += 600 * joule;
    later.range = full;
    meter.note(report(uptime + 10, {later}));
    CHECK(meter.take()->watts == Approx(60));
}

TEST_CASE("The platform's counter goes before its parts', unless it stands still") {
    RaplMeter meter;
    const bool moves = GENERATE(true, false);
    meter.note(report(100, {{"package-0", 0, full}, {"psys", 7, full}}));
    meter.note(report(110, {{"package-0", 500 * joule, full}, {"psys", 7 + (moves ? 1200 * joule : 0), full}}));
    const auto reading = meter.take();
    REQUIRE(reading);
    CHECK(reading->platform == moves);
    CHECK(reading->watts == Approx(moves ? 120 : 50));
}

TEST_CASE("A report without counters, or of a machine that does not tell for how long it is up, changes nothing") {
    RaplMeter meter;
    meter.note(report(100, {{"package-0", 0, full}}));
    meter.note(health::Report{});
    auto timeless = report(0, {{"package-0", 900 * joule, full}});
    timeless.uptime_s.reset();
    meter.note(timeless);
    meter.note(report(110, {{"package-0", 500 * joule, full}}));
    CHECK(meter.take()->watts == Approx(50));
}
