#include "config/week_time.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <sstream>
#include <vector>

#include "config/text.h"

namespace ballast::config {

namespace {

constexpr std::array<std::string_view, 7> day_names = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
const std::string span_form = "a time such as `mon-fri 22:00-06:00`, `sat 08:00-24:00` or `22:00-06:00`";

Error invalid(const std::string& text) {
    return {ErrorCode::invalid, {}, "expected " + span_form + ", found " + quoted(text)};
}

std::optional<unsigned> day(const std::string& text) {
    for (unsigned i = 0; i < day_names.size(); ++i)
        if (text == day_names[i]) return i;
    return std::nullopt;
}

std::optional<unsigned> two_digits(const std::string& text) {
    if (text.size() != 2 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    return static_cast<unsigned>((text[0] - '0') * 10 + (text[1] - '0'));
}

// "06:00" in minutes since midnight, up to 24:00.
std::optional<unsigned> minute(const std::string& text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto hours = two_digits(text.substr(0, 2));
    const auto minutes = two_digits(text.substr(3));
    if (!hours || !minutes || *minutes > 59 || *hours * 60 + *minutes > policy::minutes_per_day) return std::nullopt;
    return *hours * 60 + *minutes;
}

std::pair<std::string, std::string> cut(const std::string& text) {
    const auto dash = text.find('-');
    return dash == std::string::npos ? std::pair{text, std::string()}
                                     : std::pair{text.substr(0, dash), text.substr(dash + 1)};
}

std::string clock(unsigned minutes) {
    const auto two = [](unsigned n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return two(minutes / 60) + ":" + two(minutes % 60);
}

// The numbers of a date; nothing when it is not written as one.
std::optional<policy::CalendarDay> date_of(const std::string& text) {
    const bool every_year = text.size() == 5;
    const std::string_view form = every_year ? "00-00" : "0000-00-00";
    const auto as_form = [](char c) { return c >= '0' && c <= '9' ? '0' : c; };
    std::string shape = text;
    std::transform(shape.begin(), shape.end(), shape.begin(), as_form);
    if (shape != form) return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t digits) {
        return static_cast<unsigned>(std::stoul(text.substr(at, digits)));
    };
    if (every_year) return policy::CalendarDay{0, number(0, 2), number(3, 2)};
    return policy::CalendarDay{number(0, 4), number(5, 2), number(8, 2)};
}

// Of every year, 29 February is a day, too.
bool is_in_calendar(const policy::CalendarDay& day) {
    constexpr int leap_year = 2000;
    return (std::chrono::year{day.year == 0 ? leap_year : static_cast<int>(day.year)} / std::chrono::month{day.month} /
            std::chrono::day{day.day})
        .ok();
}

}  // namespace

Result<policy::CalendarDay> parse_calendar_day(const std::string& text) {
    const auto day = date_of(text);
    if (!day || (day->year == 0 && text.size() > 5))
        return Error{ErrorCode::invalid,
                     {},
                     "expected a date such as `2026-12-24` or, for every year, `12-25`, found " + quoted(text)};
    if (!is_in_calendar(*day)) return Error{ErrorCode::invalid, {}, quoted(text) + " is no day of the calendar"};
    return *day;
}

std::string write_calendar_day(const policy::CalendarDay& day) {
    char text[32];
    if (day.year == 0)
        std::snprintf(text, sizeof text, "%02u-%02u", day.month, day.day);
    else
        std::snprintf(text, sizeof text, "%04u-%02u-%02u", day.year, day.month, day.day);
    return text;
}

Result<policy::WeekSpan> parse_week_span(const std::string& text) {
    policy::WeekSpan span;
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.empty() || words.size() > 2) return invalid(text);
    if (words.size() == 2) {
        const auto [first, last] = cut(words[0]);
        const auto from = day(first);
        const auto to = words[0].find('-') == std::string::npos ? from : day(last);
        if (!from || !to) return invalid(text);
        span.first_day = *from;
        span.last_day = *to;
    }
    const auto [begin, end] = cut(words.back());
    const auto from = minute(begin);
    const auto to = minute(end);
    if (!from || !to || *from == policy::minutes_per_day || *from == *to) return invalid(text);
    span.from = *from;
    span.to = *to;
    return span;
}

std::string write_week_span(const policy::WeekSpan& span) {
    std::string text = clock(span.from) + "-" + clock(span.to);
    if (span.first_day == 0 && span.last_day == 6) return text;
    std::string days(day_names[span.first_day]);
    if (span.last_day != span.first_day) days += "-" + std::string(day_names[span.last_day]);
    return days + " " + text;
}

}  // namespace ballast::config
