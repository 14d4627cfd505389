// Groups, rules and windows as files say them, and what contradicts itself.
#include <catch2/catch.hpp>

#include "config/load.h"
#include "config/week_time.h"
#include "tests/config/samples.h"

using namespace ballast;
using namespace ballast::config;
using policy::Rule;
using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

Loaded<policy::Options> policy_of(const std::string& text) {
    return check_policy_text({{"p.yaml", text}});
}

std::string problem_of(const std::string& text) {
    const auto loaded = policy_of(text);
    INFO(to_string(loaded.problems()));
    CHECK(loaded.problems().size() == 1);
    return loaded.problems().empty() ? "" : to_string(loaded.problems()[0]);
}

policy::TimeZone zone(const std::string& name) {
    const auto loaded = load_time_zone(name);
    REQUIRE(loaded.has_value());
    return *loaded;
}

std::string clock_in(const std::string& name, sys_seconds time) {
    return policy::week_time(policy::minute_of_week(time, zone(name)));
}

}  // namespace

TEST_CASE("Rules of every kind are read, hard or soft as their kind is or as they say") {
    const auto loaded = policy_of(
        "groups:\n"
        "  - {name: web, vms: [\"web-*\", proxy]}\n"
        "  - {name: ssd, hosts: [h1, h2]}\n"
        "rules:\n"
        "  - {name: a, keep_apart: [\"group:web\"]}\n"
        "  - {name: b, keep_together: [x, y], hard: false}\n"
        "  - {name: c, pin: [x], hosts: [\"group:ssd\"]}\n"
        "  - {name: d, prefer: [\"*\"], hosts: [h1]}\n"
        "  - {name: e, avoid: [z], hosts: [h1]}\n"
        "  - {name: f, avoid: [z], hosts: [h2], hard: true}\n"
        "  - {name: g, spread: [\"group:web\"], over: rack, at_most: 2}\n"
        "  - {name: h, spread: [\"*\"]}\n");
    INFO(to_string(loaded.problems()));
    REQUIRE(loaded);
    const auto& rules = loaded->rules;
    REQUIRE(rules.size() == 8);
    const bool hard[] = {true, false, true, false, false, true, true, false};
    const Rule::Kind kinds[] = {Rule::Kind::keep_apart, Rule::Kind::keep_together, Rule::Kind::pin,
                                Rule::Kind::prefer,     Rule::Kind::avoid,         Rule::Kind::avoid,
                                Rule::Kind::spread,     Rule::Kind::spread};
    for (std::size_t i = 0; i < rules.size(); ++i) {
        INFO(rules[i].name);
        CHECK(rules[i].hard == hard[i]);
        CHECK(rules[i].kind == kinds[i]);
    }
    CHECK(rules[6].over == "rack");
    CHECK(rules[6].at_most == 2);
    CHECK(rules[2].hosts == std::vector<HostId>{{"group:ssd"}});
    CHECK(rules[1].origin == "p.yaml:6");
    CHECK(rules[1].column == 5);
}

TEST_CASE("What a rule says beyond its kind is refused") {
    const std::pair<const char*, const char*> rows[] = {
        {"{name: a, prefer: [x]}", "rule `a`: `prefer` needs `hosts`"},
        {"{name: a, keep_together: [x]}", "`keep_together` needs two VMs or a pattern"},
        {"{name: a, pin: [x], hosts: [h], hard: false}", "`hard` does not belong to `pin`"},
        {"{name: a, keep_apart: [x, y], at_most: 2}", "`at_most` belongs to `spread` only"},
        {"{name: a, keep_apart: [x, y], over: rack}", "`over` belongs to `spread` only"},
        {"{name: a, spread: [x, y], pin: [x]}", "mixes `pin` and `spread`"},
        {"{name: a, spread: [\"group:none\"]}", "names `group:none`, which `groups` does not have"},
        {"{name: a, pin: [x], hosts: [\"group:vms\"]}", "names `group:vms`, which is a group of VMs, not of hosts"},
        {"{name: a, spread: [\"group:hosts\"]}", "names `group:hosts`, which is a group of hosts, not of VMs"},
    };
    for (const auto& [rule, problem] : rows) {
        INFO(rule);
        const std::string groups = "groups: [{name: vms, vms: [q]}, {name: hosts, hosts: [h9]}]\nrules:\n  - ";
        const std::string text = problem_of(groups + rule + "\n");
        CHECK_THAT(text, Catch::StartsWith("p.yaml:3:5: ") && Catch::Contains(problem));
    }
    CHECK_THAT(problem_of("groups: [{name: a}]"), Catch::Contains("group `a` needs either `vms` or `hosts`"));
}

TEST_CASE("Rules that contradict each other are refused where the later one stands") {
    const std::pair<const char*, const char*> rows[] = {
        {"  - {name: a, keep_apart: [x, y, z]}\n  - {name: b, keep_together: [z, y]}\n",
         "rule `b` keeps VMs together that rule `a` at p.yaml:2 keeps apart"},
        {"  - {name: a, keep_together: [\"web*\"]}\n  - {name: b, keep_apart: [\"web*\"]}\n",
         "rule `b` keeps VMs apart that rule `a` at p.yaml:2 keeps together"},
        {"  - {name: a, keep_apart: [x, y]}\n  - {name: b, pin: [x, y], hosts: [h1]}\n",
         "rule `b` and rule `a` at p.yaml:2 contradict: 2 or more VMs kept apart are pinned to 1 host"},
        {"  - {name: a, pin: [x], hosts: [h1]}\n  - {name: b, pin: [x], hosts: [h2, h3]}\n",
         "rule `b` and rule `a` at p.yaml:2 pin the same VMs to different hosts"},
        {"  - {name: a, pin: [x], hosts: [h1]}\n  - {name: b, avoid: [x], hosts: [h1], hard: true}\n",
         "rule `b` and rule `a` at p.yaml:2 leave no host"},
    };
    for (const auto& [rules, problem] : rows) {
        INFO(rules);
        CHECK_THAT(problem_of("rules:\n" + std::string(rules)),
                   Catch::StartsWith("p.yaml:3:5: ") && Catch::Contains(problem));
    }
}

TEST_CASE("Rules that can all be kept are no contradiction") {
    const char* rows[] = {
        "  - {name: a, keep_apart: [x, y]}\n  - {name: b, keep_together: [x, z]}\n",
        "  - {name: a, keep_apart: [x, y]}\n  - {name: b, keep_together: [x, y], hard: false}\n",
        "  - {name: a, keep_apart: [x, y]}\n  - {name: b, pin: [x, y], hosts: [h1, h2]}\n",
        "  - {name: a, pin: [x], hosts: [h1, h2]}\n  - {name: b, pin: [x], hosts: [h2, h3]}\n",
        "  - {name: a, pin: [x], hosts: [h1]}\n  - {name: b, avoid: [x], hosts: [h1]}\n",
    };
    for (const char* rules : rows) {
        INFO(rules);
        CHECK(policy_of("rules:\n" + std::string(rules)));
    }
}

TEST_CASE("A rule names hosts and labels that the daemon file has") {
    const auto daemon =
        check_daemon_text({"d.yaml",
                           "hosts:\n"
                           "  - {name: h1, uri: \"qemu+ssh://h1/system\", labels: {rack: r1, site: s1}}\n"
                           "  - {name: h2, uri: \"qemu+ssh://h2/system\", labels: {rack: r2}}\n"});
    INFO(to_string(daemon.problems()));
    REQUIRE(daemon);
    CHECK(daemon->hosts[0].labels == std::map<std::string, std::string>{{"rack", "r1"}, {"site", "s1"}});
    const auto problems_of = [&](const std::string& text) {
        const auto policy = policy_of(text);
        INFO(to_string(policy.problems()));
        REQUIRE(policy);
        return to_string(cross_check(*daemon, *policy));
    };
    CHECK(problems_of("rules: [{name: a, spread: [\"*\"], over: rack}]\n").empty());
    CHECK_THAT(problems_of("rules: [{name: a, spread: [\"*\"], over: site}]\n"),
               Catch::StartsWith("p.yaml:1:9: rule `a` spreads VMs over `site`, a label that not every host"));
    CHECK_THAT(problems_of("groups: [{name: g, hosts: [h7]}]\nrules:\n  - {name: a, pin: [x], hosts: [\"group:g\"]}\n"),
               Catch::StartsWith("p.yaml:3:5: rule `a` names the host `h7`"));
    for (const char* labels : {"[rack]", "{rack: [r1]}", "{rack: \"a b\"}", "{rack: r1, rack: r2}"})
        CHECK_FALSE(check_daemon_text({"d.yaml", "hosts: [{name: h, labels: " + std::string(labels) + "}]\n"}));
}

TEST_CASE("Windows name times of the week and a time zone") {
    const auto loaded = policy_of(
        "windows:\n"
        "  - {name: nights, vms: [\"db*\"], allow: [\"22:00-06:00\", sat-sun 00:00-24:00]}\n"
        "  - {name: trading, vms: [t], deny: [mon-fri 08:00-18:00], time_zone: Europe/Berlin, maintenance: true,\n"
        "     ignore_holidays: true}\n");
    INFO(to_string(loaded.problems()));
    REQUIRE(loaded);
    REQUIRE(loaded->windows.size() == 2);
    CHECK_FALSE(loaded->windows[0].ignore_holidays);
    CHECK(loaded->windows[1].ignore_holidays);
    CHECK(loaded->windows[0].allow == std::vector<policy::WeekSpan>{{0, 6, 1320, 360}, {5, 6, 0, 1440}});
    CHECK(loaded->windows[0].zone.name == "local");
    CHECK(loaded->windows[1].deny == std::vector<policy::WeekSpan>{{0, 4, 480, 1080}});
    CHECK(loaded->windows[1].zone.name == "Europe/Berlin");
    CHECK(loaded->windows[1].maintenance);
}

TEST_CASE("A window that cannot be meant is refused") {
    const std::pair<const char*, const char*> rows[] = {
        {"{name: w, vms: [x]}", "window `w` needs `allow`, `deny` or both"},
        {"{name: w, allow: [\"00:00-01:00\"]}", "window `w` needs `vms`"},
        {"{name: w, vms: [x], deny: [\"00:00-24:00\"]}", "window `w` never opens"},
        {"{name: w, vms: [x], allow: [sat 01:00-02:00], deny: [fri-sun 00:30-04:00]}", "window `w` never opens"},
        {"{name: w, vms: [x], allow: [\"0:00-1:00\"]}", "expected a time such as `mon-fri 22:00-06:00`"},
        {"{name: w, vms: [x], allow: [\"01:00-24:01\"]}", "expected a time such as"},
        {"{name: w, vms: [x], allow: [\"01:00-01:00\"]}", "expected a time such as"},
        {"{name: w, vms: [x], allow: [monday 01:00-02:00]}", "expected a time such as"},
        {"{name: w, vms: [x], allow: [mon- 01:00-02:00]}", "expected a time such as"},
        {"{name: w, vms: [x], allow: [\"01:00-02:00\"], time_zone: Mars/Base}", "`Mars/Base` is not known here"},
        {"{name: w, vms: [x], allow: [\"01:00-02:00\"], time_zone: ../passwd}", "`../passwd` is no time zone"},
        {"{name: w, vms: [\"group:no\"], allow: [\"01:00-02:00\"]}", "window `w` names `group:no`"},
    };
    for (const auto& [window, problem] : rows) {
        INFO(window);
        CHECK_THAT(problem_of("windows:\n  - " + std::string(window) + "\n"),
                   Catch::StartsWith("p.yaml:2:") && Catch::Contains(problem));
    }
}

TEST_CASE("Spans of the week are written as they are read") {
    for (const char* text : {"22:00-06:00", "mon 00:00-24:00", "sat-mon 08:30-17:45", "tue-thu 23:59-00:00"}) {
        const auto span = parse_week_span(text);
        REQUIRE(span.has_value());
        CHECK(write_week_span(*span) == text);
    }
}

TEST_CASE("Time zones follow their law, beyond the end of their tables as well") {
    CHECK(clock_in("Europe/Berlin", sys_days{2026y / 3 / 29} + 59min) == "Sun 01:59");
    CHECK(clock_in("Europe/Berlin", sys_days{2026y / 3 / 29} + 1h) == "Sun 03:00");
    CHECK(clock_in("Europe/Berlin", sys_days{2026y / 10 / 25} + 1h) == "Sun 02:00");
    CHECK(clock_in("America/New_York", sys_days{2026y / 7 / 1}) == "Tue 20:00");
    CHECK(clock_in("America/New_York", sys_days{2026y / 12 / 1}) == "Mon 19:00");
    CHECK(clock_in("Asia/Kolkata", sys_days{2026y / 12 / 1}) == "Tue 05:30");
    CHECK(clock_in("UTC", sys_days{2026y / 12 / 1}) == "Tue 00:00");
    // Tables end in 2037; the rule at the end of the file goes on. 28 March and 31 October 2060 are its last Sundays.
    CHECK(clock_in("Europe/Berlin", sys_days{2060y / 3 / 28} + 59min) == "Sun 01:59");
    CHECK(clock_in("Europe/Berlin", sys_days{2060y / 3 / 28} + 1h) == "Sun 03:00");
    CHECK(clock_in("Europe/Berlin", sys_days{2060y / 10 / 31} + 1h) == "Sun 02:00");
    CHECK(clock_in("Australia/Sydney", sys_days{2060y / 1 / 1}) == "Thu 11:00");
    CHECK(clock_in("Australia/Sydney", sys_days{2060y / 7 / 1}) == "Thu 10:00");
}

TEST_CASE("Zone files that are damaged anywhere are refused or read, never followed out of bounds") {
    const std::string file = read_sample("/usr/share/zoneinfo/Europe/Berlin");
    REQUIRE(zone_offsets(file, 2100y).size() > 200);
    for (std::size_t length = 0; length < file.size(); length += 7) zone_offsets(file.substr(0, length), 2100y);
    for (std::size_t i = 0; i < std::min<std::size_t>(file.size(), 200); ++i) {
        std::string damaged = file;
        damaged[i] = '\xff';
        zone_offsets(damaged, 2100y);
    }
    CHECK(zone_offsets("", 2100y).empty());
    CHECK(zone_offsets("nonsense", 2100y).empty());
}

TEST_CASE("Windows of consolidation are read with their zone, and what is wrong in one is told where it stands") {
    const auto read = policy_of(
        "consolidation:\n  enabled: true\n  never_off: [host1]\n  windows:\n"
        "    - {name: night, times: [mon-fri 20:00-06:00], time_zone: Europe/Berlin}\n");
    INFO(to_string(read.problems()));
    REQUIRE(read);
    REQUIRE(read->consolidation.windows.size() == 1);
    CHECK(read->consolidation.windows[0].zone.name == "Europe/Berlin");
    CHECK(read->consolidation.never_off == std::vector<HostId>{{"host1"}});
    const auto problem = [](const std::string& text) { return problem_of("consolidation:\n  " + text + "\n"); };
    CHECK_THAT(problem("windows: [{name: night}]"),
               Catch::StartsWith("p.yaml:2:13: consolidation.windows: window `night` of"));
    CHECK_THAT(problem("windows: [{times: [mon 20:00-06:00]}]"), Catch::StartsWith("p.yaml:2:13: "));
    CHECK_THAT(problem("min_hosts_on: 0"), Catch::StartsWith("p.yaml:2:17: "));
    CHECK_THAT(problem("aggressiveness: 1.5"), Catch::StartsWith("p.yaml:2:19: "));
}

TEST_CASE("Holidays are dates of one year or of every year, for all windows or for one, and add up over the files") {
    const auto read =
        check_policy_text({{"a.yaml", "holidays: [12-25, 2026-05-01]\n"},
                           {"b.yaml",
                            "holidays: [12-26, \"12-25\"]\nconsolidation:\n  windows:\n"
                            "    - {name: night, times: [mon-fri 20:00-06:00], holidays: [02-29, 2027-03-26]}\n"}});
    INFO(to_string(read.problems()));
    REQUIRE(read);
    CHECK(read->holidays == policy::CalendarDays{{0, 12, 25}, {2026, 5, 1}, {0, 12, 26}});
    REQUIRE(read->consolidation.windows.size() == 1);
    CHECK(read->consolidation.windows[0].holidays == policy::CalendarDays{{0, 2, 29}, {2027, 3, 26}});
}

TEST_CASE("What is no date is refused where it stands") {
    const auto [date, problem] = GENERATE(table<std::string, std::string>({
        {"25-12", "`25-12` is no day of the calendar"},
        {"12-32", "`12-32` is no day of the calendar"},
        {"00-01", "`00-01` is no day of the calendar"},
        {"02-30", "`02-30` is no day of the calendar"},
        {"2026-02-29", "`2026-02-29` is no day of the calendar"},
        {"1.5.2026", "expected a date such as `2026-12-24` or, for every year, `12-25`, found `1.5.2026`"},
        {"2026-1-1", "expected a date"},
        {"12/25", "expected a date"},
        {"0000-12-25", "expected a date"},
        {"christmas", "expected a date"},
        {"[12-25]", "expected a date, found a list"},
        {"1-1", "expected a date"},
    }));
    const std::string text = problem_of("holidays: [12-24, " + date + "]\n");
    CHECK_THAT(text, Catch::StartsWith("p.yaml:1:19: holidays: " + problem));
    CHECK_THAT(
        problem_of("consolidation:\n  windows: [{name: n, times: [mon 01:00-02:00], holidays: [" + date + "]}]\n"),
        Catch::StartsWith("p.yaml:2:60: ") && Catch::Contains(problem));
    CHECK_THAT(problem_of("holidays: [12-25, 12-25]\n"), Catch::Contains("listed twice"));
    CHECK_THAT(problem_of("holidays: 12-25\n"), Catch::StartsWith("p.yaml:1:11: "));
}

TEST_CASE("The years have as many hours as their clocks give them, all over the world") {
    // Whole days of a holiday, minute by minute, against what the zone's file says of them.
    struct Row {
        const char* zone;
        year_month_day date;
        int minutes;
    };
    for (const Row& row : std::initializer_list<Row>{{"Europe/Berlin", 2031y / 3 / 30, 23 * 60},
                                                     {"Europe/Berlin", 2031y / 10 / 26, 25 * 60},
                                                     {"Australia/Lord_Howe", 2031y / 10 / 5, 24 * 60 - 30},
                                                     {"Australia/Lord_Howe", 2031y / 4 / 6, 24 * 60 + 30},
                                                     {"Africa/Cairo", 2031y / 4 / 25, 23 * 60},
                                                     {"Asia/Kolkata", 2031y / 1 / 26, 24 * 60},
                                                     {"Pacific/Apia", 2011y / 12 / 30, 0}}) {
        INFO(row.zone);
        const auto there = zone(row.zone);
        int minutes = 0;
        for (sys_seconds time = sys_days{row.date} - 24h; time < sys_days{row.date} + 48h; time += 1min)
            minutes += policy::local_date(time, there) == row.date;
        CHECK(minutes == row.minutes);
    }
}
