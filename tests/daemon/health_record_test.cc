#include "daemon/health_record.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::daemon;
using namespace std::chrono_literals;

namespace {

const HealthProblem hot{HealthSource::temperature, "cpu", "hot"};
const HealthProblem unplugged{HealthSource::link, "eth0", "eth0 has lost its carrier"};
const Instant start = Instant{} + 1h;
const WallTime noon{std::chrono::seconds{1'790'000'000}};

health::Report counting(std::uint64_t corrected) {
    health::Report report;
    report.counters = {{HealthSource::memory_corrected, "mc0", corrected}};
    return report;
}

health::Report running_at(std::uint64_t mbit) {
    health::Report report;
    report.speeds = {{"eth0", mbit}};
    return report;
}

std::vector<HealthProblem> judged(HealthTrends& trends, const health::Report& report, Instant now = start) {
    return trends.judge(report, now, noon, noon);
}

}  // namespace

TEST_CASE("A problem counts once it was seen as often as it takes, in a row") {
    HealthRecord record(1);
    record.looked("probe", {{unplugged, 2}, {hot, 1}});
    CHECK(record.problems() == std::vector{hot});
    record.looked("probe", {{hot, 1}});
    record.looked("probe", {{unplugged, 2}});
    CHECK(record.problems().empty());
    record.looked("probe", {{unplugged, 2}});
    CHECK(record.problems() == std::vector{unplugged});
}

TEST_CASE("A problem is over once it was gone as often as it takes, in a row") {
    HealthRecord record(3);
    record.looked("probe", {{hot, 1}});
    record.looked("probe", {});
    record.looked("probe", {});
    record.looked("probe", {{hot, 1}});
    record.looked("probe", {});
    record.looked("probe", {});
    CHECK(record.problems() == std::vector{hot});
    record.looked("probe", {});
    CHECK(record.problems().empty());
    // And then it is a new one.
    record.looked("probe", {{unplugged, 2}});
    CHECK(record.problems().empty());
}

TEST_CASE("A problem of what could not be read stays, whatever else was seen") {
    const HealthProblem sda{HealthSource::disk, "sda", "fails"}, sdb{HealthSource::disk, "sdb", "fails"};
    HealthRecord record(1);
    record.looked("disks", {{sda, 1}, {sdb, 1}});
    SECTION("one disk") {
        record.looked("disks", {}, {{HealthSource::disk, "it hangs", "sda", true}});
        CHECK(record.problems() == std::vector{sda});
    }
    SECTION("all of them") {
        record.looked("disks", {}, {{HealthSource::disk, "only root may", "", false}});
        CHECK(record.problems() == std::vector{sda, sdb});
    }
    SECTION("something else") {
        record.looked("disks", {}, {{HealthSource::link, "x", "", false}});
        CHECK(record.problems().empty());
    }
}

TEST_CASE("Looks for different things do not end each other's problems, and their order does not matter") {
    HealthRecord record(1);
    record.looked("probe", {{unplugged, 1}});
    record.looked("check ups", {{hot, 1}});
    record.looked("probe", {{unplugged, 1}});
    CHECK(record.problems() == std::vector{hot, unplugged});
    record.looked("check ups", {});
    CHECK(record.problems() == std::vector{unplugged});
}

TEST_CASE("A problem says what it said last") {
    HealthRecord record(1);
    record.looked("probe", {{{HealthSource::temperature, "cpu", "at 100 C"}, 1}});
    record.looked("probe", {{{HealthSource::temperature, "cpu", "at 101 C"}, 1}});
    REQUIRE(record.problems().size() == 1);
    CHECK(record.problems()[0].text == "at 101 C");
}

TEST_CASE("What may be over in a moment has to be seen twice, what destroys data only once") {
    CHECK(looks_needed(HealthSource::link) == 2);
    CHECK(looks_needed(HealthSource::pressure) == 2);
    CHECK(looks_needed(HealthSource::memory_uncorrected) == 1);
    CHECK(looks_needed(HealthSource::temperature) == 1);
}

TEST_CASE("Corrected errors are a problem when there are many within a day, until a whole day was well") {
    HealthTrends trends;
    CHECK(judged(trends, counting(100'000)).empty());  // since a boot long ago
    CHECK(judged(trends, counting(100'050), start + 1h).empty());
    const auto found = judged(trends, counting(100'051), start + 2h);
    REQUIRE(found.size() == 1);
    CHECK(found[0].source == HealthSource::memory_corrected);
    CHECK(found[0].subject == "mc0");
    CHECK(judged(trends, counting(100'051), start + 24h).size() == 1);
    CHECK(judged(trends, counting(100'060), start + 47h).size() == 1);
    CHECK(judged(trends, counting(100'060), start + 48h).size() == 1);
    CHECK(judged(trends, counting(100'060), start + 48h + 1min).empty());
}

TEST_CASE("A few errors each day never add up to a problem, and a boot begins to count anew") {
    HealthTrends trends;
    for (unsigned day = 0; day < 30; ++day) CHECK(judged(trends, counting(40 * day), start + day * 24h).empty());
    CHECK(judged(trends, counting(3), start + 721h).empty());
    CHECK(judged(trends, counting(53), start + 722h).empty());
    CHECK(judged(trends, counting(54), start + 723h).size() == 1);
}

TEST_CASE("A link that was faster is a problem, one that was always so is none") {
    HealthTrends trends;
    CHECK(judged(trends, running_at(1000)).empty());
    CHECK(judged(trends, running_at(10000)).empty());
    const auto found = judged(trends, running_at(1000));
    REQUIRE(found.size() == 1);
    CHECK(found[0].text == "eth0 runs at 1000 Mbit/s, it ran at 10000");
    CHECK(judged(trends, running_at(10000)).empty());
}

TEST_CASE("A clock counts as wrong by what is certain of it") {
    HealthTrends trends;
    health::Report report;
    const double base = 1'790'000'000;
    const auto skewed = [&](double there) {
        report.time_s = there;
        return !trends.judge(report, start, noon, noon + 3s).empty();
    };
    CHECK_FALSE(skewed(base + 1));    // while it was asked
    CHECK_FALSE(skewed(base + 3.9));  // the answer may have been under way for no time at all
    CHECK(skewed(base + 4.1));
    CHECK_FALSE(skewed(base - 0.9));
    CHECK(skewed(base - 1.1));
    report.time_s.reset();
    CHECK(trends.judge(report, start, noon, noon).empty());
}
