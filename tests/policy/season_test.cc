// What VMs wanted at the hours of the last two weeks, and what follows from that.
#include "policy/season.h"

#include "policy/capacity.h"
#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;
using policy::LocalHour;

namespace {

const policy::TimeZone utc;
// 2026-11-02 was a Monday.
const WallTime monday = std::chrono::sys_days{std::chrono::year{2026} / 11 / 2};
constexpr LocalHour day = 24;

// A cluster whose VMs are told, hour by hour, what they want; seen every ten minutes.
struct Weeks : Cluster {
    WallTime wall = monday;

    void look() {
        now += 10min;
        wall += 10min;
        inventory.wall_time = wall;
        sample();
        observe();
    }
    void hour(const std::map<std::string, double>& wanted) {
        for (const auto& [name, cores] : wanted) guest(name).load.cpu_used_cores = cores;
        for (int i = 0; i < 6; ++i) look();
    }
    /// Whole days on which VM a wants `by_day` from 8 to 16 on working days, else `else_cores`.
    void days(int count, double by_day, double else_cores = 1) {
        for (int i = 0; i < count * 24; ++i) {
            const LocalHour at = policy::local_hour(wall, utc);
            const bool busy = !policy::is_weekend(at) && at % 24 >= 8 && at % 24 < 16;
            hour({{"a", busy ? by_day : else_cores}});
        }
    }
    void until(unsigned hour_of_day) {
        while (policy::local_hour(wall, utc) % 24 != hour_of_day) hour({});
    }
    LocalHour this_hour() const { return policy::local_hour(wall, utc); }
    std::vector<double> past(LocalHour at) const {
        return policy::past_demand({&inventory.vms.at({"id-a"})}, memory, at, this_hour());
    }
    auto expected(double confidence, Duration ahead) const {
        return policy::expected_demand({&inventory.vms.at({"id-a"})}, memory, inventory, utc, confidence, ahead);
    }
};

Weeks one_vm() {
    Weeks weeks;
    weeks.host("host1", 10);
    weeks.vm("a", "host1", 1, gib(2), 12);
    return weeks;
}

}  // namespace

TEST_CASE("Local hours know their clock and their weekend") {
    const LocalHour at = policy::local_hour(monday + 8h + 59min, utc);
    CHECK(policy::clock_time(at) == "08:00");
    CHECK(policy::hour_text(at) == "between 08:00 and 09:00");
    CHECK_FALSE(policy::is_weekend(at));
    CHECK_FALSE(policy::is_weekend(at + 4 * day));
    CHECK(policy::is_weekend(at + 5 * day));
    CHECK(policy::is_weekend(at + 6 * day));
    CHECK_FALSE(policy::is_weekend(at + 7 * day));
    const policy::TimeZone berlin{"Berlin", {{std::chrono::sys_seconds{}, std::chrono::hours{1}}}};
    CHECK(policy::local_hour(monday + 8h, berlin) == at + 1);
    CHECK(policy::local_hour(WallTime{} - 1ms, utc) == -1);
    CHECK(policy::clock_time(-1) == "23:00");
    CHECK_FALSE(policy::is_weekend(-1));  // 1969-12-31 was a Wednesday
    CHECK(policy::is_weekend(-4 * day));  // 1969-12-28 a Sunday
}

TEST_CASE("What a VM wanted at this hour of past days of the same kind is known, newest first") {
    Weeks weeks = one_vm();
    weeks.days(7, 6);
    CHECK(weeks.past(weeks.this_hour() + 10) == std::vector<double>(5, 6.0));
    CHECK(weeks.past(weeks.this_hour() + 3) == std::vector<double>(5, 1.0));
    CHECK(weeks.past(weeks.this_hour() + 10 + 5 * day) == std::vector<double>{1, 1});  // Sunday and Saturday
    weeks.days(3, 8);
    const auto days = weeks.past(weeks.this_hour() + 10);
    CHECK(days == std::vector<double>{8, 8, 8, 6, 6, 6, 6, 6});
}

TEST_CASE("Two weeks are remembered, not more") {
    Weeks weeks = one_vm();
    weeks.days(14, 6);
    weeks.days(14, 7);
    CHECK(weeks.past(weeks.this_hour() + 10) == std::vector<double>(10, 7.0));
    CHECK(weeks.memory.seasons.vms.at({"id-a"}).hours.size() == 3 * policy::season_hours);
}

TEST_CASE("An hour that was hardly watched, or not at all, is not known") {
    Weeks weeks = one_vm();
    weeks.days(3, 6);
    weeks.wall += 24h;  // the daemon was off on Thursday
    weeks.now += 24h;
    weeks.hour({});
    CHECK(weeks.past(weeks.this_hour() + 9).size() == 3);
    weeks.until(8);
    weeks.at("host1").stale = true;
    for (int i = 0; i < 6; ++i) weeks.hour({{"a", 6}});
    weeks.at("host1").stale = false;
    weeks.until(0);
    const LocalHour next_monday = weeks.this_hour() + 2 * day;
    CHECK(weeks.past(next_monday + 9).size() == 3);
    CHECK(weeks.past(next_monday + 15).size() == 4);
}

TEST_CASE("What is expected is what was not exceeded on most days, in the worst hour ahead") {
    Weeks weeks = one_vm();
    weeks.days(4, 6);
    weeks.days(1, 9);
    weeks.days(2, 6);
    weeks.until(6);
    CHECK(policy::clock_time(weeks.expected(0.8, 30min)->hour) == "06:00");  // no other hour begins
    CHECK(weeks.expected(0.8, 1h)->cores == 1);
    const auto peak = weeks.expected(0.75, 4h);
    REQUIRE(peak);
    CHECK(peak->cores == 6);
    CHECK(policy::clock_time(peak->hour) == "08:00");
    CHECK(peak->days == 5);
    CHECK(weeks.expected(1, 4h)->cores == 9);
}

TEST_CASE("What is expected of each VM is what it wanted on one past day, and adds up") {
    Weeks weeks = one_vm();
    weeks.vm("b", "host1", 1, gib(2), 12);
    for (const auto& [a, b] : {std::pair{1.0, 6.0}, {6.0, 2.0}, {2.0, 2.0}})
        for (int i = 0; i < 24; ++i) weeks.hour({{"a", a}, {"b", b}});
    const std::vector<const Vm*> both = {&weeks.guest("a"), &weeks.guest("b")};
    const auto expected = policy::expected_demand(both, weeks.memory, weeks.inventory, utc, 1, 1h);
    REQUIRE(expected);
    CHECK(expected->cores == Approx(8).margin(0.05));  // of Tuesday: no day had 6 and 6
    REQUIRE(expected->by_vm.size() == 2);
    CHECK(expected->by_vm[0] == Approx(6).margin(0.05));
    CHECK(expected->by_vm[1] == Approx(2).margin(0.05));
}

TEST_CASE("Nothing is expected before a day of its kind has passed, without a time of day, or by other clocks") {
    Weeks weeks = one_vm();
    weeks.days(1, 6);
    CHECK(weeks.expected(0.8, 2h));
    weeks.days(4, 6);
    CHECK(policy::is_weekend(weeks.this_hour()));
    CHECK_FALSE(weeks.expected(0.8, 2h));
    weeks.days(2, 6);
    CHECK(weeks.expected(0.8, 2h));
    const policy::TimeZone other{"Europe/Berlin", {}};
    CHECK_FALSE(policy::expected_demand({&weeks.guest("a")}, weeks.memory, weeks.inventory, other, 0.8, 2h));
    weeks.inventory.wall_time.reset();
    CHECK_FALSE(weeks.expected(0.8, 2h));
}

TEST_CASE("A holiday is expected to be as weekends were, and is no working day afterwards") {
    Weeks weeks = one_vm();
    weeks.days(7, 6);
    weeks.until(7);
    const std::vector<const Vm*> vm = {&weeks.guest("a")};
    const auto expected = [&](const policy::CalendarDays& holidays) {
        return policy::expected_demand(vm, weeks.memory, weeks.inventory, utc, 0.8, 2h, holidays)->cores;
    };
    const auto date = policy::local_date(weeks.wall, utc);
    const policy::CalendarDay today{0, unsigned{date.month()}, unsigned{date.day()}};
    CHECK(expected({}) == Approx(6).margin(0.05));
    CHECK(expected({today}) == Approx(1).margin(0.05));
    const auto working_days = [&](const policy::CalendarDays& holidays) {
        return policy::past_demand(vm, weeks.memory, weeks.this_hour() + day, weeks.this_hour(), holidays).size();
    };
    CHECK(working_days({}) == 5);
    const auto past = policy::local_date(weeks.wall - 5 * 24h, utc);
    CHECK(working_days({{0, unsigned{past.month()}, unsigned{past.day()}}}) == 4);
}

TEST_CASE("Hours by other clocks are forgotten") {
    Weeks weeks = one_vm();
    weeks.days(3, 6);
    weeks.options.forecast.zone.name = "Europe/Berlin";
    weeks.hour({});
    CHECK(weeks.memory.seasons.zone == "Europe/Berlin");
    CHECK(weeks.memory.seasons.vms.at({"id-a"}).hours.empty());
}

TEST_CASE("A VM that was not there on past days counts with what it wants now") {
    Weeks weeks = one_vm();
    weeks.days(5, 6);
    weeks.vm("new", "host1", 2);
    weeks.hour({{"new", 2}});
    const std::vector<const Vm*> both = {&weeks.guest("a"), &weeks.guest("new")};
    const auto days = policy::past_demand(both, weeks.memory, weeks.this_hour() + 10 + 2 * day, weeks.this_hour());
    REQUIRE_FALSE(days.empty());
    CHECK(days.front() == Approx(8).margin(0.05));
    CHECK(policy::past_demand({&weeks.guest("new")}, weeks.memory, weeks.this_hour() + 10, weeks.this_hour()).empty());
}

TEST_CASE("A VM that is gone is remembered for two weeks") {
    Weeks weeks = one_vm();
    weeks.vm("b", "host1", 1);
    weeks.days(1, 6);
    weeks.inventory.vms.erase({"id-b"});
    weeks.days(14, 6);
    CHECK(weeks.memory.seasons.vms.contains({"id-b"}));
    weeks.days(1, 6);
    CHECK_FALSE(weeks.memory.seasons.vms.contains({"id-b"}));
}

TEST_CASE("A wall clock that is set back does not end the learning") {
    Weeks weeks = one_vm();
    weeks.days(4, 6);
    weeks.wall -= 2h;
    weeks.days(1, 6);
    CHECK(weeks.memory.seasons.learned_at == weeks.wall);
    CHECK(weeks.past(weeks.this_hour() + 12 + 2 * day).size() == 5);  // Monday
}

TEST_CASE("Seasons that were not made here are looked at with care") {
    Weeks weeks = one_vm();
    weeks.days(3, 6);
    weeks.memory.seasons.vms.at({"id-a"}).hours.resize(5);
    CHECK(weeks.past(weeks.this_hour() + 9).empty());
    weeks.hour({});
    weeks.hour({});
    CHECK(weeks.memory.seasons.vms.at({"id-a"}).hours.size() == 3 * policy::season_hours);
}

namespace {

// host1 is overloaded by day on working days; host2 is idle.
Weeks two_hosts() {
    Weeks weeks;
    weeks.host("host1", 10);
    weeks.host("host2", 10);
    weeks.vm("a", "host1", 1, gib(2), 12);
    weeks.vm("b", "host1", 1, gib(2), 12);
    weeks.options.forecast.enabled = true;
    weeks.options.overload.enabled = true;
    weeks.options.balance.enabled = false;
    return weeks;
}
void live(Weeks& weeks, int days, double by_day) {
    for (int i = 0; i < days * 24; ++i) {
        const LocalHour at = policy::local_hour(weeks.wall, utc);
        const bool busy = !policy::is_weekend(at) && at % 24 >= 8 && at % 24 < 16;
        weeks.hour({{"a", busy ? by_day : 1}, {"b", busy ? by_day : 1}});
    }
}

}  // namespace

TEST_CASE("A host is relieved before the hour in which it used to be overloaded, and told why") {
    Weeks weeks = two_hosts();
    live(weeks, 4, 4.2);  // 84 % of ten CPUs, 93 % of nine
    weeks.until(6);
    weeks.hour({});  // 07:00: the hour at 08:00 begins within the horizon
    CHECK(policy::clock_time(weeks.this_hour()) == "07:00");
    const Plan plan = weeks.plan();
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].to == HostId{"host2"});
    REQUIRE(plan.findings.size() == 1);
    CHECK_THAT(
        plan.findings[0].text,
        Catch::Contains("host1 is expected to want 93 % of its usable CPU between 08:00 and 09:00 (above 80 % on "
                        "4 of the last 4 working days)"));
    CHECK(plan.findings[0].resolved_by_plan);
    CHECK(plan.hosts.at({"host1"}).state == "ok");
    weeks.carry_out(plan);
    weeks.hour({});
    CHECK(weeks.plan().moves.empty());
}

TEST_CASE("Without the forecast, before its horizon, on a weekend and on too few such days nobody is moved") {
    Weeks weeks = two_hosts();
    live(weeks, 4, 4.2);
    weeks.until(5);
    CHECK(weeks.plan().moves.empty());  // 08:00 is three hours away
    weeks.until(7);
    REQUIRE(weeks.plan().moves.size() == 1);
    weeks.options.forecast.enabled = false;
    weeks.observe();
    CHECK(weeks.plan().moves.empty());
    CHECK_FALSE(weeks.seen("host1").outlook);
    weeks.options.forecast.enabled = true;
    live(weeks, 1, 1);  // a quiet Friday: four of five days
    weeks.options.forecast.confidence = 0.9;
    weeks.until(7);
    CHECK(policy::is_weekend(weeks.this_hour()));
    CHECK(weeks.plan().moves.empty());
    live(weeks, 2, 1);
    weeks.until(7);
    CHECK_FALSE(policy::is_weekend(weeks.this_hour()));
    CHECK(weeks.seen("host1").outlook->above == 4);
    CHECK(weeks.seen("host1").outlook->days == 5);
    CHECK(weeks.plan().moves.empty());
    weeks.options.forecast.confidence = 0.8;
    weeks.observe();
    CHECK(weeks.plan().moves.size() == 1);
}

TEST_CASE("No VM is moved to where it will be crowded soon") {
    Weeks weeks = two_hosts();
    weeks.vm("c", "host2", 1, gib(2), 12);
    for (int i = 0; i < 4 * 24; ++i) {
        const LocalHour at = policy::local_hour(weeks.wall, utc);
        const bool busy = at % 24 >= 8 && at % 24 < 16;
        weeks.hour({{"a", busy ? 4.2 : 1}, {"b", busy ? 4.2 : 1}, {"c", busy ? 6.5 : 1}});
    }
    weeks.until(7);
    CHECK(weeks.plan().moves.empty());
    REQUIRE_FALSE(weeks.plan().findings.empty());
    CHECK_FALSE(weeks.plan().findings[0].resolved_by_plan);
    const auto refused = weeks.plan().rejections;
    CHECK(std::any_of(refused.begin(), refused.end(), [](const Rejection& rejection) {
        return rejection.reason == Reason::cpu && rejection.detail.find("past days") != std::string::npos;
    }));
}
