// The time of day and week in a time zone, for time windows. Pure: a zone is a table of its offsets, read by config/
// when the policy is loaded.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/units.h"

namespace ballast::policy {

struct TimeZone {
    std::string name = "UTC";
    /// What is added to UTC from each of these times on, oldest first; the first also holds before it. Empty: nothing.
    std::vector<std::pair<std::chrono::sys_seconds, std::chrono::seconds>> offsets;
};

inline constexpr unsigned minutes_per_day = 24 * 60;
inline constexpr unsigned minutes_per_week = 7 * minutes_per_day;

/// Minutes since Monday 00:00 on the clocks of the zone: below minutes_per_week.
unsigned minute_of_week(WallTime time, const TimeZone& zone);

/// Hours of a zone's clocks since they showed 1970-01-01 00:00: 24 * day + hour of the day. Clocks put forward skip
/// one, clocks put back repeat one.
using LocalHour = std::int64_t;
LocalHour local_hour(WallTime time, const TimeZone& zone);
/// Saturday or Sunday.
bool is_weekend(LocalHour hour);

/// A day of the calendar: of one year, or of every year. 29 February of every year is one in leap years only.
struct CalendarDay {
    unsigned year = 0;  // 0: every year
    unsigned month = 1, day = 1;

    friend bool operator==(const CalendarDay&, const CalendarDay&) = default;
};
using CalendarDays = std::vector<CalendarDay>;
bool contains(const CalendarDays& days, std::chrono::year_month_day date);
/// The date on the clocks of the zone. A day on which they change has 23 or 25 hours.
std::chrono::year_month_day local_date(WallTime time, const TimeZone& zone);
/// A day of the weekend, or a holiday.
bool is_day_off(LocalHour hour, const CalendarDays& holidays);

/// "08:00".
std::string clock_time(LocalHour hour);

/// The same clock time on several days of a week. Ends on the next day when `to` is not after `from`; it then belongs
/// to the day on which it begins. Clocks that are put forward skip a part of it, clocks put back repeat one.
struct WeekSpan {
    unsigned first_day = 0, last_day = 6;     // 0 is Monday; from Saturday to Monday is 5 and 0
    unsigned from = 0, to = minutes_per_day;  // minutes since midnight; `to` may be 1440

    friend bool operator==(const WeekSpan&, const WeekSpan&) = default;
};
bool contains(const WeekSpan& span, unsigned minute_of_week);
bool any_contains(const std::vector<WeekSpan>& spans, unsigned minute_of_week);
/// The same by the clocks of the zone, where each of the holidays counts as a Sunday: for the spans that begin on it,
/// and so for their ends on the day after.
bool any_contains(const std::vector<WeekSpan>& spans, WallTime time, const TimeZone& zone,
                  const CalendarDays& holidays);

/// The full minute at which `holds` becomes another than it is now; nothing when it does not within a week. Minute by
/// minute of real time, so that clocks put forward or back on the way are taken as they are.
std::optional<WallTime> next_change(WallTime now, const std::function<bool(WallTime)>& holds);
/// The minute of the week at which `any_contains` becomes another than it is now; nothing when it does not within a
/// week.
std::optional<unsigned> next_change(const std::vector<WeekSpan>& spans, WallTime now, const TimeZone& zone,
                                    const CalendarDays& holidays = {});

/// "Mon 22:00".
std::string week_time(unsigned minute_of_week);

}  // namespace ballast::policy
