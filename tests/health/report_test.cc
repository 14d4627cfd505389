#include "health/report.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::health;

namespace {
Report full() {
    Report report;
    for (const HealthSource source : all_health_sources) report.tell(source, "x", "Ärger mit x");
    report.counters = {{HealthSource::memory_corrected, "mc0", ~std::uint64_t{0}}};
    report.speeds = {{"eth0", 25000}};
    report.cannot_read(HealthSource::disk, "SMART needs root");
    report.did_not_answer(HealthSource::disk, "sda", "it hangs");
    report.energy = {{"package-0/dram", ~std::uint64_t{0}, 65'532'610'987}, {"psys", 0, 0}};
    report.uptime_s = 1234.5;
    report.boot_id = "0a4e5f1c-6f9b-4d52-8a57-0c8f3c8a9d11";
    report.time_s = 1790000000.25;
    return report;
}
}  // namespace

TEST_CASE("A report comes back from its JSON as it was") {
    const Report report = full();
    const auto read = report_from(to_json(report));
    REQUIRE(read.has_value());
    CHECK(read->problems == report.problems);
    CHECK(read->counters == report.counters);
    CHECK(read->speeds == report.speeds);
    CHECK(read->unread == report.unread);
    CHECK(read->energy == report.energy);
    CHECK(read->uptime_s == report.uptime_s);
    CHECK(read->boot_id == report.boot_id);
    CHECK(read->time_s == report.time_s);
}

TEST_CASE("What an older version did not read is not called broken") {
    const auto read = report_from(R"({"format": 1, "unread": [{"source": "disk", "text": "needs root"}]})");
    REQUIRE(read.has_value());
    CHECK(read->unread == std::vector<Unread>{{HealthSource::disk, "needs root", "", false}});
}

TEST_CASE("The same thing is told once, and what was found first stays") {
    Report report;
    report.tell(HealthSource::link, "eth0", "first");
    report.tell(HealthSource::link, "eth0", "second");
    report.tell(HealthSource::link, "eth1", "other");
    CHECK(report.problems.size() == 2);
    CHECK(report.problems[0].text == "first");
}

TEST_CASE("A text becomes one line for people, whatever it was") {
    CHECK(tidy("fan 3: 0 RPM") == "fan 3: 0 RPM");
    CHECK(tidy("Lüfter\tsteht") == "Lüfter steht");
    CHECK(tidy("a\x1b[31mb\r\nc") == "a?[31mb??c");
    CHECK(tidy("\xff\xc3") == "??");
    CHECK(tidy(std::string(1000, 'x')).size() == 200);
    const std::string cut = tidy(std::string(199, 'x') + "ü");
    CHECK(cut.size() == 199);  // between characters
}

TEST_CASE("What is no report is refused, and what is large is cut") {
    for (const char* text :
         {"", "{}", "[]", "null", "{\"format\": 2}", "{\"format\": 1, \"problems\": 3}",
          "{\"format\": 1, \"problems\": [{\"source\": \"gremlins\", \"subject\": \"\", \"text\": \"\"}]}",
          "{\"format\": 1, \"problems\": [{\"source\": \"disk\"}]}",
          "{\"format\": 1, \"counters\": [{\"source\": \"disk\", \"subject\": \"\", \"count\": -1}]}",
          "{\"format\": 1, \"speeds\": [{\"interface\": \"e\", \"mbit_per_s\": 1.5}]}",
          "{\"format\": 1, \"energy\": [{\"zone\": \"psys\", \"microjoules\": -1, \"range\": 1}]}",
          "{\"format\": 1, \"uptime_s\": null}", "{\"format\": 1, \"time_s\": \"now\"}",
          "ssh: connect to host h2: Connection refused"}) {
        INFO(text);
        CHECK_FALSE(report_from(text).has_value());
    }
    CHECK(report_from("{\"format\": 1}").has_value());
    CHECK_FALSE(report_from(std::string(100000, '[')).has_value());

    Report many;
    for (int i = 0; i < 1000; ++i) many.tell(HealthSource::disk, std::to_string(i), std::string(1000, 'x'));
    CHECK(report_from(to_json(many))->problems.size() == 100);
    CHECK(to_json(many).size() < 64 * 1024);
}
