// Every route that looks, over the socket.
#include "tests/daemon/api_bench.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("The status tells mode, counts and the last cycle") {
    ApiBench bench;
    bench.begin();
    const Answer answer = bench.get("/v1/status");
    REQUIRE(answer.status == 200);
    CHECK(answer.text("/mode") == "observe");
    CHECK(answer.at("/hosts/total") == 2);
    CHECK(answer.at("/hosts/up") == 2);
    CHECK(answer.at("/vms/running") == 2);
    CHECK(answer.at("/vms/movable") == 2);
    CHECK(answer.at("/operations/active") == 0);
    CHECK(answer.text("/last_cycle/id").starts_with("cycle-"));
    CHECK(answer.at("/problems").as_array().empty());
}

TEST_CASE("Before the first cycle nothing is made up") {
    ApiBench bench;
    const Answer status = bench.get("/v1/status");
    CHECK(status.at("/last_cycle").is_null());
    CHECK(status.at("/imbalance").is_null());
    CHECK(bench.get("/v1/hosts/host1").text("/state") == "unknown");
    CHECK(bench.get("/v1/hosts/host1").at("/cpu/demand_ratio").is_null());
    CHECK(bench.get("/v1/explain/cycle/last").status == 404);
    CHECK(bench.get("/v1/explain/host/host1").status == 200);
}

TEST_CASE("Hosts are listed with their load and shown with facts and VMs") {
    ApiBench bench;
    bench.begin();
    const Answer hosts = bench.get("/v1/hosts");
    REQUIRE(hosts.at("/hosts").as_array().size() == 2);
    CHECK(hosts.text("/hosts/0/id") == "host1");
    CHECK(hosts.text("/hosts/0/state") == "ok");
    CHECK(hosts.at("/hosts/0/vms") == 1);
    const Answer host = bench.get("/v1/hosts/host1");
    CHECK(host.text("/facts/libvirt_version") == "9.0.0");
    CHECK(host.text("/vm_list/0/name") == "web1");
    CHECK(host.at("/cpu/used_cores").to_number<double>() == Approx(0.1));
}

TEST_CASE("A host that is down says so in the status") {
    ApiBench bench;
    bench.begin();
    bench.hypervisor.hosts_by_id.at({"host2"}).connection = Connection::down;
    bench.hypervisor.tell({HypervisorEvent::Kind::disconnected, {"host2"}, {}, "connection refused"});
    bench.pass(1s);
    const Answer status = bench.get("/v1/status");
    CHECK(status.at("/hosts/up") == 1);
    CHECK(status.text("/problems/0") == "host2: connection refused");
    CHECK(bench.get("/v1/hosts/host2").text("/state") == "down");
}

TEST_CASE("A VM is found by name, by UUID in any case, and else not") {
    ApiBench bench;
    bench.begin();
    CHECK(bench.get("/v1/vms").at("/vms").as_array().size() == 2);
    CHECK(bench.get("/v1/vms/web1").text("/id") == web);
    CHECK(bench.get(std::string("/v1/vms/") + web).text("/name") == "web1");
    const Answer none = bench.get("/v1/vms/web9");
    CHECK(none.status == 404);
    CHECK(none.code() == "not_found");
    CHECK(none.text("/error/subject") == "web9");
}

TEST_CASE("A name that two running VMs have is a conflict that lists their UUIDs") {
    ApiBench bench;
    bench.hypervisor.add_vm("host2", "33333333-aaaa-3333-3333-333333333333", "web1");
    bench.begin();
    const Answer answer = bench.get("/v1/vms/web1");
    CHECK(answer.status == 409);
    CHECK(answer.message().find(web) != std::string::npos);
    CHECK(bench.get("/v1/vms/33333333-AAAA-3333-3333-333333333333").status == 200);
}

TEST_CASE("A hostile VM name stays a name") {
    const std::string name = "a\"}],\"x\":{\"\\\n\x1b[31m<script>/../%00 \xE2\x80\xAE";
    ApiBench bench;
    bench.hypervisor.add_vm("host1", "33333333-3333-3333-3333-333333333333", name);
    bench.begin();
    for (const char* target :
         {"/v1/vms", "/v1/hosts/host1", "/v1/explain/vm/33333333-3333-3333-3333-333333333333", "/v1/plan"}) {
        INFO(target);
        CHECK(bench.get(target).status == 200);
    }
    CHECK(bench.get("/v1/vms").text("/vms/2/name") == name);
    std::string encoded;
    for (const char c : name) {
        char escape[4];
        std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned char>(c));
        encoded += escape;
    }
    CHECK(bench.get("/v1/vms/" + encoded).text("/name") == name);
}

TEST_CASE("The plan is a dry run that says whether it would be carried out") {
    ApiBench bench;
    bench.begin();
    const Answer answer = bench.get("/v1/plan");
    CHECK(answer.at("/acts") == false);
    CHECK(answer.at("/plan/moves").as_array().empty());
    CHECK(answer.text("/plan/hosts/host1/state") == "ok");
}

TEST_CASE("A VM is explained host by host") {
    ApiBench bench;
    bench.begin();
    const Answer free = bench.get("/v1/explain/vm/web1");
    CHECK(free.at("/may_move") == true);
    REQUIRE(free.at("/targets").as_array().size() == 1);
    CHECK(free.text("/targets/0/host") == "host2");
    CHECK(free.at("/targets/0/possible") == true);
    CHECK(free.at("/targets/0/effect/target_cpu_after_ratio").to_number<double>() >
          free.at("/targets/0/effect/target_cpu_before_ratio").to_number<double>());
    bench.post("/v1/maintenance/host2", R"({"on": true})");
    const Answer refused = bench.get("/v1/explain/vm/web1");
    CHECK(refused.at("/targets/0/possible") == false);
    CHECK(refused.at("/targets/0/effect").is_null());
    CHECK(refused.text("/targets/0/refusals/0/reason") == "host_maintenance");
}

TEST_CASE("A VM with a device of its host is explained as staying") {
    ApiBench bench;
    auto& vm = bench.hypervisor.hosts_by_id.at({"host1"}).vms.at({web});
    vm.facts.blockers.push_back({Reason::host_device, "PCI device 0000:3b:00.0"});
    bench.begin();
    const Answer answer = bench.get("/v1/explain/vm/web1");
    CHECK(answer.at("/may_move") == false);
    CHECK(answer.text("/stays_because/0/reason") == "host_device");
    CHECK(answer.text("/stays_because/0/detail") == "PCI device 0000:3b:00.0");
    CHECK(answer.at("/vm/movable") == false);
    CHECK(bench.get("/v1/status").at("/vms/movable") == 1);
}

TEST_CASE("An overloaded host is explained with the detector that found it") {
    ApiBench bench;
    bench.hypervisor.hosts_by_id.at({"host1"}).vms.at({web}).facts.vcpus = 16;
    bench.hypervisor.hosts_by_id.at({"host1"}).vms.at({web}).cpu_cores = 7.9;
    policy::Options policy;
    policy.overload.cpu = {0.80, 0.70, 5min};
    bench.begin(policy);
    const Answer rising = bench.get("/v1/explain/host/host1");
    CHECK(rising.text("/verdict").starts_with("not overloaded yet: cpu is above 80 %"));
    CHECK(rising.text("/detectors/0/name") == "cpu");
    CHECK(rising.at("/detectors/0/set") == false);
    CHECK(rising.at("/detectors/0/above_for_ms").to_number<int>() > 0);
    bench.pass(6min);
    const Answer overloaded = bench.get("/v1/explain/host/host1");
    CHECK(overloaded.at("/detectors/0/set") == true);
    CHECK(overloaded.text("/verdict").find("CPU") != std::string::npos);
    CHECK(overloaded.text("/host/state") == "overloaded");
    CHECK(overloaded.text("/findings/0/host") == "host1");
    CHECK(bench.get("/v1/explain/host/host2").text("/verdict").find("is not overloaded") != std::string::npos);
}

TEST_CASE("A cycle is explained by its id, and the last by that word") {
    ApiBench bench;
    bench.begin();
    const Answer last = bench.get("/v1/explain/cycle/last");
    REQUIRE(last.status == 200);
    CHECK(bench.get("/v1/explain/cycle/" + last.text("/id")).body == last.body);
    CHECK(bench.get("/v1/explain/cycle/cycle-999999").status == 404);
}

TEST_CASE("The policy in force is shown as YAML") {
    ApiBench bench;
    policy::Options policy;
    policy.mode = policy::Mode::confirm;
    bench.begin(policy);
    const Answer answer = bench.get("/v1/policy");
    CHECK(answer.text("/policy_mode") == "confirm");
    CHECK(answer.text("/yaml").find("mode: confirm") != std::string::npos);
}

TEST_CASE("An unknown subject is 404, an unknown route too but with a hint") {
    ApiBench bench;
    bench.begin();
    for (const char* target :
         {"/v1/hosts/host9", "/v1/explain/host/host9", "/v1/explain/vm/web9", "/v1/operations/op-9"})
        CHECK(bench.get(target).status == 404);
    CHECK(bench.get("/v1/explain/web1").message().find("GET /v1/explain/vm/{vm}") != std::string::npos);
    CHECK(bench.get("/").message().find("/v1/status") != std::string::npos);
    CHECK(bench.get("/v2/hosts").status == 404);
    CHECK(bench.get("/v1/cluster").message().find("alone: `cluster` is not enabled") != std::string::npos);
    CHECK(bench.get("/v1/hosts//").status == 404);
}

TEST_CASE("A wrong method is 405 and names the right one") {
    ApiBench bench;
    const Answer answer = bench.post("/v1/hosts");
    CHECK(answer.status == 405);
    CHECK(answer.allow == "GET");
    CHECK(bench.get("/v1/pause").allow == "POST");
    CHECK(bench.ask("DELETE", "/v1/hosts/host1").status == 405);
}

TEST_CASE("Unknown parameters and wrong limits are errors") {
    ApiBench bench;
    CHECK(bench.get("/v1/history?limit=0").status == 400);
    CHECK(bench.get("/v1/history?limit=501").status == 400);
    CHECK(bench.get("/v1/history?limit=500").status == 200);
    CHECK(bench.get("/v1/history?max=5").text("/error/subject") == "max");
    CHECK(bench.get("/v1/status?limit=5").status == 400);
    CHECK(bench.ask("GET", "/v1/status", R"({"x":1})").status == 400);
}

TEST_CASE("Watching returns at once when something is new, with a change, or after its patience") {
    ApiBench bench(ApiBench::Who::admin, [](auto& options) { options.watch_patience = 100ms; });
    const Answer now = bench.get("/v1/watch");
    const auto revision = now.at("/revision").to_number<std::uint64_t>();
    CHECK(bench.get("/v1/watch?since=0").at("/changed") == true);
    const Answer idle = bench.get("/v1/watch?since=" + std::to_string(revision));
    CHECK(idle.at("/changed") == false);
    asio::steady_timer later(bench.io, 20ms);
    later.async_wait([&](auto) { bench.server->changed(); });
    const Answer changed = bench.get("/v1/watch?since=" + std::to_string(revision));
    CHECK(changed.at("/changed") == true);
    CHECK(changed.at("/revision") == revision + 1);
}

TEST_CASE("Preflight is 501 without its hook and passes the report with it") {
    ApiBench without;
    CHECK(without.get("/v1/preflight").status == 501);
    daemon::ApiHooks hooks;
    hooks.preflight = [](std::optional<HostId> host) -> asio::awaitable<Result<json::value>> {
        json::object report;
        report["host"] = host ? host->value : "all";
        co_return Result<json::value>(json::value(report));
    };
    ApiBench with(ApiBench::Who::viewer, {}, hooks);
    CHECK(with.get("/v1/preflight").text("/host") == "all");
    CHECK(with.get("/v1/preflight?host=host2").text("/host") == "host2");
    CHECK(with.get("/v1/preflight?host=host9").status == 404);
}

TEST_CASE("An answer that throws is an internal error and not the daemon's end") {
    daemon::ApiHooks hooks;
    hooks.preflight = [](std::optional<HostId>) -> asio::awaitable<Result<json::value>> {
        throw std::runtime_error("oh");
    };
    ApiBench bench(ApiBench::Who::admin, {}, hooks);
    const Answer answer = bench.get("/v1/preflight");
    CHECK(answer.status == 500);
    CHECK(answer.code() == "internal");
    CHECK(bench.get("/v1/status").status == 200);
}
