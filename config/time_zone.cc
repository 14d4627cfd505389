// Time zone files [RFC 8536; tzfile(5)]: a table of transitions and, at its end, a rule in POSIX form for all years
// after them. Both are made one table, so that the policy needs no clock library and no files.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "config/names.h"
#include "config/text.h"
#include "config/week_time.h"

namespace ballast::config {

namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using Offsets = std::vector<std::pair<sys_seconds, seconds>>;

constexpr std::size_t header_size = 44;
constexpr std::size_t largest_file = 1 << 20;
// The policy is loaded anew long before; a table of two changes a year stays small.
constexpr std::chrono::year table_ends{2100};

std::int64_t big_endian(std::string_view bytes) {
    std::uint64_t value = (static_cast<unsigned char>(bytes.front()) & 0x80U) != 0 ? ~0ULL : 0;
    for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(value);
}

struct Header {
    std::size_t utc, standard, leaps, times, types, characters;
};

std::optional<Header> header_at(std::string_view file) {
    if (file.size() < header_size || !file.starts_with("TZif")) return std::nullopt;
    const auto count = [&](std::size_t i) { return static_cast<std::size_t>(big_endian(file.substr(20 + 4 * i, 4))); };
    const Header header{count(0), count(1), count(2), count(3), count(4), count(5)};
    for (const std::size_t n :
         {header.utc, header.standard, header.leaps, header.times, header.types, header.characters})
        if (n > largest_file) return std::nullopt;
    return header;
}

std::size_t body_size(const Header& h, std::size_t time_size) {
    return h.times * (time_size + 1) + h.types * 6 + h.characters + h.leaps * (time_size + 4) + h.standard + h.utc;
}

// The rule at the end: "CET-1CEST,M3.5.0,M10.5.0/3". Offsets have the sign of POSIX: positive is west of Greenwich.
class PosixRule {
public:
    explicit PosixRule(std::string_view text) : rest_(text) {}

    /// Appends the changes of each year after the last one of the table. False when the rule cannot be read.
    bool extend(Offsets& offsets, std::chrono::year until) {
        if (!name()) return false;
        const auto standard = time();
        if (!standard) return false;
        if (offsets.empty()) offsets.emplace_back(sys_seconds{}, -*standard);
        if (rest_.empty()) return true;
        if (!name()) return false;
        seconds summer = *standard - std::chrono::hours{1};
        if (!rest_.starts_with(','))
            if (const auto given = time()) summer = *given;
        const auto begin = date();
        const auto end = date();
        if (!begin || !end) return false;
        add_years(offsets, until, {*begin, -*standard, -summer}, {*end, -summer, -*standard});
        return true;
    }

private:
    struct Date {
        unsigned month, week, weekday;
        seconds at;
    };
    struct Change {
        Date date;
        seconds before, after;
    };

    bool name() {
        const bool angled = rest_.starts_with('<');
        const auto end = angled ? rest_.find('>') : rest_.find_first_of("+-0123456789,");
        if (end == std::string_view::npos || end == 0) return false;
        rest_.remove_prefix(end + (angled ? 1 : 0));
        return true;
    }

    std::optional<int> digits() {
        const auto end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        if (end == 0 || end > 3) return std::nullopt;
        int value = 0;
        for (const char c : rest_.substr(0, end)) value = value * 10 + (c - '0');
        rest_.remove_prefix(end);
        return value;
    }

    bool skip(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::optional<seconds> time() {
        const bool negative = skip('-');
        if (!negative) skip('+');
        seconds sum{};
        for (const int unit : {3600, 60, 1}) {
            const auto number = digits();
            if (!number) return std::nullopt;
            sum += seconds{*number * unit};
            if (!skip(':')) break;
        }
        return negative ? -sum : sum;
    }

    // ",M3.5.0/2": the other forms of POSIX are in use nowhere [tzdata 2024].
    std::optional<Date> date() {
        if (!skip(',') || !skip('M')) return std::nullopt;
        const auto month = digits();
        const auto week = skip('.') ? digits() : std::nullopt;
        const auto weekday = skip('.') ? digits() : std::nullopt;
        if (!month || !week || !weekday || *month < 1 || *month > 12 || *week < 1 || *week > 5 || *weekday > 6)
            return std::nullopt;
        std::optional<seconds> at = std::chrono::hours{2};
        if (skip('/')) at = time();
        if (!at) return std::nullopt;
        return Date{static_cast<unsigned>(*month), static_cast<unsigned>(*week), static_cast<unsigned>(*weekday), *at};
    }

    static sys_seconds when(const Change& change, std::chrono::year year) {
        using namespace std::chrono;
        const auto in_month = year / month{change.date.month};
        const weekday day{change.date.weekday};
        const sys_days date =
            change.date.week == 5 ? sys_days{in_month / day[last]} : sys_days{in_month / day[change.date.week]};
        return sys_seconds{date} + change.date.at - change.before;
    }

    static void add_years(Offsets& offsets, std::chrono::year until, const Change& begin, const Change& end) {
        const auto last = offsets.back().first;
        const std::chrono::year_month_day from{std::chrono::floor<days>(last)};
        Offsets more;
        for (auto year = from.year(); year <= until; ++year)
            for (const Change* change : {&begin, &end})
                if (when(*change, year) > last) more.emplace_back(when(*change, year), change->after);
        std::sort(more.begin(), more.end());
        offsets.insert(offsets.end(), more.begin(), more.end());
    }

    std::string_view rest_;
};

// The 64-bit body that follows the 32-bit one in every file of version 2 and later.
std::optional<Offsets> table_of(std::string_view body, const Header& header) {
    const std::string_view types = body.substr(header.times * 9);
    const auto offset_of = [&](std::size_t type) { return seconds{big_endian(types.substr(type * 6, 4))}; };
    Offsets offsets;
    if (header.types == 0) return std::nullopt;
    if (header.times == 0) offsets.emplace_back(sys_seconds{}, offset_of(0));
    for (std::size_t i = 0; i < header.times; ++i) {
        const auto type = static_cast<unsigned char>(body[header.times * 8 + i]);
        if (type >= header.types) return std::nullopt;
        offsets.emplace_back(sys_seconds{seconds{big_endian(body.substr(i * 8, 8))}}, offset_of(type));
    }
    return offsets;
}

std::string read_zone(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(largest_file, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
    return text;
}

bool is_zone_name(const std::string& name) {
    return !name.empty() && name.size() < 64 && name.front() != '/' && name.find("..") == std::string::npos &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
           });
}

}  // namespace

Offsets zone_offsets(const std::string& file, std::chrono::year until) {
    const std::string_view all = file;
    const auto first = header_at(all);
    if (!first || all.size() < header_size + body_size(*first, 4) || all[4] < '2') return {};
    const std::string_view second = all.substr(header_size + body_size(*first, 4));
    const auto header = header_at(second);
    if (!header || second.size() < header_size + body_size(*header, 8)) return {};
    auto offsets = table_of(second.substr(header_size), *header);
    if (!offsets) return {};
    std::string_view rule = second.substr(header_size + body_size(*header, 8));
    if (rule.size() > 2 && rule.front() == '\n' && rule.back() == '\n' &&
        !PosixRule(rule.substr(1, rule.size() - 2)).extend(*offsets, until))
        return {};
    return std::move(*offsets);
}

Result<policy::TimeZone> load_time_zone(const std::string& name) {
    policy::TimeZone zone{name, {}};
    if (name == "UTC") return zone;
    if (!is_zone_name(name))
        return Error{
            ErrorCode::invalid, {}, quoted(name) + " is no time zone such as `Europe/Berlin`, `UTC` or `local`"};
    const std::string path = name == "local" ? "/etc/localtime" : "/usr/share/zoneinfo/" + name;
    zone.offsets = zone_offsets(read_zone(path), table_ends);
    // A machine without /etc/localtime is on UTC [tzset(3)].
    if (!zone.offsets.empty() || name == "local") return zone;
    return Error{ErrorCode::invalid, {}, "the time zone " + quoted(name) + " is not known here (" + path + ")"};
}

}  // namespace ballast::config
