// Days off beside weekends: windows of consolidation are open all day, by the clocks of their zone.
#include "policy/constraints/constraint.h"
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

TEST_CASE("For windows of VMs a holiday is a Sunday, also for the night that begins on it") {
    const std::vector<WeekSpan> office = {{0, 4, 8 * 60, 18 * 60}}, nights = {{0, 4, 22 * 60, 6 * 60}},
                                weekend = {{5, 6, 0, 24 * 60}}, daily = {{0, 6, 2 * 60, 4 * 60}};
    const CalendarDays days = {{2026, 5, 1}};  // a Friday
    const struct {
        WallTime time;
        bool office, nights, weekend, daily;
    } rows[] = {
        {sys_days{2026y / 4 / 30} + 9h, true, false, false, false},  // Thursday
        {sys_days{2026y / 4 / 30} + 23h, false, true, false, false},
        {sys_days{2026y / 5 / 1} + 3h, false, true, true, true},  // the end of Thursday's night
        {sys_days{2026y / 5 / 1} + 9h, false, false, true, false},
        {sys_days{2026y / 5 / 1} + 23h, false, false, true, false},
        {sys_days{2026y / 5 / 2} + 3h, false, false, true, true},  // no Friday's night began
        {sys_days{2026y / 5 / 4} + 9h, true, false, false, false},
    };
    for (const auto& row : rows) {
        INFO(row.time.time_since_epoch().count());
        CHECK(any_contains(office, row.time, {}, days) == row.office);
        CHECK(any_contains(nights, row.time, {}, days) == row.nights);
        CHECK(any_contains(weekend, row.time, {}, days) == row.weekend);
        CHECK(any_contains(daily, row.time, {}, days) == row.daily);
        CHECK(any_contains(office, row.time, {}, {}) == contains(office[0], minute_of_week(row.time, {})));
    }
    CHECK(week_time(*next_change(office, sys_days{2026y / 4 / 30} + 20h, {}, days)) == "Mon 08:00");
    // Friday 00:30 in Berlin is Thursday in UTC.
    CHECK(any_contains(weekend, sys_days{2026y / 4 / 30} + 22h + 30min, berlin, days));
}

TEST_CASE("A VM whose window denies working hours may be moved on a holiday, unless its owner works then") {
    Cluster cluster = small_cluster();
    cluster.inventory.wall_time = sys_days{2026y / 5 / 1} + 9h;
    cluster.options.windows = {{"office", {"a"}, {}, {{0, 4, 8 * 60, 18 * 60}}, {}, false, ""}};
    const auto moves_for_relief = [&] {
        const Context context = make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
        return vm_refusals(context, cluster.guest("a"), Purpose::relief);
    };
    CHECK(has(moves_for_relief(), "a", Reason::window));
    cluster.options.holidays = {{2026, 5, 1}};
    CHECK_FALSE(has(moves_for_relief(), "a", Reason::window));
    cluster.options.windows[0].ignore_holidays = true;
    const auto refused = moves_for_relief();
    REQUIRE(has(refused, "a", Reason::window));
    CHECK(refused.front().detail == "by window office, until Fri 18:00 (UTC)");
    cluster.options.windows = {{"nights", {"a"}, {{0, 4, 0, 24 * 60}}, {}, {}, false, ""}};
    const auto closed = moves_for_relief();
    REQUIRE(has(closed, "a", Reason::window));
    CHECK(closed.front().detail == "by window nights, until Mon 00:00 (UTC), today is a holiday");
}

TEST_CASE("Whoever does not know the time knows no holiday") {
    Options options = at_night();
    options.holidays = {{0, 1, 1}};
    CHECK_FALSE(consolidation_is_open({}, options));
}
