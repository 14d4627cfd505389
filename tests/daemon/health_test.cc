// A degraded host in the whole daemon: from what the watch tells to the first migration, and what people see.
#include "tests/daemon/api_bench.h"

using namespace ballast;
using namespace ballast::test;

namespace {

policy::Options acting() {
    policy::Options options;
    options.mode = policy::Mode::automatic;
    options.overload.enabled = options.balance.enabled = false;
    return options;
}

const std::vector<HealthProblem> failing = {{HealthSource::disk, "sda", "disk sda says that it fails (SMART)"}};

bool mentions(const json::value& lines, const std::string& words) {
    for (const json::value& line : lines.as_array())
        if (std::string(line.as_string()).find(words) != std::string::npos) return true;
    return false;
}

}  // namespace

TEST_CASE("The first VM leaves a degraded host within a second of its being told") {
    ApiBench bench;
    bench.begin(acting());
    CHECK(bench.controller->active().empty());
    bench.controller->set_health({"host1"}, failing);
    bench.pass(1s);
    std::vector<Operation> operations = bench.controller->active();
    const auto& ended = bench.controller->ended();
    operations.insert(operations.end(), ended.begin(), ended.end());
    REQUIRE(operations.size() == 1);
    CHECK(operations[0].trigger == Trigger::degraded);
    CHECK(operations[0].vm.value == test::web);
    CHECK(operations[0].started.has_value());
    bench.pass(60s);
    CHECK(bench.controller->ended().back().state == OperationState::done);
    const Answer host = bench.get("/v1/hosts/host1");
    CHECK(host.text("/state") == "degraded");
    CHECK(host.text("/health/0/source") == "disk");
    CHECK(host.text("/health/0/action") == "evacuate");
    CHECK(bench.get("/v1/status").at("/hosts/degraded") == 1);
    CHECK_THAT(bench.get("/v1/explain/host/host1").text("/verdict"),
               Catch::StartsWith("host1 is degraded: disk sda says that it fails (SMART); it is emptied"));
    CHECK(bench.post("/v1/migrate", R"({"vm":"db1","to":"host1"})").status >= 400);
    bench.controller->set_health({"host1"}, {});
    bench.pass(1s);
    CHECK(bench.get("/v1/hosts/host1").text("/state") == "ok");
}

TEST_CASE("A VM that cannot leave is named in the status, and in confirm mode moves wait") {
    ApiBench bench;
    policy::Options options = acting();
    options.mode = policy::Mode::confirm;
    options.rules.push_back({policy::Rule::Kind::never_move, "stays", {"db1"}, {}, "", 1, true});
    bench.begin(options);
    bench.controller->set_health({"host2"}, failing);
    bench.pass(1s);
    const Answer status = bench.get("/v1/status");
    CHECK(mentions(status.at("/problems"), "host2: disk sda says that it fails"));
    CHECK(mentions(status.at("/problems"), "ALARM: db1 cannot leave host2, which is degraded"));
    CHECK(bench.controller->active().empty());
    bench.controller->set_health({"host2"}, {});
    bench.controller->set_health({"host1"}, failing);
    bench.pass(1s);
    REQUIRE(bench.controller->active().size() == 1);
    CHECK(bench.controller->active()[0].state == OperationState::waiting);
}

TEST_CASE("Whether a host answers is known by its connection") {
    ApiBench bench;
    CHECK_FALSE(bench.controller->answers({"host1"}));
    bench.begin();
    CHECK(bench.controller->answers({"host1"}));
    bench.hypervisor.tell({HypervisorEvent::Kind::disconnected, {"host1"}, {}, "gone"});
    bench.pass(1s);
    CHECK_FALSE(bench.controller->answers({"host1"}));
    CHECK_FALSE(bench.controller->answers({"nobody"}));
}
