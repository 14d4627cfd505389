#include "sim/trace/workload.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::sim::trace;

namespace {

std::string line(const std::string& name, std::size_t samples, const std::string& value = "7") {
    std::string text = name;
    for (std::size_t i = 0; i < samples; ++i) text += "," + value;
    return text + "\n";
}

}  // namespace

TEST_CASE("A trace is a name and 288 percentages a line") {
    const auto workload = parse_workload(line("a", 288) + "\r\n" + line("b", 288, "100"), "day");
    REQUIRE(workload.has_value());
    REQUIRE(workload->vms.size() == 2);
    CHECK(workload->vms[1].name == "b");
    CHECK(workload->vms[1].percent[287] == 100);
}

TEST_CASE("What is wrong with a trace is named with its line") {
    const auto problem = [](const std::string& text) {
        const auto workload = parse_workload(text, "day.csv");
        REQUIRE_FALSE(workload.has_value());
        return to_string(workload.error());
    };
    CHECK(problem("") == "day.csv: there is no VM in it");
    CHECK(problem(line("a", 288) + line("b", 287)) == "day.csv:2: expected a name and 288 samples, found 287 samples");
    CHECK(problem(line("", 288)) == "day.csv:1: the VM has no name");
    CHECK(problem(line("a", 288, "101")) == "day.csv:1: expected a whole number of 0-100, found \"101\"");
    CHECK(problem(line("a", 288, "-1")) == "day.csv:1: expected a whole number of 0-100, found \"-1\"");
    CHECK(problem(line("a", 288, "nan")) == "day.csv:1: expected a whole number of 0-100, found \"nan\"");
    CHECK(problem(line("a", 288, "")) == "day.csv:1: expected a whole number of 0-100, found \"\"");
}

TEST_CASE("A trace that is not there is an error with its name") {
    const auto workload = load_workload("/nowhere/day.csv.gz");
    REQUIRE_FALSE(workload.has_value());
    CHECK(workload.error().subject == "/nowhere/day.csv.gz");
}

TEST_CASE("Demand is linear between samples and holds after the last") {
    VmTrace vm{"a", {}};
    vm.percent[1] = 100;
    vm.percent[287] = 40;
    CHECK(vm.at(0) == 0);
    CHECK(vm.at(150) == Approx(0.5));
    CHECK(vm.at(300) == Approx(1));
    CHECK(vm.at(86400) == Approx(0.4));
}
