#include "config/quantities.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using namespace ballast;
using namespace ballast::config;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

template <class V>
struct Case {
    std::string text;
    V value;
};

struct Refusal {
    std::string text;
    std::string words;  // of the message
};

template <class V>
void accepts(Result<V> (*parse)(const std::string&), const std::vector<Case<V>>& cases) {
    for (const auto& c : cases) {
        INFO(c.text);
        const auto parsed = parse(c.text);
        CHECK(parsed.has_value());
        if (parsed) CHECK(*parsed == c.value);
    }
}

template <class V>
void refuses(Result<V> (*parse)(const std::string&), const std::vector<Refusal>& cases) {
    for (const auto& c : cases) {
        INFO(c.text);
        const auto parsed = parse(c.text);
        CHECK_FALSE(parsed.has_value());
        if (!parsed) CHECK_THAT(parsed.error().message, Catch::Contains(c.words));
    }
}

}  // namespace

TEST_CASE("A ratio is written as a percentage") {
    accepts<double>(parse_ratio, {{"80%", 0.80},
                                  {"0%", 0},
                                  {"2.5%", 0.025},
                                  {"92%", 0.92},
                                  {"100%", 1},
                                  {"7 %", 0.07},
                                  {"0.01%", 0.0001},
                                  {"250%", 2.5}});
    refuses<double>(parse_ratio, {{"0.8", "`0.8` has no unit; expected a percentage such as `80%`"},
                                  {"", "percentage"},
                                  {"%", "percentage"},
                                  {"-1%", "negative"},
                                  {"080%", "octal"},
                                  {"00%", "octal"},
                                  {"1e2%", "unknown unit"},
                                  {".5%", "percentage"},
                                  {"5.%", "unknown unit"},
                                  {"80%%", "unknown unit"},
                                  {"nan", "percentage"},
                                  {"inf%", "percentage"},
                                  {"0x10%", "unknown unit"},
                                  {"80  %", "unknown unit"}});
}

TEST_CASE("A size is written in bytes with a binary or a decimal unit") {
    accepts<Bytes>(parse_bytes, {{"2GiB", gib(2)},
                                 {"512MiB", mib(512)},
                                 {"512 MiB", mib(512)},
                                 {"4KiB", kib(4)},
                                 {"100MB", {100'000'000}},
                                 {"1kB", {1000}},
                                 {"3TB", {3'000'000'000'000}},
                                 {"1TiB", {1ULL << 40U}},
                                 {"0B", {0}},
                                 {"17B", {17}},
                                 {"1.5GiB", mib(1536)},
                                 {"18446744073709551615B", {UINT64_MAX}}});
    refuses<Bytes>(parse_bytes, {{"1024", "has no unit"},
                                 {"2G", "unknown unit `G`"},
                                 {"2gib", "unknown unit `gib`"},
                                 {"2 GiB ", "unknown unit"},
                                 {"18446744073709551616B", "too large"},
                                 {"16777216TiB", "too large"},
                                 {"99999999.5TiB", "too large"},
                                 {"0.3B", "not a whole number of bytes"},
                                 {"-1GiB", "negative"},
                                 {"01GiB", "octal"},
                                 {"GiB", "expected a size"}});
}

TEST_CASE("A duration is a row of numbers with units, the largest first") {
    accepts<Duration>(parse_duration, {{"5min", minutes{5}},
                                       {"30s", seconds{30}},
                                       {"100ms", Duration{100}},
                                       {"2h", hours{2}},
                                       {"1h30min", minutes{90}},
                                       {"1h 30min", minutes{90}},
                                       {"1 h 30 min", minutes{90}},
                                       {"1d", hours{24}},
                                       {"2min30s", seconds{150}},
                                       {"0s", Duration{0}},
                                       {"1d1h1min1s1ms", Duration{90'061'001}},
                                       {"1h05min", minutes{65}}});
    refuses<Duration>(parse_duration, {{"300", "has no unit"},
                                       {"5m", "expected a duration"},
                                       {"5 minutes", "expected a duration"},
                                       {"1.5h", "expected a duration"},
                                       {"30min1h", "the largest first"},
                                       {"5s5s", "each unit once"},
                                       {"1h30", "expected a duration"},
                                       {"-5min", "negative"},
                                       {"010s", "octal"},
                                       {"", "expected a duration"},
                                       {"min", "expected a duration"},
                                       {"1:30", "expected a duration"},
                                       {"5µs", "expected a duration"},
                                       {"99999999999999999999s", "expected a duration"}});
}

TEST_CASE("A huge duration does not wrap around") {
    const auto parsed = parse_duration("99999999999999999d");
    REQUIRE(parsed.has_value());
    CHECK(*parsed > hours{24 * 3000});
}

TEST_CASE("A rate is written in bytes or bits a second") {
    accepts<double>(parse_rate,
                    {{"100MiB/s", 100}, {"1GiB/s", 1024}, {"512KiB/s", 0.5}, {"1 MiB/s", 1}, {"1.5MiB/s", 1.5}});
    CHECK(*parse_rate("1Gbit/s") == Approx(119.209));
    CHECK(*parse_rate("100Mbit/s") == Approx(11.9209));
    CHECK(*parse_rate("100MB/s") == Approx(95.367));
    refuses<double>(parse_rate, {{"100", "has no unit"},
                                 {"100MiB", "unknown unit"},
                                 {"1Gbps", "unknown unit"},
                                 {"1gbit/s", "unknown unit"},
                                 {"-1MiB/s", "negative"},
                                 {"fast", "expected a rate"}});
}

TEST_CASE("A count is plain digits") {
    accepts<std::uint64_t>(parse_count, {{"0", 0}, {"7", 7}, {"18446744073709551615", UINT64_MAX}});
    refuses<std::uint64_t>(parse_count, {{"", "whole number"},
                                         {"-1", "negative"},
                                         {"007", "octal"},
                                         {"0x7", "whole number"},
                                         {"1.0", "whole number"},
                                         {"1e3", "whole number"},
                                         {"1_000", "whole number"},
                                         {"1 ", "whole number"},
                                         {"18446744073709551616", "too large"}});
}

TEST_CASE("A boolean is true or false and nothing else") {
    accepts<bool>(parse_boolean, {{"true", true}, {"false", false}});
    for (const std::string word : {"yes", "no", "on", "off", "True", "FALSE", "1", "0", "y", ""}) {
        INFO(word);
        CHECK_FALSE(parse_boolean(word).has_value());
    }
}

TEST_CASE("Quantities are written as people would write them") {
    CHECK(write_ratio(0.8) == "80%");
    CHECK(write_ratio(0.025) == "2.5%");
    CHECK(write_ratio(0) == "0%");
    CHECK(write_ratio(1) == "100%");
    CHECK(write_ratio(0.001) == "0.1%");
    CHECK(write_bytes(mib(512)) == "512MiB");
    CHECK(write_bytes({0}) == "0B");
    CHECK(write_duration(minutes{90}) == "1h30min");
    CHECK(write_duration(Duration{0}) == "0s");
    CHECK(write_rate(100) == "100MiB/s");
    CHECK(write_rate(102400) == "100GiB/s");
    CHECK(write_rate(*parse_rate("1Gbit/s")) == "1Gbit/s");
}

TEST_CASE("Whatever is written parses to exactly the same value") {
    std::mt19937_64 random(20261122);
    for (int i = 0; i < 20'000; ++i) {
        const double any_ratio = std::ldexp(static_cast<double>(random() >> 11U), -53);
        CHECK(*parse_ratio(write_ratio(any_ratio)) == any_ratio);
        const double tidy_ratio = static_cast<double>(random() % 100'001) / 100'000;
        CHECK(*parse_ratio(write_ratio(tidy_ratio)) == tidy_ratio);
        const Bytes bytes{random() >> (random() % 64)};
        CHECK(*parse_bytes(write_bytes(bytes)) == bytes);
        const Duration duration{static_cast<std::int64_t>(random() % 100'000'000'000ULL)};
        CHECK(*parse_duration(write_duration(duration)) == duration);
        const double rate = any_ratio * std::pow(10, random() % 6);
        CHECK(*parse_rate(write_rate(rate)) == rate);
    }
}
