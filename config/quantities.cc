#include "config/quantities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include "config/text.h"

namespace ballast::config {

namespace {

constexpr std::string_view digits = "0123456789";

Error invalid(std::string message) {
    return {ErrorCode::invalid, {}, std::move(message)};
}

struct Quantity {
    std::string number;  // plain decimal
    std::string unit;
};

// What makes a number at the beginning of `text` unacceptable; `how` shows an operator the right way.
std::optional<Error> problem_of_number(const std::string& text, const std::string& number, const std::string& how) {
    if (text.starts_with('-')) return invalid(quoted(text) + " is negative; expected " + how);
    if (number.empty()) return invalid("expected " + how + ", found " + quoted(text));
    if (number.size() > 1 && number[0] == '0' && number[1] != '.') {
        return invalid(quoted(text) + " begins with a zero, which some read as octal; write it without");
    }
    return std::nullopt;
}

// Number, an optional space, and the rest as the unit.
Result<Quantity> split(const std::string& text, const std::string& how) {
    const auto whole = std::min(text.find_first_not_of(digits), text.size());
    auto end = whole;
    if (whole > 0 && text.substr(whole, 1) == "." && text.find_first_of(digits, whole) == whole + 1) {
        end = std::min(text.find_first_not_of(digits, whole + 1), text.size());
    }
    Quantity quantity{text.substr(0, end), text.substr(end)};
    if (auto problem = problem_of_number(text, quantity.number, how)) return *problem;
    if (quantity.unit.size() > 1 && quantity.unit.front() == ' ') quantity.unit.erase(0, 1);
    if (quantity.unit.empty()) return invalid(quoted(text) + " has no unit; expected " + how);
    return quantity;
}

// The number must be digits with at most one point, as split() leaves it.
double decimal(const std::string& number, int exponent = 0) {
    const std::string text = number + "e" + std::to_string(exponent);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<std::uint64_t> whole_number(std::string_view number) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    const bool all = error == std::errc{} && end == number.data() + number.size();
    return all ? std::optional(value) : std::nullopt;
}

template <class Value>
struct Unit {
    std::string_view name;
    Value factor;
};

template <class Value, std::size_t n>
std::optional<Value> factor_of(const std::array<Unit<Value>, n>& units, std::string_view name) {
    const auto unit = std::find_if(units.begin(), units.end(), [&](const auto& u) { return u.name == name; });
    return unit == units.end() ? std::nullopt : std::optional(unit->factor);
}

Error unknown_unit(const std::string& text, const std::string& unit, const std::string& how) {
    return invalid(quoted(text) + ": unknown unit " + quoted(unit) + "; expected " + how);
}

const std::string ratio_form = "a percentage such as `80%`";
const std::string bytes_form = "a size such as `512MiB`, `2GiB` or `100MB`";
const std::string duration_form = "a duration such as `100ms`, `30s`, `5min` or `1h30min`";
const std::string rate_form = "a rate such as `100MiB/s` or `1Gbit/s`";
const std::string number_form = "a number such as `4` or `1.5`";
const std::string count_form = "a whole number";

constexpr std::array<Unit<std::uint64_t>, 9> byte_units{{{"TiB", 1ULL << 40U},
                                                         {"GiB", 1ULL << 30U},
                                                         {"MiB", 1ULL << 20U},
                                                         {"KiB", 1ULL << 10U},
                                                         {"B", 1},
                                                         {"kB", 1'000},
                                                         {"MB", 1'000'000},
                                                         {"GB", 1'000'000'000},
                                                         {"TB", 1'000'000'000'000}}};

// Longest first, which is also the order in which they may follow each other.
constexpr std::array<Unit<std::int64_t>, 5> duration_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1'000}, {"ms", 1}}};

constexpr double bytes_per_mib = 1024.0 * 1024.0;
constexpr std::array<Unit<double>, 8> rate_units{{{"MiB/s", 1.0},
                                                  {"GiB/s", 1024.0},
                                                  {"KiB/s", 1.0 / 1024.0},
                                                  {"Gbit/s", 1e9 / 8 / bytes_per_mib},
                                                  {"Mbit/s", 1e6 / 8 / bytes_per_mib},
                                                  {"kB/s", 1e3 / bytes_per_mib},
                                                  {"MB/s", 1e6 / bytes_per_mib},
                                                  {"GB/s", 1e9 / bytes_per_mib}}};

// Ten years: far above any range, far below an overflow of milliseconds.
constexpr std::int64_t longest_duration_ms = 10LL * 365 * 86'400'000;

struct Piece {
    std::int64_t ms = 0;
    std::size_t unit = 0;  // index in duration_units
    std::size_t length = 0;
};

// One "5min" at the beginning of `rest`, not larger than longest_duration_ms.
std::optional<Piece> duration_piece(std::string_view rest) {
    const auto number_end = std::min(rest.find_first_not_of(digits), rest.size());
    const auto unit_end = std::min(rest.find_first_of(digits, number_end), rest.size());
    std::string_view unit = rest.substr(number_end, unit_end - number_end);
    if (unit.starts_with(' ')) unit.remove_prefix(1);
    if (unit.ends_with(' ')) unit.remove_suffix(1);
    const auto found =
        std::find_if(duration_units.begin(), duration_units.end(), [&](const auto& u) { return u.name == unit; });
    const auto number = whole_number(rest.substr(0, number_end));
    if (!number || found == duration_units.end()) return std::nullopt;
    const auto limit = static_cast<std::uint64_t>(longest_duration_ms / found->factor);
    const auto ms = static_cast<std::int64_t>(std::min(*number, limit)) * found->factor;
    return Piece{ms, static_cast<std::size_t>(found - duration_units.begin()), unit_end};
}

// The shortest text that from_chars reads back as the same value, without an exponent.
std::string shortest(double value) {
    std::array<char, 512> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
    return {text.data(), end};
}

}  // namespace

Result<double> parse_ratio(const std::string& text) {
    const auto quantity = split(text, ratio_form);
    if (!quantity) return quantity.error();
    if (quantity->unit != "%") return unknown_unit(text, quantity->unit, ratio_form);
    return decimal(quantity->number, -2);
}

Result<Bytes> parse_bytes(const std::string& text) {
    const auto quantity = split(text, bytes_form);
    if (!quantity) return quantity.error();
    const auto factor = factor_of(byte_units, quantity->unit);
    if (!factor) return unknown_unit(text, quantity->unit, bytes_form);
    if (const auto whole = whole_number(quantity->number)) {
        if (*whole > UINT64_MAX / *factor) return invalid(quoted(text) + " is too large");
        return Bytes{*whole * *factor};
    }
    const double bytes = decimal(quantity->number) * static_cast<double>(*factor);
    if (bytes >= 9e15) return invalid(quoted(text) + " is too large");  // doubles are exact below 2^53
    if (bytes != std::floor(bytes)) return invalid(quoted(text) + " is not a whole number of bytes");
    return Bytes{static_cast<std::uint64_t>(bytes)};
}

Result<Duration> parse_duration(const std::string& text) {
    const auto first = split(text, duration_form);
    if (!first) return first.error();
    std::int64_t total = 0;
    std::size_t next_unit = 0;
    for (std::string_view rest = text; !rest.empty();) {
        const auto piece = duration_piece(rest);
        if (!piece) return invalid("expected " + duration_form + ", found " + quoted(text));
        if (piece->unit < next_unit) return invalid(quoted(text) + ": write each unit once, the largest first");
        next_unit = piece->unit + 1;
        total = std::min(total + piece->ms, longest_duration_ms);
        rest.remove_prefix(piece->length);
    }
    return Duration{total};
}

Result<double> parse_rate(const std::string& text) {
    const auto quantity = split(text, rate_form);
    if (!quantity) return quantity.error();
    const auto factor = factor_of(rate_units, quantity->unit);
    if (!factor) return unknown_unit(text, quantity->unit, rate_form);
    return decimal(quantity->number) * *factor;
}

Result<std::uint64_t> parse_count(const std::string& text) {
    const auto number = text.substr(0, text.find_first_not_of(digits));
    if (auto problem = problem_of_number(text, number, count_form)) return *problem;
    if (number != text) return invalid("expected " + count_form + ", found " + quoted(text));
    const auto value = whole_number(number);
    return value ? Result<std::uint64_t>(*value) : invalid(quoted(text) + " is too large");
}

Result<double> parse_number(const std::string& text) {
    const auto whole = std::min(text.find_first_not_of(digits), text.size());
    const bool point = whole > 0 && text.substr(whole, 1) == "." && text.find_first_of(digits, whole) == whole + 1;
    const auto end = point ? std::min(text.find_first_not_of(digits, whole + 1), text.size()) : whole;
    const std::string number = text.substr(0, end);
    if (auto problem = problem_of_number(text, number, number_form)) return *problem;
    if (number != text) return invalid("expected " + number_form + ", found " + quoted(text));
    return decimal(number);
}

Result<bool> parse_boolean(const std::string& text) {
    if (text == "true" || text == "false") return text == "true";
    return invalid("expected true or false, found " + quoted(text));
}

std::string write_ratio(double ratio) {
    // Digits shifted as text: a multiplication by 100 would round.
    std::string number = shortest(ratio);
    const auto point = std::min(number.find('.'), number.size());
    std::string whole = number.substr(0, point);
    std::string fraction = point < number.size() ? number.substr(point + 1) : "";
    fraction.resize(std::max<std::size_t>(fraction.size(), 2), '0');
    whole += fraction.substr(0, 2);
    fraction.erase(0, 2);
    whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
    return whole + (fraction.empty() ? "" : "." + fraction) + "%";
}

std::string write_bytes(Bytes bytes) {
    const auto unit = std::find_if(byte_units.begin(), byte_units.end(), [&](const auto& u) {
        return u.factor == 1 || (bytes.count != 0 && bytes.count % u.factor == 0);
    });
    return std::to_string(bytes.count / unit->factor) + std::string(unit->name);
}

std::string write_duration(Duration duration) {
    std::string text;
    std::int64_t rest = duration.count();
    for (const auto& unit : duration_units) {
        if (rest >= unit.factor) text += std::to_string(rest / unit.factor) + std::string(unit.name);
        rest %= unit.factor;
    }
    return text.empty() ? "0s" : text;
}

std::string write_rate(double mib_per_s) {
    for (const char* unit : {"GiB/s", "MiB/s", "Gbit/s", "Mbit/s", "MB/s"}) {
        const double whole = std::round(mib_per_s / *factor_of(rate_units, unit));
        const std::string text = shortest(whole) + unit;
        if (const auto back = parse_rate(text); whole >= 1 && whole < 1e15 && back && *back == mib_per_s) return text;
    }
    return shortest(mib_per_s) + "MiB/s";
}

std::string write_number(double value) {
    return shortest(value);
}

std::string write_boolean(bool value) {
    return value ? "true" : "false";
}

}  // namespace ballast::config
