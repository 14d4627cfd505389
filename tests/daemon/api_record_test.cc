// Records, suppositions and capacity over the socket.
#include "interchange/record.h"
#include "tests/daemon/api_bench.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("The record of the last cycle makes the same plan again") {
    ApiBench bench;
    CHECK(bench.get("/v1/record").code() == "not_found");
    bench.hypervisor.hosts_by_id.at({"host1"}).vms.at({web}).facts.vcpus = 16;
    bench.hypervisor.hosts_by_id.at({"host1"}).vms.at({web}).cpu_cores = 7.9;
    bench.begin();
    bench.post("/v1/maintenance/host2", R"({"on": true})");
    bench.pass(7min);
    const Answer answer = bench.get("/v1/record");
    REQUIRE(answer.status == 200);
    CHECK(answer.text("/format") == "ballast-inventory/1");
    CHECK(answer.text("/cycle") == bench.controller->last_cycle().id);
    const auto record = interchange::parse_record(interchange::to_text(bench.controller->record()));
    REQUIRE(record.has_value());
    CHECK(record->inventory.hosts.at({"host2"}).maintenance);
    CHECK(record->options.mode == policy::Mode::observe);
    CHECK(record->inventory.vms.size() == 2);
    const Plan again = policy::plan(record->inventory, *record->memory, record->options, record->now);
    CHECK(interchange::to_text(again) == interchange::to_text(*record->plan));
}

TEST_CASE("A viewer may look at records, suppositions and capacity") {
    ApiBench bench(ApiBench::Who::viewer);
    bench.begin();
    CHECK(bench.get("/v1/record").status == 200);
    CHECK(bench.get("/v1/plan?what_if=lose%20host2").status == 200);
    CHECK(bench.get("/v1/capacity").status == 200);
}

TEST_CASE("The overview has the other answers' facts at one moment, without the plan's refusals") {
    daemon::ApiHooks hooks;
    hooks.energy = [] { return std::vector<HostEnergy>{{.host = {"host1"}, .watts = 120}}; };
    ApiBench bench(ApiBench::Who::viewer, {}, std::move(hooks));
    CHECK(bench.get("/v1/overview").at("/plan").is_null());
    bench.begin();
    const Answer all = bench.get("/v1/overview");
    REQUIRE(all.status == 200);
    CHECK(all.at("/status/hosts") == bench.get("/v1/status").at("/hosts"));
    CHECK(all.at("/hosts/0/vms") == bench.get("/v1/hosts/host1").at("/vms"));
    CHECK(all.at("/hosts/0/vms") == 1);
    CHECK(all.at("/hosts").as_array().size() == 2);
    CHECK(all.at("/energy/hosts/0/watts") == 120.0);
    CHECK(all.at("/plan/moves").is_array());
    CHECK_FALSE(all.at("/plan").as_object().contains("rejections"));
    CHECK(all.at("/operations/ended").as_array().empty());
    CHECK(all.at("/power").as_array().empty());
    CHECK(bench.get("/v1/overview?limit=1").code() == "invalid");
}

TEST_CASE("A plan of what is supposed changes nothing") {
    ApiBench bench;
    bench.begin();
    const Answer lost = bench.get("/v1/plan?what_if=lose%20host2");
    CHECK(lost.at("/acts") == false);
    CHECK(lost.text("/what_if/text") == "lose host2");
    REQUIRE(lost.at("/plan/restarts").as_array().size() == 1);
    CHECK(lost.text("/plan/restarts/0/vm_name") == "db1");
    CHECK(lost.text("/plan/restarts/0/to") == "host1");
    const Answer emptied = bench.get("/v1/plan?what_if=maintenance%20host1");
    CHECK(emptied.text("/plan/moves/0/vm_name") == "web1");
    CHECK(bench.get("/v1/hosts/host1").at("/maintenance") == false);
    CHECK(bench.get("/v1/plan").at("/plan/moves").as_array().empty());
}

TEST_CASE("A supposition that cannot be understood names the word") {
    ApiBench bench;
    bench.begin();
    const Answer typo = bench.get("/v1/plan?what_if=looze%20host2");
    CHECK(typo.status == 400);
    CHECK(typo.text("/error/subject") == "looze");
    const Answer unknown = bench.get("/v1/plan?what_if=lose%20host9");
    CHECK(unknown.status == 404);
    CHECK(unknown.text("/error/subject") == "host9");
    CHECK(bench.get("/v1/plan?what_iff=lose%20host9").status == 400);
}

TEST_CASE("Capacity tells the room, the losses and the largest VM") {
    ApiBench bench;
    bench.begin();
    const Answer answer = bench.get("/v1/capacity");
    REQUIRE(answer.status == 200);
    CHECK(answer.at("/hosts").as_array().size() == 2);
    CHECK(answer.at("/cpu/total_cores").to_number<double>() > 0);
    CHECK(answer.at("/losses").as_array().size() == 2);
    CHECK(answer.at("/survives_any_loss") == true);
    CHECK_FALSE(answer.at("/largest_vm_by_memory").is_null());
}
