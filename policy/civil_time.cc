#include "policy/civil_time.h"

#include <algorithm>
#include <array>

namespace ballast::policy {

namespace {

constexpr std::array<const char*, 7> day_names = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

std::chrono::seconds offset_at(std::chrono::sys_seconds time, const TimeZone& zone) {
    if (zone.offsets.empty()) return {};
    auto next = std::upper_bound(zone.offsets.begin(), zone.offsets.end(), time,
                                 [](const auto& at, const auto& offset) { return at < offset.first; });
    return next == zone.offsets.begin() ? next->second : std::prev(next)->second;
}

bool has_day(const WeekSpan& span, unsigned day) {
    return span.first_day <= span.last_day ? day >= span.first_day && day <= span.last_day
                                           : day >= span.first_day || day <= span.last_day;
}

constexpr unsigned sunday = 6;

// On a day of the week, after one of another or of the same: those of holidays need not follow each other.
bool contains(const WeekSpan& span, unsigned minute, unsigned day, unsigned day_before) {
    if (span.from < span.to) return has_day(span, day) && minute >= span.from && minute < span.to;
    return (has_day(span, day) && minute >= span.from) || (has_day(span, day_before) && minute < span.to);
}

std::string two_digits(unsigned number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

unsigned minute_of_week(WallTime time, const TimeZone& zone) {
    using namespace std::chrono;
    const auto utc = floor<seconds>(time);
    const auto local = floor<minutes>(utc + offset_at(utc, zone)).time_since_epoch().count();
    constexpr long thursday = 3 * minutes_per_day;  // 1970-01-01 was one
    constexpr long week = minutes_per_week;
    return static_cast<unsigned>(((local + thursday) % week + week) % week);
}

LocalHour local_hour(WallTime time, const TimeZone& zone) {
    using namespace std::chrono;
    const auto utc = floor<seconds>(time);
    return floor<hours>(utc + offset_at(utc, zone)).time_since_epoch().count();
}

bool is_weekend(LocalHour hour) {
    const LocalHour day = (hour >= 0 ? hour : hour - 23) / 24;
    return ((day + 3) % 7 + 7) % 7 >= 5;  // 1970-01-01 was a Thursday
}

bool contains(const CalendarDays& days, std::chrono::year_month_day date) {
    return std::any_of(days.begin(), days.end(), [&](const CalendarDay& day) {
        return day.day == unsigned{date.day()} && day.month == unsigned{date.month()} &&
               (day.year == 0 || static_cast<int>(day.year) == int{date.year()});
    });
}

std::chrono::year_month_day local_date(WallTime time, const TimeZone& zone) {
    using namespace std::chrono;
    const auto utc = floor<seconds>(time);
    return floor<days>(utc + offset_at(utc, zone));
}

bool is_day_off(LocalHour hour, const CalendarDays& holidays) {
    using namespace std::chrono;
    return is_weekend(hour) || contains(holidays, floor<days>(sys_time<hours>(hours{hour})));
}

std::string clock_time(LocalHour hour) {
    return two_digits(static_cast<unsigned>((hour % 24 + 24) % 24)) + ":00";
}

bool contains(const WeekSpan& span, unsigned minute_of_week) {
    const unsigned day = minute_of_week / minutes_per_day;
    return contains(span, minute_of_week % minutes_per_day, day, (day + 6) % 7);
}

bool any_contains(const std::vector<WeekSpan>& spans, unsigned minute_of_week) {
    return std::any_of(spans.begin(), spans.end(), [&](const WeekSpan& s) { return contains(s, minute_of_week); });
}

bool any_contains(const std::vector<WeekSpan>& spans, WallTime time, const TimeZone& zone,
                  const CalendarDays& holidays) {
    const unsigned now = minute_of_week(time, zone);
    if (spans.empty() || holidays.empty()) return any_contains(spans, now);
    const std::chrono::sys_days today = local_date(time, zone);
    const unsigned day = now / minutes_per_day;
    const unsigned as_day = contains(holidays, today) ? sunday : day;
    const unsigned as_day_before = contains(holidays, today - std::chrono::days{1}) ? sunday : (day + 6) % 7;
    return std::any_of(spans.begin(), spans.end(), [&](const WeekSpan& span) {
        return contains(span, now % minutes_per_day, as_day, as_day_before);
    });
}

std::optional<WallTime> next_change(WallTime now, const std::function<bool(WallTime)>& holds) {
    const auto start = std::chrono::floor<std::chrono::minutes>(now);
    const bool held = holds(start);
    for (unsigned i = 1; i <= minutes_per_week; ++i) {
        const WallTime then = start + std::chrono::minutes{i};
        if (holds(then) != held) return then;
    }
    return std::nullopt;
}

std::optional<unsigned> next_change(const std::vector<WeekSpan>& spans, WallTime now, const TimeZone& zone,
                                    const CalendarDays& holidays) {
    const auto change = next_change(now, [&](WallTime time) { return any_contains(spans, time, zone, holidays); });
    return change ? std::optional(minute_of_week(*change, zone)) : std::nullopt;
}

std::string week_time(unsigned minute_of_week) {
    const unsigned minute = minute_of_week % minutes_per_day;
    return std::string(day_names[minute_of_week / minutes_per_day % 7]) + " " + two_digits(minute / 60) + ":" +
           two_digits(minute % 60);
}

}  // namespace ballast::policy
