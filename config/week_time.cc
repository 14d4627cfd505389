#include "config/week_time.h"

#include <array>
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

}  // namespace

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
