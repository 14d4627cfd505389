#include "model/units.h"

#include <cmath>
#include <cstdio>
#include <ctime>

namespace ballast {

std::string fixed(double value, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

namespace {
// At most one decimal, and none when it would be zero or the number is large.
std::string short_number(double value) {
    const bool whole = value >= 100 || std::fabs(value - std::round(value)) < 0.05;
    return fixed(value, whole ? 0 : 1);
}
}  // namespace

std::string to_string(Bytes bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = static_cast<double>(bytes.count);
    int unit = 0;
    while (value >= 1024 && unit < 5) {
        value /= 1024;
        ++unit;
    }
    return short_number(value) + " " + units[unit];
}

std::string to_string(Duration duration) {
    const auto ms = duration.count();
    if (ms < 1000) return std::to_string(ms) + " ms";
    if (ms < 120'000) return short_number(static_cast<double>(ms) / 1000.0) + " s";
    const auto minutes = (ms + 30'000) / 60'000;
    if (minutes < 120) return std::to_string(minutes) + " min";
    const auto rest = minutes % 60;
    return std::to_string(minutes / 60) + " h" + (rest != 0 ? " " + std::to_string(rest) + " min" : "");
}

std::string to_string(WallTime time) {
    const std::time_t seconds =
        std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string percent(double ratio) {
    return fixed(ratio * 100, ratio < 0.0995 && ratio > 0 ? 1 : 0) + " %";
}

}  // namespace ballast
