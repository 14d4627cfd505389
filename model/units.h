// Quantities that must not be mixed up, and how people read them. Values only.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace ballast {

/// An amount of memory or data. Subtraction stops at zero: there is no negative memory.
struct Bytes {
    std::uint64_t count = 0;

    friend auto operator<=>(const Bytes&, const Bytes&) = default;
    friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
    friend constexpr Bytes operator-(Bytes a, Bytes b) { return {a.count > b.count ? a.count - b.count : 0}; }
    Bytes& operator+=(Bytes other) { return *this = *this + other; }
    Bytes& operator-=(Bytes other) { return *this = *this - other; }
    constexpr double mib() const { return static_cast<double>(count) / (1024.0 * 1024.0); }
    constexpr double gib() const { return mib() / 1024.0; }
};

constexpr Bytes kib(std::uint64_t n) {
    return {n << 10};
}
constexpr Bytes mib(std::uint64_t n) {
    return {n << 20};
}
constexpr Bytes gib(std::uint64_t n) {
    return {n << 30};
}
constexpr Bytes scaled(Bytes b, double factor) {
    return {static_cast<std::uint64_t>(static_cast<double>(b.count) * factor)};
}

using Duration = std::chrono::milliseconds;

/// CLOCK_BOOTTIME: every deadline and every waiting period is measured on it, so that a step of the wall
/// clock changes nothing. Not comparable between machines or boots.
struct BootClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady = true;
};
using Instant = BootClock::time_point;

/// UTC, for records and for people only.
using WallTime = std::chrono::sys_time<Duration>;

/// "96 MiB", "1.5 GiB": binary units, at most one decimal.
std::string to_string(Bytes bytes);
/// "160 ms", "4.2 s", "5 min", "1 h 20 min".
std::string to_string(Duration duration);
/// "2026-11-22T09:15:00Z" (RFC 3339, whole seconds).
std::string to_string(WallTime time);
/// "83 %" from a ratio of 0.83.
std::string percent(double ratio);
/// A number with the given count of decimals, "." as the decimal point whatever the locale.
std::string fixed(double value, int decimals);

}  // namespace ballast
