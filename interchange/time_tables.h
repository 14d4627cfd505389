// Part of tables.h: time zones, times of the week, dates, and the windows made of them.
#pragma once

#include "interchange/fields.h"
#include "policy/options.h"

namespace ballast::interchange {

template <>
struct Described<policy::TimeZone> {
    using T = policy::TimeZone;
    static constexpr auto fields = std::tuple{required("name", &T::name), field("offsets", &T::offsets)};
};
template <>
struct Described<policy::WeekSpan> {
    using T = policy::WeekSpan;
    static constexpr auto fields =
        std::tuple{field("first_day", &T::first_day, {0, 6}), field("last_day", &T::last_day, {0, 6}),
                   field("from_minute", &T::from, {0, policy::minutes_per_day}),
                   field("to_minute", &T::to, {0, policy::minutes_per_day})};
};
template <>
struct Described<policy::Window> {
    using T = policy::Window;
    static constexpr auto fields = std::tuple{
        required("name", &T::name),  field("vms", &T::vms),       field("allow", &T::allow),
        field("deny", &T::deny),     field("zone", &T::zone),     field("maintenance", &T::maintenance),
        field("origin", &T::origin), field("column", &T::column), field("ignore_holidays", &T::ignore_holidays)};
};
template <>
struct Described<policy::CalendarDay> {
    using T = policy::CalendarDay;
    static constexpr auto fields = std::tuple{field("year", &T::year, {0, 9999}), field("month", &T::month, {1, 12}),
                                              field("day", &T::day, {1, 31})};
};
template <>
struct Described<policy::OpenTimes> {
    using T = policy::OpenTimes;
    static constexpr auto fields = std::tuple{required("name", &T::name), field("times", &T::times),
                                              field("zone", &T::zone), field("holidays", &T::holidays)};
};

}  // namespace ballast::interchange
