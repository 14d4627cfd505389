#include "cli/human.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "model/units.h"

namespace ballast::cli {

namespace {
constexpr const char* unknown = "-";
constexpr double busy = 0.80;  // policy::OverloadOptions::cpu as shipped
constexpr double full = 0.95;
constexpr int load_bar_width = 10;

Tone tone_of_load(double ratio) {
    if (ratio >= full) return Tone::bad;
    return ratio >= busy ? Tone::notice : Tone::good;
}
}  // namespace

std::string duration(const value& from, std::string_view key) {
    const auto ms = number(from, key);
    return ms ? to_string(Duration(std::llround(*ms))) : unknown;
}

std::string bytes(const value& from, std::string_view key) {
    const auto count = number(from, key);
    return count && *count >= 0 ? to_string(Bytes{static_cast<std::uint64_t>(*count)}) : unknown;
}

std::string percent_of(const value& from, std::string_view key) {
    const auto ratio = number(from, key);
    return ratio ? percent(*ratio) : unknown;
}

std::string decimal(const value& from, std::string_view key, int decimals) {
    const auto figure = number(from, key);
    if (!figure) return unknown;
    return *figure == std::floor(*figure) ? fixed(*figure, 0) : fixed(*figure, decimals);
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
    return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::int64_t whole(const value& from, std::string_view key) {
    return static_cast<std::int64_t>(number(from, key).value_or(0));
}

std::string local_time(const std::string& rfc3339) {
    std::tm parts{};
    if (!strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return rfc3339.empty() ? unknown : rfc3339;
    const std::time_t seconds = timegm(&parts);
    localtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    return text;
}

std::optional<Duration> seconds_since(const std::string& rfc3339) {
    std::tm parts{};
    if (!strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return std::nullopt;
    const std::time_t ago = std::time(nullptr) - timegm(&parts);
    if (ago < 0) return std::nullopt;
    return std::chrono::seconds(ago);
}

std::string arrow(const Style& style) {
    return style.unicode ? " → " : " -> ";
}

std::string bar(double ratio, int width, const Style& style) {
    const auto halves = static_cast<int>(std::lround(std::clamp(ratio, 0.0, 1.0) * width * 2));
    std::string text;
    for (int i = 0; i < width; ++i) {
        const int left = halves - 2 * i;
        if (style.unicode)
            text += left >= 2 ? "█" : left == 1 ? "▌" : "░";
        else
            text += left >= 1 ? '#' : '.';
    }
    return text;
}

Phrase load_percent(std::optional<double> ratio) {
    if (!ratio) return unknown;
    char text[16];
    std::snprintf(text, sizeof text, "%3.0f %%", *ratio * 100);
    return {text, *ratio >= busy ? tone_of_load(*ratio) : Tone::plain};
}

Phrase load_bar(std::optional<double> ratio, const Style& style) {
    if (!ratio) return unknown;
    return Phrase(bar(*ratio, load_bar_width, style), tone_of_load(*ratio)).add(" ").add(load_percent(ratio));
}

Tone tone_of_state(std::string_view state) {
    for (const auto* bad : {"overloaded", "degraded", "down", "crashed", "failed"})
        if (state == bad) return Tone::bad;
    for (const auto* notice : {"hot", "switching_off", "switching_on", "stale", "lost", "draining", "maintenance",
                               "paused", "rolled_back", "cancelled", "waiting"})
        if (state == notice) return Tone::notice;
    for (const auto* good : {"ok", "done", "running"})
        if (state == good) return Tone::good;
    return Tone::plain;
}

Phrase state_phrase(const std::string& state) {
    std::string words = state;
    std::replace(words.begin(), words.end(), '_', ' ');
    return {words, tone_of_state(state)};
}

}  // namespace ballast::cli
