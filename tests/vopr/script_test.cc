// Scenarios that people write: what is read, what is refused and where, and that each of their expectations can fail.
#include "sim/vopr/script.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "sim/vopr/run.h"
#include "sim/vopr/sentence.h"

using namespace ballast;
using namespace ballast::sim::vopr;
using namespace std::chrono_literals;

namespace {
const std::string head = "theme: tests\nhosts: [h1, h2, h3]\nvms: {vm1: h2}\nlasts: 90s\nscenarios:\n";

std::string one(const std::string& rest) {
    return head + "  - name: a\n    shows: b\n" + rest;
}
std::string problems_of(const std::string& text) {
    const auto read = scripts_from("s.yaml", text);
    return read ? "" : config::to_string(read.problems());
}
std::vector<Script> scripts(const std::string& text) {
    const auto read = scripts_from("s.yaml", text);
    INFO(config::to_string(read.problems()));
    REQUIRE(read);
    return *read;
}
/// What was missed of what one scenario expects.
std::vector<std::string> missed(const std::string& rest) {
    const auto outcome = run(scripts(one(rest)).front(), false);
    CHECK(outcome.broken.empty());
    return outcome.missed;
}

const std::filesystem::path folder = std::filesystem::path(BALLAST_SOURCE) / "tests/scenarios";

std::vector<Script> all_scripts() {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".yaml") files.insert(entry.path().string());
    std::vector<Script> all;
    for (const std::string& file : files) {
        const auto read = load_scripts(file);
        INFO(config::to_string(read.problems()));
        REQUIRE(read);
        all.insert(all.end(), read->begin(), read->end());
    }
    return all;
}
std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}
}  // namespace

TEST_CASE("A sentence finds what fills its places, and only in its own words") {
    const auto filled = match("$h has no power for $l", "the leader has no power for 90s");
    REQUIRE(filled);
    CHECK(*filled == Filled{{'h', "the leader"}, {'l', "90s"}});
    CHECK_FALSE(match("$h has no power for $l", "h2 has no power"));
    CHECK_FALSE(match("$v runs", "vm1 runs on h2"));
    CHECK(match("$r migration(s)", "at most 2 migrations"));
    CHECK(match("$r migration(s)", "1 migration"));
    CHECK(match("an alarm says $q", "an alarm says \"a b: c\""));
    CHECK_FALSE(match("an alarm says $q", "an alarm says \"\""));
    CHECK(with_names("$h and $o do not reach each other for $l") ==
          "HOST and OTHER do not reach each other for DURATION");
}

TEST_CASE("A scenario is read as it is written") {
    const auto all =
        scripts(one("    seed: 7\n    policy: {failover: {after: 30s}}\n    steps:\n"
                    "      - at 30s: an operator has vm1 moved to h3 (finish lost)\n"
                    "      - 2s after vm1 runs twice: [h2 has no power for good, h3 is put into maintenance]\n"
                    "    expect:\n      - by 60s: [vm1 runs, h1 leads]\n      - no fencings\n"));
    REQUIRE(all.size() == 1);
    const Script& script = all.front();
    CHECK((script.name == "a" && script.shows == "b" && script.line == 6 && script.theme == "tests"));
    CHECK((script.scenario.seed == 7 && script.scenario.length == 90s && script.scenario.hosts.size() == 3));
    CHECK((script.policy.mode == policy::Mode::automatic && script.policy.failover.after == 30s));
    REQUIRE(script.scenario.events.size() == 1);
    const Event& order = script.scenario.events.front();
    CHECK((order.kind == Event::Kind::migrate && order.at == 30s && order.vm == VmId{"vm1"} &&
           order.host == HostId{"h3"}));
    CHECK(order.fault == sim::Fault::finish_lost);
    REQUIRE(script.cues.size() == 2);
    CHECK((script.cues[0].when.text == "vm1 runs twice" && script.cues[0].later == 2s));
    CHECK((script.cues[1].event.kind == Event::Kind::maintenance_begins));
    REQUIRE(script.expectations.size() == 3);
    CHECK(to_string(script.expectations[0]) == "by 1min: vm1 runs");
    CHECK(script.expectations[2].when == Expectation::When::at_the_end);
}

TEST_CASE("Cases fill the places of one text, each with what it expects itself") {
    const auto all = scripts(
        head +
        "  - name: \"{who} dies\"\n    shows: b\n    steps:\n      - at 20s: \"{who} has no power for {time}\"\n"
        "    expect:\n      - 1 fencing\n    cases:\n"
        "      - {who: h2, time: 40s, expect: [vm1 runs on h3]}\n      - {who: h3, time: good, expect: [vm1 runs on "
        "h2]}\n");
    REQUIRE(all.size() == 2);
    CHECK((all[0].name == "h2 dies" && all[1].name == "h3 dies"));
    CHECK(all[0].scenario.events[0].lasts == 40s);
    CHECK(all[1].expectations.size() == 2);
    CHECK(all[1].expectations[1].look.text == "vm1 runs on h2");
}

TEST_CASE("What is not understood is refused, with its place") {
    const auto refused = [](const std::string& text, const std::string& what) {
        INFO(text);
        CHECK(problems_of(text).find(what) != std::string::npos);
    };
    refused(one("    steps: []\n"), "s.yaml:6:5: a scenario without `expect` shows nothing");
    refused(one("    expect: []\n"), "s.yaml:6:5: a scenario without `expect` shows nothing");
    refused(one("    expect: [vm1 flies]\n"), "s.yaml:8:14: expect: nothing that can be expected: `vm1 flies`");
    refused(one("    expect: [vm2 runs]\n"), "s.yaml:8:14: expect: this scenario has no such host or VM");
    refused(one("    expect: [the operation on vm1 is lost]\n"), "nothing that can be expected");
    refused(one("    expect: [by 2min: vm1 runs]\n"), "is expected at a time when the scenario is over");
    refused(one("    expect: [someday: vm1 runs]\n"), "`always`, `never` or `healed`, found `someday`");
    refused(one("    expect: [vm1 runs]\n    steps: [at 5s: h2 explodes]\n"),
            "s.yaml:9:20: steps: nothing that can happen: `h2 explodes`");
    refused(one("    expect: [vm1 runs]\n    steps: [at 5s: h9 has no power for 5s]\n"),
            "this scenario has no such host");
    refused(one("    expect: [vm1 runs]\n    steps: [at 5m: h2 has no power for 5s]\n"), "s.yaml:9:13");
    refused(one("    expect: [vm1 runs]\n    steps: [at 5s: an operator has vm1 moved to h3 (bad luck)]\n"),
            "there is no fault `bad luck`");
    refused(one("    expect: [vm1 runs]\n    steps: [at 5min: libvirtd of h2 restarts]\n"),
            "a step comes after the end");
    refused(one("    expect: [vm1 runs]\n    steps: [h2 restarts]\n"), "expected a step such as");
    refused(one("    expect: [vm1 runs]\n    stepps: []\n"), "unknown key `stepps`; did you mean `steps`?");
    refused(one("    expect: [vm1 runs]\n    policy: {failover: {after: soon}}\n"),
            "s.yaml:9:32: policy.failover.after");
    refused(one("    expect: [vm1 runs]\n    vms: {vm1: h7}\n"), "vm1 needs one of the hosts");
    refused(one("    expect: [vm1 runs]\n  - name: a\n    shows: c\n    expect: [vm1 runs]\n"),
            "the scenario `a` is already used at s.yaml:6:5");
    refused(head + "  - shows: b\n    expect: [vm1 runs]\n", "a scenario needs a `name`");
    refused("theme: x\nhosts: [h1, h2]\n", "expected `scenarios`, a list");
    refused("hosts: [h1, h2]\nscenarios: []\n", "says its `theme`");
    refused("a: [", "s.yaml:");
    CHECK_FALSE(load_scripts("/nonexistent.yaml"));
}

TEST_CASE("What is expected and does not come is told with what was seen, and what comes is not") {
    const std::string steps = "    steps: [at 20s: an operator has vm1 moved to h3]\n    expect: [";
    CHECK(missed(steps +
                 "vm1 runs on h3, at 10s: vm1 runs on h2, by 30s: vm1 runs on h3, never: vm1 runs twice, 1 migration, "
                 "until 20s: vm1 runs on h2, from 30s: vm1 runs on h3, healed: vm1 runs on h3]\n")
              .empty());
    CHECK(missed(steps + "vm1 runs on h2]\n") ==
          std::vector<std::string>{"expected vm1 runs on h2 -- seen at 1min30s: vm1 runs on h3"});
    CHECK(missed(steps + "by 20s: vm1 runs on h3]\n").size() == 1);
    CHECK(missed(steps + "always: vm1 runs on h2]\n").size() == 1);
    CHECK(missed(steps + "never: vm1 runs on h3]\n").size() == 1);
    CHECK(missed(steps + "until 60s: vm1 runs on h2]\n").size() == 1);
    CHECK(missed(steps + "from 10s: vm1 runs on h3]\n").size() == 1);
    CHECK(missed(steps + "healed: vm1 runs on h2]\n").size() == 1);
    CHECK(missed(steps + "no migrations, at least 2 migrations, vm1 is operated on twice, an alarm says \"x\"]\n")
              .size() == 4);
}

TEST_CASE("A step that waits for something happens once it is so") {
    CHECK(missed("    steps:\n      - at 20s: an operator has vm1 moved to h3\n      - 5s after vm1 runs on h3: h3 is "
                 "put into maintenance\n"
                 "    expect: [at 23s: vm1 runs on h3, vm1 runs on another host than h3, 2 migrations]\n")
              .empty());
}

TEST_CASE("There are two hundred scenarios or more, no two of the same text, and the index names them all") {
    const auto all = all_scripts();
    CHECK(all.size() >= 200);
    std::set<std::string> texts;
    for (const Script& script : all) {
        std::string text = to_string(script.scenario);
        for (const Cue& one : script.cues) text += one.when.text + to_string(one.event);
        for (const Expectation& one : script.expectations) text += to_string(one);
        INFO(script.file << ": " << script.name);
        CHECK(texts.insert(text + policy::to_string(script.policy.mode) + script.name).second);
    }
    const auto readme = folder / "README.md";
    const std::string mark = "<!-- from here on: written by BALLAST_WRITE_DOCS=1 test_vopr -->\n";
    const std::string text = text_of(readme);
    const auto at = text.find(mark);
    REQUIRE(at != std::string::npos);
    const std::string wanted =
        text.substr(0, at) + mark + "\n" + std::to_string(all.size()) + " scenarios.\n" + index_of(all);
    if (std::getenv("BALLAST_WRITE_DOCS") != nullptr) std::ofstream(readme) << wanted;
    CHECK(text_of(readme) == wanted);
}

TEST_CASE("docs/simulator.md has every sentence of which scenarios are made") {
    const std::string text = text_of(std::filesystem::path(BALLAST_SOURCE) / "docs/simulator.md");
    auto all = all_steps();
    const auto looks = all_looks();
    all.insert(all.end(), looks.begin(), looks.end());
    for (const std::string& sentence : all) {
        INFO(sentence);
        CHECK(text.find("\n" + sentence + "\n") != std::string::npos);
    }
}
