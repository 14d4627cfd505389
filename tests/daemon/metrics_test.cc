#include <catch2/catch.hpp>

#include "daemon/metrics_catalogue.h"
#include "tests/daemon/metrics_samples.h"

using namespace ballast;
using namespace ballast::test;

namespace {
constexpr auto overload_done = R"(ballast_migrations_total{result="done",trigger="overload"})";
}

TEST_CASE("A daemon that has done nothing exports zeros for what it counts and nothing for what it does not know") {
    MetricsSample sample;
    const std::string text = sample.silent_metrics()->text();
    CHECK(value_of(text, overload_done) == 0);
    CHECK(value_of(text, R"(ballast_migrations_total{result="withdrawn",trigger="manual"})") == 0);
    CHECK(value_of(text, R"(ballast_collector_failures_total{host="host2",source="libvirt"})") == 0);
    CHECK(value_of(text, "ballast_migration_duration_seconds_count") == 0);
    CHECK(value_of(text, "ballast_alarms") == 0);
    for (const Reason reason : all_reasons())
        CHECK(value_of(text, "ballast_rejections_total{reason=\"" + to_string(reason) + "\"}") == 0);
    for (const char* unknown :
         {"ballast_mode", "ballast_paused", "ballast_leader", "ballast_last_cycle_timestamp_seconds", "ballast_hosts",
          "ballast_collector_success", "ballast_double_running_vms", "ballast_stuck_vms"})
        CHECK_FALSE(has_series(text, unknown));
}

TEST_CASE("A cycle sets mode, pause, times and the hosts' figures in base units") {
    MetricsSample sample;
    sample.cycle.paused = true;
    const std::string text = sample.text();
    CHECK(value_of(text, R"(ballast_mode{mode="automatic"})") == 1);
    CHECK(value_of(text, R"(ballast_mode{mode="observe"})") == 0);
    CHECK(value_of(text, "ballast_paused") == 1);
    CHECK(value_of(text, "ballast_cycles_total") == 1);
    CHECK(value_of(text, R"(ballast_cycle_duration_seconds_sum{phase="observe"})") == Approx(0.003));
    CHECK(value_of(text, "ballast_last_cycle_timestamp_seconds") == 1'790'000'000);
    CHECK(value_of(text, R"(ballast_host_last_sample_timestamp_seconds{host="host1"})") == 1'789'999'996);
    CHECK(value_of(text, R"(ballast_host_memory_bytes{host="host1"})") == 16.0 * 1024 * 1024 * 1024);
    CHECK(value_of(text, R"(ballast_host_cpu_demand_ratio{host="host2"})") == 0.5);
    CHECK(value_of(text, R"(ballast_host_pressure_ratio{host="host1",resource="memory",kind="full"})") == 0.05);
    CHECK(value_of(text, R"(ballast_host_vms{host="host1"})") == 1);
    CHECK(value_of(text, R"(ballast_host_vms{host="host2"})") == 0);
    CHECK(value_of(text, R"(ballast_hosts{state="ok"})") == 2);
    CHECK(value_of(text, R"(ballast_hosts{state="draining"})") == 0);
}

TEST_CASE("Whose power can be switched is shown, and a power broker that does not answer") {
    MetricsSample sample;
    sample.inventory.hosts[HostId{"host1"}].power_managed = true;
    std::string text = sample.text();
    CHECK(value_of(text, R"(ballast_host_switchable{host="host1"})") == 1);
    CHECK(value_of(text, R"(ballast_host_switchable{host="host2"})") == 0);
    CHECK(value_of(text, "ballast_power_broker_problem") == 0);
    sample.broker_problem = true;
    text = sample.text();
    CHECK(value_of(text, "ballast_power_broker_problem") == 1);
}

TEST_CASE("What was not measured has no series") {
    MetricsSample sample;
    Host& host = sample.inventory.hosts[HostId{"host1"}];
    host.load = {};
    host.facts = {};
    sample.memory.hosts[host.id] = {};
    sample.inventory.vms.begin()->second.load = {};
    const std::string text = sample.text();
    for (const char* name :
         {"cpus", "memory_bytes", "cpu_used_cores", "cpu_demand_ratio", "memory_demand_ratio", "ready_ratio"})
        CHECK_FALSE(value_of(text, "ballast_host_" + std::string(name) + "{host=\"host1\"}"));
    CHECK(text.find("ballast_host_pressure_ratio{host=\"host1\"") == std::string::npos);
    CHECK(text.find("ballast_host_overloaded{host=\"host1\"") == std::string::npos);
    CHECK_FALSE(has_series(text, "ballast_vm_cpu_used_cores"));
    CHECK(has_series(text, "ballast_vm_info"));
    CHECK(value_of(text, R"(ballast_host_up{host="host1"})") == 1);
}

TEST_CASE("Values that are no numbers have no series") {
    MetricsSample sample;
    sample.inventory.hosts[HostId{"host1"}].load.cpu_used_cores = std::nan("");
    sample.inventory.vms.begin()->second.load.ready_ratio = HUGE_VAL;
    const std::string text = sample.text();
    CHECK_FALSE(value_of(text, R"(ballast_host_cpu_used_cores{host="host1"})"));
    CHECK_FALSE(has_series(text, "ballast_vm_ready_ratio"));
    CHECK(text.find(" Nan") == std::string::npos);
}

TEST_CASE("A host that stopped reporting keeps its state and loses its load") {
    MetricsSample sample;
    Host& host = sample.inventory.hosts[HostId{"host1"}];
    host.stale = true;
    host.connection = Connection::down;
    const std::string text = sample.text();
    CHECK(value_of(text, R"(ballast_host_up{host="host1"})") == 0);
    CHECK(value_of(text, R"(ballast_host_stale{host="host1"})") == 1);
    CHECK(value_of(text, R"(ballast_host_last_sample_timestamp_seconds{host="host1"})"));
    CHECK_FALSE(value_of(text, R"(ballast_host_cpu_demand_ratio{host="host1"})"));
    CHECK_FALSE(value_of(text, R"(ballast_host_vms{host="host1"})"));
    CHECK_FALSE(has_series(text, "ballast_vm_cpu_used_cores"));
}

TEST_CASE("The series of hosts and VMs that are gone are gone with the next scrape") {
    MetricsSample sample;
    const auto made = sample.metrics();
    daemon::Metrics& metrics = *made;
    metrics.source_read(HostId{"host1"}, "pressure", false);
    CHECK(value_of(metrics.text(), R"(ballast_collector_failures_total{host="host1",source="pressure"})") == 1);
    sample.inventory.hosts.erase(HostId{"host1"});
    sample.inventory.vms.clear();
    sample.cycle.plan.hosts.erase(HostId{"host1"});
    metrics.cycle_ended(sample.cycle);
    const std::string text = metrics.text();
    CHECK(text.find("\"host1\"") == std::string::npos);
    CHECK(text.find("11111111-1111") == std::string::npos);
    CHECK(value_of(text, R"(ballast_host_up{host="host2"})") == 1);
}

TEST_CASE("VMs have series only where the operator asked for them") {
    MetricsSample sample;
    const std::string text = sample.text();
    CHECK(value_of(text, R"(ballast_vm_info{uuid="11111111-1111-1111-1111-111111111111",name="web",host="host1"})") ==
          1);
    CHECK(value_of(text, R"(ballast_vm_dirtied_bytes_per_second{uuid="11111111-1111-1111-1111-111111111111"})") ==
          5.0 * 1024 * 1024);
    sample.options.metrics_per_vm = false;
    CHECK(sample.text().find("ballast_vm_") == std::string::npos);
}

TEST_CASE("A refusal that stays is counted once, and again when it comes back") {
    MetricsSample sample;
    const auto made = sample.metrics();
    daemon::Metrics& metrics = *made;
    const auto total = R"(ballast_rejections_total{reason="memory"})";
    const auto now = R"(ballast_rejections{reason="memory"})";
    const auto calm = sample.cycle.plan;
    sample.cycle.plan.rejections = {{VmId{"a"}, HostId{"host2"}, Reason::memory, "needs 4 GiB"},
                                    {VmId{"b"}, HostId{"host2"}, Reason::memory, "needs 2 GiB"}};
    for (int i = 0; i < 3; ++i) {
        sample.cycle.plan.rejections[0].detail += " still";  // figures change all the time
        metrics.cycle_ended(sample.cycle);
    }
    CHECK(value_of(metrics.text(), total) == 2);
    CHECK(value_of(metrics.text(), now) == 2);
    sample.cycle.plan = calm;
    metrics.cycle_ended(sample.cycle);
    CHECK(value_of(metrics.text(), now) == 0);
    sample.cycle.plan.immovable = {{VmId{"a"}, HostId{"host2"}, Reason::memory, ""}};
    metrics.cycle_ended(sample.cycle);
    CHECK(value_of(metrics.text(), total) == 3);
    CHECK(value_of(metrics.text(), "ballast_immovable_vms") == 1);
}

TEST_CASE("An overloaded host that the plan does not relieve is marked") {
    MetricsSample sample;
    const HostId host{"host1"};
    sample.memory.hosts[host].cpu.set = true;
    sample.cycle.plan.findings = {{host, Trigger::overload, "", false},
                                  {HostId{"host2"}, Trigger::maintenance, "", false}};
    sample.cycle.plan.moves.resize(2);
    const std::string text = sample.text();
    CHECK(value_of(text, R"(ballast_host_overloaded{host="host1",detector="cpu"})") == 1);
    CHECK(value_of(text, R"(ballast_host_overloaded{host="host2",detector="cpu"})") == 0);
    CHECK(value_of(text, R"(ballast_host_unrelieved{host="host1"})") == 1);
    CHECK(value_of(text, R"(ballast_host_unrelieved{host="host2"})") == 0);
    CHECK(value_of(text, R"(ballast_planned_moves{trigger="overload"})") == 2);
}

TEST_CASE("A degraded host is shown with its problems by source, and with who cannot leave it") {
    MetricsSample sample;
    const HostId host{"host1"};
    sample.inventory.hosts[host].health = {{HealthSource::link, "eth0", "slow"},
                                           {HealthSource::link, "eth1", "slow"},
                                           {HealthSource::disk, "sda", "fails"}};
    sample.cycle.plan.hosts[host].state = "degraded";
    sample.cycle.plan.findings = {{host, Trigger::degraded, "", false}};
    const VmId vm = sample.inventory.vms.begin()->first;
    sample.cycle.plan.immovable = {{vm, {}, Reason::host_device, ""}, {vm, {}, Reason::snapshots, ""}};
    const std::string text = sample.text();
    CHECK(value_of(text, R"(ballast_host_health_problems{host="host1",source="link"})") == 2);
    CHECK(value_of(text, R"(ballast_host_health_problems{host="host1",source="disk"})") == 1);
    CHECK(value_of(text, R"(ballast_host_health_problems{host="host2",source="disk"})") == 0);
    CHECK(value_of(text, R"(ballast_host_degraded{host="host1"})") == 1);
    CHECK(value_of(text, R"(ballast_host_degraded{host="host2"})") == 0);
    CHECK(value_of(text, R"(ballast_host_stranded_vms{host="host1"})") == 1);
    CHECK(value_of(text, R"(ballast_host_stranded_vms{host="host2"})") == 0);
    CHECK(value_of(text, R"(ballast_hosts{state="degraded"})") == 1);
}

TEST_CASE("Operations under way are counted by what they wait for, also those from before a restart") {
    MetricsSample sample;
    const auto made = sample.metrics();
    const std::pair<OperationState, const char*> cases[] = {
        {OperationState::waiting, "ballast_operations_waiting"},
        {OperationState::planned, "ballast_operations_planned"},
        {OperationState::prepared, "ballast_migrations_in_progress"},
        {OperationState::running, "ballast_migrations_in_progress"},
        {OperationState::verifying, "ballast_migrations_in_progress"}};
    for (const auto& [state, metric] : cases) {
        sample.active = {ended_operation(state)};  // nobody told
        CHECK(value_of(made->text(), metric) == 1);
        sample.active.clear();
        CHECK(value_of(made->text(), metric) == 0);
    }
}

TEST_CASE("A migration that is done is counted and measured") {
    MetricsSample sample;
    const auto made = sample.metrics();
    for (const auto state : {OperationState::waiting, OperationState::running, OperationState::done})
        made->operation_changed(ended_operation(state));
    const std::string text = made->text();
    CHECK(value_of(text, overload_done) == 1);
    CHECK(value_of(text, "ballast_migration_duration_seconds_sum") == 8);
    CHECK(value_of(text, "ballast_migration_downtime_seconds_sum") == Approx(0.1));
    CHECK(value_of(text, "ballast_migration_transferred_bytes_sum") == 1024.0 * 1024 * 1024);
    CHECK(value_of(text, R"(ballast_migration_measured_to_predicted_ratio_sum{quantity="downtime"})") == Approx(1));
}

TEST_CASE("What libvirt does not report of a migration is not measured") {
    MetricsSample sample;
    const auto made = sample.metrics();
    daemon::Metrics& metrics = *made;
    Operation op = ended_operation(OperationState::done);
    op.outcome->downtime.reset();
    op.outcome->transferred.reset();
    op.prediction.duration = {};
    metrics.operation_changed(op);
    const std::string text = metrics.text();
    CHECK(value_of(text, "ballast_migration_duration_seconds_count") == 1);
    CHECK(value_of(text, "ballast_migration_downtime_seconds_count") == 0);
    CHECK(value_of(text, "ballast_migration_predicted_downtime_seconds_count") == 0);
    CHECK(value_of(text, "ballast_migration_transferred_bytes_count") == 0);
    CHECK(value_of(text, R"(ballast_migration_measured_to_predicted_ratio_count{quantity="duration"})") == 0);
}

TEST_CASE("Migrations that never began are told from those that came back") {
    const std::tuple<OperationState, bool, std::string> cases[] = {{OperationState::done, true, "done"},
                                                                   {OperationState::failed, true, "failed"},
                                                                   {OperationState::rolled_back, true, "rolled_back"},
                                                                   {OperationState::rolled_back, false, "not_started"},
                                                                   {OperationState::cancelled, true, "cancelled"},
                                                                   {OperationState::cancelled, false, "withdrawn"}};
    for (const auto& [state, began, result] : cases) {
        Operation op = ended_operation(state);
        if (!began) op.started.reset();
        CHECK(daemon::result_of(op) == result);
    }
}

TEST_CASE("An alarm is counted once and shown as long as its migration is under way") {
    MetricsSample sample;
    const auto made = sample.metrics();
    Operation op = ended_operation(OperationState::verifying);
    op.alarm = true;
    sample.active = {op};
    for (int i = 0; i < 2; ++i) made->operation_changed(op);  // the message changes
    CHECK(value_of(made->text(), "ballast_alarms") == 1);
    CHECK(value_of(made->text(), "ballast_alarms_total") == 1);
    op.state = OperationState::failed;
    made->operation_changed(op);
    sample.active.clear();
    CHECK(value_of(made->text(), "ballast_alarms") == 0);
    CHECK(value_of(made->text(), "ballast_alarms_total") == 1);
    Operation sudden = op;
    sudden.id = OperationId{"op-000000000002"};
    made->operation_changed(sudden);
    CHECK(value_of(made->text(), "ballast_alarms_total") == 2);
}

TEST_CASE("An alarm from before a restart is counted, although nobody tells") {
    MetricsSample sample;
    const auto made = sample.metrics();
    sample.active = {ended_operation(OperationState::verifying)};
    sample.active[0].alarm = true;
    made->text();
    CHECK(value_of(made->text(), "ballast_alarms_total") == 1);
}

TEST_CASE("A source that fails is shown and counted, and shown as good again after") {
    MetricsSample sample;
    const auto made = sample.metrics();
    daemon::Metrics& metrics = *made;
    metrics.source_read(HostId{"host1"}, "libvirt", false);
    metrics.source_read(HostId{"host1"}, "libvirt", false);
    CHECK(value_of(metrics.text(), R"(ballast_collector_success{host="host1",source="libvirt"})") == 0);
    CHECK(value_of(metrics.text(), R"(ballast_collector_failures_total{host="host1",source="libvirt"})") == 2);
    metrics.source_read(HostId{"host1"}, "libvirt", true);
    CHECK(value_of(metrics.text(), R"(ballast_collector_success{host="host1",source="libvirt"})") == 1);
    CHECK(value_of(metrics.text(), R"(ballast_collector_success{host="host2",source="libvirt"})") == 1);
}

TEST_CASE("Hostile names cannot break out of their label") {
    MetricsSample sample;
    sample.inventory.vms.begin()->second.facts.name = "a\"} 1\nevil{x=\"\\";
    const std::string text = sample.text();
    CHECK(text.find("\nevil") == std::string::npos);
    CHECK(text.find("name=\"a\\\"} 1\xEF\xBF\xBD"
                    "evil{x=\\\"\\\\\"") != std::string::npos);
}

TEST_CASE("Text of labels is UTF-8 without control characters, whatever came in") {
    const std::string bad = "\xEF\xBF\xBD";
    CHECK(daemon::label_text("web-1 \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x90\xB3") ==
          "web-1 \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x90\xB3");
    CHECK(daemon::label_text(std::string("a\0b\x1b\x7f", 5)) == "a" + bad + "b" + bad + bad);
    CHECK(daemon::label_text("\xC0\xAF") == bad + bad);                      // overlong
    CHECK(daemon::label_text("\xED\xA0\x80") == bad + bad + bad);            // half a surrogate pair
    CHECK(daemon::label_text("\xF4\x90\x80\x80") == bad + bad + bad + bad);  // beyond U+10FFFF
    CHECK(daemon::label_text("cut \xE2\x82") == "cut " + bad + bad);
}
