// A small cluster with everything known, and ways to read a scrape.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include "daemon/metrics.h"
#include "tests/support/virtual_clock.h"

namespace ballast::test {

using namespace std::chrono_literals;

struct MetricsSample {
    static RollingRun rolling_run() {
        RollingRun run;
        run.hosts = {{"host1"}, {"host2"}, {"host3"}};
        run.at = 1;
        return run;
    }

    VirtualClock clock;
    config::DaemonOptions options;
    Inventory inventory;
    policy::Memory memory;
    Cycle cycle;
    std::vector<Operation> active;
    std::vector<PowerRecord> power = {switched("host1")};
    RollingRun rolling = rolling_run();
    bool broker_problem = false;
    std::vector<HostEnergy> energy = {
        {HostId{"host1"}, {}, 10, 5, 100, 120.0, EnergySource::bmc, EnergySource::bmc, 0}};

    MetricsSample() {
        options.metrics_per_vm = true;
        cycle.at = clock.wall_now();
        cycle.mode = policy::Mode::automatic;
        cycle.observe_time = 3ms;
        add_host("host1");
        add_host("host2");
        add_vm("11111111-1111-1111-1111-111111111111", "web", "host1");
    }

    Host& add_host(const std::string& name) {
        const HostId id{name};
        options.hosts.push_back({id, "qemu:///system", {}, {}, true});
        Host& host = inventory.hosts[id];
        host.id = id;
        host.facts.hostname = name + ".example.org";
        host.facts.libvirt_version = "9.0.0";
        host.facts.hypervisor_version = "7.2.0";
        host.facts.cpus = 8;
        host.facts.memory_total = gib(16);
        host.load.cpu_used_cores = 2;
        host.load.memory_available = gib(12);
        host.load.pressure = {0.1, 0.2, 0.05, 0.3, 0.15};
        host.connection = Connection::up;
        host.stale = false;
        host.sampled_at = clock.now() - 4s;
        remember_host(id);
        return host;
    }

    void remember_host(const HostId& id) {
        policy::HostMemory& known = memory.hosts[id];
        known.cpu_known = true;
        known.last_sample = inventory.hosts[id].sampled_at;
        for (auto* detector : {&known.cpu, &known.ready, &known.memory, &known.memory_pressure})
            detector->last_value = known.last_sample;
        cycle.plan.hosts[id] = {0.5, 0.25, 0.02, false, "ok"};
    }

    static PowerRecord switched(const char* host) {
        PowerRecord record;
        record.host = {host};
        return record;
    }

    Vm& add_vm(const std::string& uuid, const std::string& name, const std::string& host) {
        Vm& vm = inventory.vms[VmId{uuid}];
        vm.id = VmId{uuid};
        vm.host = HostId{host};
        vm.state = VmState::running;
        vm.facts.name = name;
        vm.facts.memory = gib(2);
        vm.load = {1.5, 0.04, gib(1), gib(2), mib(300), 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0};
        return vm;
    }

    /// Told of good readings and of this cycle; looks at this sample, which has to outlive it.
    std::unique_ptr<daemon::Metrics> metrics() const {
        auto made = silent_metrics();
        made->set_leader(true);
        made->set_double_running(0);
        made->set_stuck(1);
        for (const config::HostOptions& host : options.hosts) made->source_read(host.id, "libvirt", true);
        made->cycle_ended(cycle);
        return made;
    }
    /// Told nothing yet.
    std::unique_ptr<daemon::Metrics> silent_metrics() const {
        const auto look = [this] {
            return daemon::MetricsView{cycle, inventory, memory,  active,  power,         energy,
                                       2,     false,     rolling, mib(80), broker_problem};
        };
        return std::make_unique<daemon::Metrics>(options, clock, look);
    }
    std::string text() const { return metrics()->text(); }
};

/// A migration that ended as predicted: 8 s, 0.1 s of downtime, 1 GiB.
inline Operation ended_operation(OperationState state) {
    Operation op;
    op.id = OperationId{"op-000000000001"};
    op.trigger = Trigger::overload;
    op.state = state;
    op.started = WallTime(1'790'000'000s);
    op.prediction = {8s, 100ms, gib(1), true};
    op.outcome = Outcome{8s, 100ms, gib(1), 3};
    return op;
}

/// The value of the series written like this, e.g. `ballast_hosts{state="ok"}`; nothing when it is not there.
inline std::optional<double> value_of(const std::string& text, const std::string& series) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
    return std::nullopt;
}

/// Names of the families, by their TYPE lines, with their type.
inline std::map<std::string, std::string> families_in(const std::string& text) {
    std::map<std::string, std::string> families;
    std::istringstream lines(text);
    std::string hash, keyword, name, type;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("# TYPE ")) continue;
        std::istringstream(line) >> hash >> keyword >> name >> type;
        families[name] = type;
    }
    return families;
}

/// Does the text have any series of this metric?
inline bool has_series(const std::string& text, const std::string& name) {
    return text.find("\n" + name + "{") != std::string::npos || text.find("\n" + name + " ") != std::string::npos;
}

}  // namespace ballast::test
