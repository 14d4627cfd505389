// Days off beside weekends: windows of consolidation are open all day, by the clocks of their zone.
#include "policy/fleet.h"
#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::policy;
using namespace ballast::test;
using namespace std::chrono;

namespace {

const TimeZone berlin = {
    "Europe/Berlin", {{sys_seconds{}, 1h}, {sys_days{2026y / 3 / 29} + 1h, 2h}, {sys_days{2026y / 10 / 25} + 1h, 1h}}};
// Clocks go from 24:00 on 5 September to 01:00 on the 6th.
const TimeZone santiago = {"America/Santiago", {{sys_seconds{}, -4h}, {sys_days{2026y / 9 / 6} + 4h, -3h}}};
// There was no 30 December 2011.
const TimeZone apia = {"Pacific/Apia", {{sys_seconds{}, -10h}, {sys_days{2011y / 12 / 30} + 10h, 14h}}};

Options at_night(const TimeZone& zone = {}) {
    Options options;
    options.consolidation.enabled = true;
    options.consolidation.windows = {{"night", {{0, 4, 20 * 60, 6 * 60}}, zone}};
    return options;
}

Inventory at(WallTime time) {
    Inventory inventory;
    inventory.wall_time = time;
    return inventory;
}

std::string text_at(WallTime time, const Options& options) {
    return window_text(at(time), options);
}

unsigned open_minutes(WallTime from, Duration length, const Options& options) {
    unsigned open = 0;
    for (WallTime time = from; time < from + length; time += 1min) open += consolidation_is_open(at(time), options);
    return open;
}

}  // namespace

TEST_CASE("A day is of one year or of every year") {
    const CalendarDays days = {{0, 12, 25}, {2026, 5, 1}, {0, 2, 29}};
    CHECK(contains(days, 2026y / 12 / 25));
    CHECK(contains(days, 1969y / 12 / 25));
    CHECK(contains(days, 2026y / 5 / 1));
    CHECK_FALSE(contains(days, 2027y / 5 / 1));
    CHECK_FALSE(contains(days, 2026y / 12 / 24));
    CHECK(contains(days, 2028y / 2 / 29));
    CHECK_FALSE(contains(days, 2027y / 3 / 1));
}

TEST_CASE("Days off are weekends and holidays") {
    const auto hour_of = [](WallTime time) { return local_hour(time, {}); };
    const CalendarDays days = {{2026, 11, 25}, {0, 12, 31}};
    CHECK(is_day_off(hour_of(sys_days{2026y / 11 / 25}), days));
    CHECK(is_day_off(hour_of(sys_days{2026y / 11 / 25} + 23h), days));
    CHECK_FALSE(is_day_off(hour_of(sys_days{2026y / 11 / 24} + 23h), days));
    CHECK_FALSE(is_day_off(hour_of(sys_days{2026y / 11 / 26}), days));
    CHECK(is_day_off(hour_of(sys_days{2026y / 11 / 28}), {}));
    CHECK(is_day_off(-1, days));  // 1969-12-31
    CHECK_FALSE(is_day_off(0, days));
}

TEST_CASE("On a holiday the window is open from midnight to midnight, and its times hold besides") {
    Options options = at_night();
    const WallTime wednesday = sys_days{2026y / 11 / 25};
    CHECK(open_minutes(wednesday, 24h, options) == 10 * 60);
    options.holidays = {{2026, 11, 25}};
    CHECK(open_minutes(wednesday, 24h, options) == 24 * 60);
    CHECK(open_minutes(wednesday - 24h, 24h, options) == 10 * 60);
    CHECK(open_minutes(wednesday + 24h, 24h, options) == 10 * 60);  // the night of the holiday goes on until six
    CHECK(text_at(wednesday + 12h, options) == "window 'night' is open until Thu 06:00 (UTC), a holiday");
    CHECK(text_at(wednesday + 30h, options) == "no window of consolidation is open");
    options.consolidation.enabled = false;
    CHECK_FALSE(consolidation_is_open(at(wednesday + 12h), options));
}

TEST_CASE("Holidays that follow each other are one time") {
    Options options = at_night();
    options.holidays = {{0, 12, 24}, {0, 12, 25}, {0, 12, 26}, {0, 12, 27}};  // 2026: from Thursday to Sunday
    CHECK(text_at(sys_days{2026y / 12 / 24} + 9h, options) ==
          "window 'night' is open until Mon 00:00 (UTC), a holiday");
    for (unsigned day = 1; day <= 31; ++day) options.holidays.push_back({2027, 8, day});
    CHECK(text_at(sys_days{2027y / 8 / 2}, options) == "window 'night' is open, a holiday");  // for more than a week
}

TEST_CASE("A window's own holidays are nobody else's") {
    Options options = at_night();
    options.consolidation.windows[0].holidays = {{2026, 11, 25}};
    options.consolidation.windows.push_back({"fair", {{5, 5, 0, 60}}, {}, {{2026, 11, 26}}});
    CHECK(text_at(sys_days{2026y / 11 / 25} + 12h, options).starts_with("window 'night' is open"));
    CHECK(text_at(sys_days{2026y / 11 / 26} + 12h, options).starts_with("window 'fair' is open until Fri 00:00"));
    CHECK_FALSE(consolidation_is_open(at(sys_days{2026y / 11 / 27} + 12h), options));
}

TEST_CASE("A holiday is one by the window's clocks, and as long as they make it") {
    Options options = at_night(berlin);
    options.consolidation.windows[0].times = {{2, 2, 3, 4}};  // a minute on Wednesdays, which none of these is
    const auto minutes_of = [&](year_month_day date, const TimeZone& zone) {
        options.consolidation.windows[0].zone = zone;
        options.holidays = {{static_cast<unsigned>(int{date.year()}), unsigned{date.month()}, unsigned{date.day()}}};
        return open_minutes(sys_days{date} - 24h, 72h, options);
    };
    CHECK(minutes_of(2026y / 3 / 27, berlin) == 24 * 60);
    CHECK(minutes_of(2026y / 3 / 29, berlin) == 23 * 60);
    CHECK(minutes_of(2026y / 10 / 25, berlin) == 25 * 60);
    CHECK(minutes_of(2026y / 9 / 6, santiago) == 23 * 60);
    CHECK(minutes_of(2011y / 12 / 30, apia) == 0);
    options.consolidation.windows[0].zone = berlin;
    options.holidays = {{2026, 5, 1}};
    CHECK_FALSE(consolidation_is_open(at(sys_days{2026y / 4 / 30} + 21h + 59min), options));
    CHECK(consolidation_is_open(at(sys_days{2026y / 4 / 30} + 22h), options));
    CHECK_FALSE(consolidation_is_open(at(sys_days{2026y / 5 / 1} + 22h), options));
}

TEST_CASE("Whoever does not know the time knows no holiday") {
    Options options = at_night();
    options.holidays = {{0, 1, 1}};
    CHECK_FALSE(consolidation_is_open({}, options));
}
