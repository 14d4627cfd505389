// Power in the whole daemon: orders over the socket, and consolidation that switches hosts off and wakes them.
#include "tests/daemon/api_bench.h"

using namespace ballast;
using namespace ballast::test;

namespace {

/// host2 is empty; what its BMC does is seen by its hypervisor.
class PowerBench : public ApiBench {
public:
    explicit PowerBench(Who who = Who::admin, const std::vector<std::string>& store_endpoints = {})
        : ApiBench(who, {}, {}, store_endpoints) {
        hypervisor.hosts_by_id.at({"host2"}).vms.clear();
        for (const char* name : {"host1", "host2"}) power.add_host(name);
        power.on_change = [this](const HostId& id, Power now) {
            const bool up = now == Power::on;
            hypervisor.hosts_by_id.at(id).connection = up ? Connection::up : Connection::down;
            hypervisor.tell({up ? HypervisorEvent::Kind::connected : HypervisorEvent::Kind::disconnected, id, {}, ""});
        };
    }
    std::string state(const std::string& host) {
        for (const PowerRecord& record : controller->power_records())
            if (record.host.value == host) return to_string(record.state);
        return "on";
    }
    using ApiBench::begin;
};

policy::Options quiet_policy() {
    policy::Options options;
    options.mode = policy::Mode::automatic;
    options.consolidation.enabled = true;
    options.consolidation.min_hosts_on = 1;
    options.consolidation.min_time_on = 30min;
    return options;
}

}  // namespace

TEST_CASE("An empty host is switched off and on by orders, and everybody sees how it stands") {
    PowerBench bench;
    policy::Options options;
    options.consolidation.min_hosts_on = 1;
    bench.begin(options);
    const Answer before = bench.get("/v1/power");
    CHECK(before.at("/hosts/1/host") == "host2");
    CHECK(before.at("/hosts/1/switchable") == true);
    CHECK(before.at("/hosts/1/proven") == false);
    const Answer accepted = bench.post("/v1/power/host2", R"({"action":"off"})");
    CHECK(accepted.status == 202);
    CHECK(accepted.text("/state") == "switching_off");
    CHECK(bench.post("/v1/power/host2", R"({"action":"on"})").status == 409);
    bench.pass(1min);
    CHECK(bench.state("host2") == "off");
    CHECK(bench.get("/v1/hosts/host2").text("/power") == "off");
    CHECK(bench.get("/v1/status").at("/hosts/off") == 1);
    CHECK(bench.post("/v1/migrate", R"({"vm":"web1","to":"host2"})").status >= 400);
    CHECK(bench.post("/v1/power/host2", R"({"action":"on"})").status == 202);
    bench.pass(1min);
    CHECK(bench.state("host2") == "on");
    CHECK(bench.get("/v1/power").at("/hosts/1/proven") == true);
    CHECK(bench.power.orders == std::vector<std::string>{"soft host2", "on host2"});
}

TEST_CASE("Orders that go against the policy or make no sense are refused with the reason") {
    PowerBench bench;
    bench.begin();  // min_hosts_on is 2
    const Answer refused = bench.post("/v1/power/host2", R"({"action":"off"})");
    CHECK(refused.text("/error/code") == "refused");
    CHECK(refused.text("/error/message") == "has to stay on: 2 hosts are on and the policy's min_hosts_on is 2");
    CHECK(bench.post("/v1/power/host2", R"({"action":"reset"})").status == 400);
    CHECK(bench.post("/v1/power/nobody", R"({"action":"off"})").status == 404);
    CHECK(bench.post("/v1/power/host2", R"({"action":"release"})").status == 404);
    CHECK(bench.power.orders.empty());
    CHECK(bench.post("/v1/power/host2", R"({"action":"drill","force":true})").status == 202);
    bench.pass(1min);
    CHECK(bench.power.orders == std::vector<std::string>{"soft host2", "on host2"});
}

TEST_CASE("With --force a host goes off against the policy, but never with a VM on it") {
    PowerBench bench;
    bench.begin();
    const Answer refused = bench.post("/v1/power/host1", R"({"action":"off","force":true})");
    CHECK(refused.status == 409);
    CHECK(refused.text("/error/message").find("web1") != std::string::npos);
    bench.pass(1min);
    CHECK(bench.state("host1") == "on");
    CHECK(bench.power.orders.empty());
}

TEST_CASE("A host that a member of the store runs on is never switched off by the policy") {
    PowerBench bench(PowerBench::Who::admin, {"https://host2:2379"});
    bench.begin(quiet_policy());
    bench.pass(45min);
    CHECK(bench.power.orders.empty());
    const Answer refused = bench.post("/v1/power/host2", R"({"action":"off"})");
    CHECK(refused.text("/error/message").find("a member of etcd runs on it") != std::string::npos);
}

TEST_CASE("Who may only look switches nothing") {
    PowerBench bench(ApiBench::Who::viewer);
    CHECK(bench.get("/v1/power").status == 200);
    CHECK(bench.post("/v1/power/host2", R"({"action":"off","force":true})").status == 403);
}

TEST_CASE("Consolidation switches an empty host off, in a drill first, and wakes it when the window is closed") {
    PowerBench bench;
    bench.begin(quiet_policy());
    bench.pass(45min);  // watched for 40 min; then the drill
    CHECK(bench.power.orders == std::vector<std::string>{"soft host2", "on host2"});
    CHECK(bench.state("host2") == "on");
    bench.pass(40min);  // min_time_on
    CHECK(bench.power.orders.size() == 3);
    CHECK(bench.state("host2") == "off");
    CHECK(json::serialize(bench.get("/v1/status").at("/problems")).find("host2") == std::string::npos);
    policy::Options closed = quiet_policy();
    closed.consolidation.windows.push_back({"never", {}, {}});
    bench.controller->set_policy(closed);
    bench.pass(15min);
    CHECK(bench.state("host2") == "on");
}

TEST_CASE("In mode observe, in confirm and while paused no power is switched") {
    PowerBench bench;
    policy::Options options = quiet_policy();
    SECTION("observe") {
        options.mode = policy::Mode::observe;
    }
    SECTION("confirm") {
        options.mode = policy::Mode::confirm;
    }
    SECTION("paused") {
        bench.post("/v1/pause");
    }
    bench.begin(options);
    bench.pass(2h);
    CHECK(bench.power.orders.empty());
    CHECK_FALSE(bench.controller->last_cycle().plan.power.empty());
}

TEST_CASE("A broker that does not answer any more is a problem until it answers again, one that never did is none") {
    PowerBench bench;
    const Error gone{ErrorCode::unavailable, "power broker", "cannot be reached: Connection refused"};
    const std::string problem =
        "the power broker cannot be reached (Connection refused): no host can be cut off or switched";
    const auto told = [&] {
        return json::serialize(bench.get("/v1/status").at("/problems")).find(problem) != std::string::npos;
    };
    SECTION("it was there before") {
        bench.begin();
        CHECK_FALSE(told());
        bench.power.broker_error = gone;
        bench.pass(29s);  // it may be restarted
        CHECK_FALSE(told());
        bench.pass(61s);
        CHECK(told());
        CHECK(bench.get("/v1/power").text("/problem") == problem);
        bench.power.broker_error.reset();
        bench.pass(31s);
        CHECK_FALSE(told());
        CHECK(bench.get("/v1/power").text("/problem").empty());
    }
    SECTION("there never was one") {
        bench.power.broker_error = gone;
        bench.begin();
        bench.pass(5min);
        CHECK_FALSE(told());
    }
}

TEST_CASE("A host without a working broker is only named") {
    PowerBench bench;
    bench.power.broker_error = Error{ErrorCode::unavailable, "broker", "nobody is there"};
    bench.begin(quiet_policy());
    bench.pass(2h);
    CHECK(bench.power.orders.empty());
    CHECK(bench.controller->last_cycle().plan.power.empty());
    CHECK_FALSE(bench.controller->last_cycle().plan.findings.empty());
}
