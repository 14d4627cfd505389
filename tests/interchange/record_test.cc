// Inventory files and records: nothing is lost on the way out and back, and nothing strange comes in.
#include "interchange/record.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/interchange/samples.h"
#include "tests/policy/plan_text.h"

using namespace ballast;
using namespace ballast::interchange;
using namespace ballast::test;

namespace {

std::string problem_of(const std::string& text) {
    const auto read = parse_record(text);
    REQUIRE_FALSE(read.has_value());
    return read.error().subject + ": " + read.error().message;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), with);
}

const std::string small = R"({"format": "ballast-inventory/1",
 "inventory": {
  "hosts": [{"id": "host1", "facts": {"cpus": 8, "memory_total_bytes": 1000}}],
  "vms": [{"id": "a", "host": "host1", "state": "running", "facts": {"vcpus": 2, "memory_bytes": 10}}]
 }})";

}  // namespace

TEST_CASE("A record read back is the same record, and makes the same plan byte for byte") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        INFO("seed " << seed);
        const Record record = random_record(seed);
        const std::string text = to_text(record);
        const auto read = parse_record(text);
        INFO((read ? "" : to_string(read.error())));
        REQUIRE(read.has_value());
        CHECK(to_text(*read) == text);
        const Plan again = policy::plan(read->inventory, *read->memory, read->options, read->now);
        CHECK(text_of(again) == text_of(*record.plan));
        CHECK(to_text(again) == to_text(*read->plan));
    }
}

TEST_CASE("What is wrong with hosts, and what the policy makes of it, is a part of the record") {
    Cluster cluster = random_cluster(7);
    cluster.options.health.units = policy::HealthAction::evacuate;
    cluster.options.health.checks = {{"ups", policy::HealthAction::cordon}};
    for (auto& [id, host] : cluster.inventory.hosts)
        for (const HealthSource source : all_health_sources) host.health.push_back({source, "x", "it is bad"});
    const Record record = record_of(cluster);
    const auto read = parse_record(to_text(record));
    REQUIRE(read.has_value());
    for (const auto& [id, host] : record.inventory.hosts) CHECK(read->inventory.hosts.at(id).health == host.health);
    CHECK(read->options.health.units == policy::HealthAction::evacuate);
    CHECK(read->options.health.checks.size() == 1);
    CHECK(text_of(policy::plan(read->inventory, *read->memory, read->options, read->now)) == text_of(*record.plan));
}

TEST_CASE("The next cycle, too, comes out the same from a record") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        INFO("seed " << seed);
        const Record record = random_record(seed);
        const auto read = parse_record(to_text(record));
        REQUIRE(read.has_value());
        const auto next = [](const Record& r) {
            const auto memory = policy::observe(*r.memory, r.inventory, r.options, r.now + 30s);
            return text_of(policy::plan(r.inventory, memory, r.options, r.now + 30s));
        };
        CHECK(next(*read) == next(record));
    }
}

TEST_CASE("What only matters for replay in rare cases is kept as well") {
    Record record = random_record(1);
    record.options.mode = policy::Mode::automatic;
    record.options.overload.cpu.above = 0.1 + 0.2;
    record.options.migration.bandwidth_mib_per_s = 1.0 / 3;
    record.options.migration.downtime_steps = {Duration{7}};
    record.options.rules = {{policy::Rule::Kind::pin, "r", {"web*"}, {{"host0"}}, "10-site.yaml:3"}};
    auto& host = record.memory->hosts.begin()->second;
    host.memory_pressure = {Instant{} - 5h, true, Instant{} + 7ms};
    host.unattributed_cpu_cores = 5e-324;
    host.outlook = policy::Outlook{490'000, 7.25, 8.5, 5, 4, true};
    host.cpu_limit = 0.1 + 0.7;
    record.options.overload.cpu_method = policy::CpuMethod::lr;
    record.options.forecast = {true, 2h, 0.75, {"Europe/Berlin", {}}};
    record.memory->seasons = {"Europe/Berlin", WallTime{} + 1h, {}};
    record.memory->seasons.vms[{"gone"}] = {std::string(3 * policy::season_hours, '/'), -17, 1.0 / 3, 30};
    Vm& vm = record.inventory.vms.begin()->second;
    vm.facts.name = "a\"}],\"x\":{\"\\\n\x1b[31m \xE2\x80\xAE \xF0\x9F\x98\x80";
    vm.facts.requirements.cpu = {CpuRequirement::Mode::maximum, "m", {"f"}};
    vm.facts.blockers = {{Reason::block_job, "vda"}};
    const auto read = parse_record(to_text(record));
    REQUIRE(read.has_value());
    CHECK(to_text(*read) == to_text(record));
    CHECK(read->options.overload.cpu.above == record.options.overload.cpu.above);
    CHECK(read->options.rules.front().origin == "10-site.yaml:3");
    CHECK(read->memory->hosts.begin()->second.unattributed_cpu_cores == 5e-324);
    CHECK(read->memory->hosts.begin()->second.memory_pressure.above_since == Instant{} - 5h);
    CHECK(read->inventory.vms.begin()->second.facts.name == vm.facts.name);
}

TEST_CASE("An inventory written by hand needs only what has no harmless default") {
    const auto read = parse_record(small);
    REQUIRE(read.has_value());
    CHECK(read->inventory.hosts.at({"host1"}).facts.cpus == 8);
    CHECK_FALSE(read->inventory.vms.at({"a"}).load.cpu_used_cores);
    CHECK_FALSE(read->memory);
    CHECK_FALSE(read->plan);
}

TEST_CASE("Whatever is wrong in an inventory is told with its place and its path") {
    const std::vector<std::array<std::string, 3>> cases = {
        {"\"cpus\": 8", "\"cpus\": -1",
         "3:47: inventory.hosts[0].facts.cpus: -1 is out of range; allowed is 0 to 65536"},
        {"\"cpus\": 8", "\"cpus\": 1e300",
         "3:47: inventory.hosts[0].facts.cpus: 1e300 is out of range; allowed is 0 to 65536"},
        {"\"cpus\": 8", "\"cpus\": 1e999", "3:47: inventory.hosts[0].facts.cpus: 1e999 is out of range"},
        {"\"cpus\": 8", "\"cpus\": NaN", "3:47: expected a value, found `NaN`"},
        {"\"cpus\": 8, ", "", "3:38: inventory.hosts[0].facts: `cpus` is missing"},
        {"\"cpus\": 8", "\"cpus\": null", "3:47: inventory.hosts[0].facts.cpus: expected a number, found null"},
        {"\"cpus\": 8", "\"cpus\": \"8\"", "3:47: inventory.hosts[0].facts.cpus: expected a number, found a text"},
        {"\"cpus\": 8", "\"cpus\": 8, \"cpus\": 9", "3:50: this key is given twice"},
        {"\"cpus\": 8", "\"cpsu\": 8, \"cpus\": 8", "3:39: inventory.hosts[0].facts: there is no key `cpsu`"},
        {"\"vcpus\": 2", "\"vcpus\": 2.5", "4:79: inventory.vms[0].facts.vcpus: expected a whole number, found 2.5"},
        {"\"memory_bytes\": 10", "\"memory_bytes\": 1e30",
         "4:98: inventory.vms[0].facts.memory_bytes: 1e30 is out of range; allowed is 0 to 1152921504606846976"},
        {"\"host\": \"host1\"", "\"host\": \"host9\"",
         "4:31: inventory.vms[0].host: there is no host host9 in this inventory"},
        {"\"running\"", "\"runing\"",
         "4:49: inventory.vms[0].state: expected one of: running, paused, shut off, crashed, other"},
        {"}]\n }}",
         "}, {\"id\": \"a\", \"host\": \"host1\", \"state\": \"running\", \"facts\": {\"vcpus\": 1, \"memory_bytes\": "
         "1}}]\n }}",
         "inventory.vms[1]: there is another one with the id a"},
        {"\"id\": \"a\"", "\"id\": \"\"", "inventory.vms[0]: the id is empty"},
        {"inventory/1", "inventory/2",
         "format: expected `ballast-inventory/1`; it was written by another version of Ballast"},
        {"\"format\"", "\"fromat\"", "1:1: `format` is missing: this is not a Ballast inventory or record"},
        {"\n }}", "\n }", "5:3: expected `,` or `}`, found the end"},
        {"\n }}", "\n }} x", "5:5: expected the end of the document, found `x`"},
        {"\"a\"", "\"a\xff\"", "4:20: this is not UTF-8"},
        {"\"a\"", "\"\\ud800\"", "4:19: this is not how JSON escapes a character"},
        {"\"cpus\": 8", "\"cpus\": 08", "3:47: this is not how JSON writes a number"},
    };
    for (const auto& [what, with, expected] : cases) {
        INFO(with);
        const std::string problem = problem_of(replaced(small, what, with));
        CHECK_THAT(problem, Catch::Contains(expected));
    }
    CHECK(problem_of("") == "1:1: expected a value, found the end");
    CHECK(problem_of("[]") == "1:1: expected an object, found a list");
    CHECK_THAT(problem_of(std::string(100000, '[')), Catch::Contains("nested too deeply"));
}

TEST_CASE("No figure of a record takes what is no number, and no measured one takes a negative") {
    static const std::set<std::string> may_be_negative = {"priority", "effect", "score_before", "score_after"};
    const std::string text = to_text(random_record(5));
    const std::regex figure("\"([a-z_]+)\": (-?[0-9][-+.0-9e]*)");
    std::size_t tried = 0;
    for (auto at = std::sregex_iterator(text.begin(), text.end(), figure); at != std::sregex_iterator(); ++at) {
        const std::string key = (*at)[1];
        const auto with = [&](const std::string& value) {
            return parse_record(text.substr(0, static_cast<std::size_t>(at->position(2))) + value +
                                std::string((*at)[2].second, text.end()));
        };
        if (++tried % 7 != 0) continue;
        INFO(key << " at " << at->position());
        for (const std::string value :
             {"\"x\"", "[]", "{}", "true", "1e999", "1e300", "NaN", "Infinity", "-", "0x10"}) {
            const auto read = with(value);
            REQUIRE_FALSE(read.has_value());
            CHECK_FALSE(read.error().message.empty());
            CHECK(read.error().subject.find(':') != std::string::npos);
        }
        CHECK_THAT(with("[]").error().message, Catch::Contains(key));
        const bool signed_figure = key.ends_with("_ms") || may_be_negative.contains(key);
        if (!signed_figure)
            CHECK_THAT(with("-1").error().message, Catch::Contains(key) && Catch::Contains("out of range"));
    }
    CHECK(tried > 200);
}

TEST_CASE("A document that was damaged anywhere gives a record or one error, and never anything else") {
    Dice dice(1);
    std::size_t refused = 0;
    const std::string original = to_text(random_record(3));
    static constexpr std::string_view bytes = "{}[],:\"\\0189-+.eEtfnu \n\x01\xff";
    for (int i = 0; i < 5000; ++i) {
        std::string text = original;
        for (unsigned edits = dice.between(1, 3); edits > 0; --edits) {
            const std::size_t at = dice.below(static_cast<unsigned>(text.size()));
            const std::size_t length = dice.below(8);
            const char with = bytes[dice.below(static_cast<unsigned>(bytes.size()))];
            if (dice.one_in(2))
                text[at] = with;
            else if (dice.one_in(2))
                text.erase(at, length);
            else if (dice.one_in(2))
                text.insert(at, text.substr(dice.below(static_cast<unsigned>(text.size())), length * 8));
            else
                text.resize(at + 1);
        }
        INFO("case " << i);
        const auto read = parse_record(text);
        if (read) {
            CHECK(parse_record(to_text(*read)).has_value());
            continue;
        }
        ++refused;
        CHECK(read.error().code == ErrorCode::invalid);
        CHECK_FALSE(read.error().message.empty());
        CHECK(read.error().subject.find(':') != std::string::npos);
    }
    CHECK(refused > 3000);
}

TEST_CASE("The schema in the sources is the one that follows from the tables") {
    const auto path = std::filesystem::path(__FILE__).parent_path() / "../../interchange/inventory.schema.json";
    const std::string made = schema_text();
    if (std::getenv("BALLAST_WRITE_DOCS")) std::ofstream(path) << made;
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    INFO("the tables have changed: BALLAST_WRITE_DOCS=1 test_interchange writes " << path);
    CHECK((text.str() == made));
}

// Not a test by itself: prints records for schema_test.py.
TEST_CASE("Records for the schema's validation", "[.records]") {
    for (std::uint64_t seed = 0; seed < 30; ++seed) std::cout << to_text(as_json(random_record(seed)), 0);
}
