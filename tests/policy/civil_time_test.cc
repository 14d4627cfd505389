// Clocks of a time zone, and the times of a week.
#include "policy/civil_time.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::policy;
using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

// Berlin in 2026: summer time from 29 March to 25 October, both at 01:00 UTC.
const TimeZone berlin = {
    "Europe/Berlin", {{sys_seconds{}, 1h}, {sys_days{2026y / 3 / 29} + 1h, 2h}, {sys_days{2026y / 10 / 25} + 1h, 1h}}};

std::string at(sys_seconds time, const TimeZone& zone = berlin) {
    return week_time(minute_of_week(time, zone));
}

}  // namespace

TEST_CASE("The week begins on Monday, before and after 1970") {
    CHECK(at(sys_days{2026y / 11 / 22}, {}) == "Sun 00:00");
    CHECK(at(sys_days{2026y / 11 / 23}, {}) == "Mon 00:00");
    CHECK(at(sys_days{1970y / 1 / 1} + 23h + 59min, {}) == "Thu 23:59");
    CHECK(at(sys_days{1969y / 12 / 31} + 1h, {}) == "Wed 01:00");
}

TEST_CASE("Clocks are put forward and back") {
    CHECK(at(sys_days{2026y / 3 / 29} + 59min + 59s) == "Sun 01:59");
    CHECK(at(sys_days{2026y / 3 / 29} + 1h) == "Sun 03:00");
    CHECK(at(sys_days{2026y / 10 / 25} + 59min) == "Sun 02:59");
    CHECK(at(sys_days{2026y / 10 / 25} + 1h) == "Sun 02:00");
    CHECK(at(sys_days{2026y / 7 / 1} + 22h) == "Thu 00:00");
}

TEST_CASE("A span holds from its first minute to before its last, on its days only") {
    const WeekSpan office{0, 4, 8 * 60, 18 * 60};
    CHECK(contains(office, 8 * 60));
    CHECK_FALSE(contains(office, 8 * 60 - 1));
    CHECK_FALSE(contains(office, 18 * 60));
    CHECK(contains(office, 4 * minutes_per_day + 17 * 60));
    CHECK_FALSE(contains(office, 5 * minutes_per_day + 12 * 60));
}

TEST_CASE("A span past midnight belongs to the day on which it begins") {
    const WeekSpan friday_night{4, 4, 22 * 60, 6 * 60};
    CHECK(contains(friday_night, 4 * minutes_per_day + 23 * 60));
    CHECK(contains(friday_night, 5 * minutes_per_day + 5 * 60));
    CHECK_FALSE(contains(friday_night, 5 * minutes_per_day + 6 * 60));
    CHECK_FALSE(contains(friday_night, 4 * minutes_per_day + 5 * 60));
    const WeekSpan sunday_night{6, 6, 22 * 60, 6 * 60};
    CHECK(contains(sunday_night, 60));
}

TEST_CASE("Days may go over the end of the week") {
    const WeekSpan weekend{5, 0, 0, minutes_per_day};
    for (const unsigned day : {5U, 6U, 0U}) CHECK(contains(weekend, day * minutes_per_day));
    for (const unsigned day : {1U, 4U}) CHECK_FALSE(contains(weekend, day * minutes_per_day));
}
