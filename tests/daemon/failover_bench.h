// A daemon with four hosts that die, fall silent and come back, and a clock that is moved by hand.
#pragma once

#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

#include "daemon/controller.h"
#include "tests/daemon/guests.h"
#include "tests/sim/show_result.h"
#include "tests/support/fake_hypervisor.h"
#include "tests/support/fake_power.h"
#include "tests/support/fake_probe.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_clock.h"

namespace ballast::test {

using namespace std::chrono_literals;
namespace asio = boost::asio;

inline void quiet() {
    spdlog::set_level(spdlog::level::err);
}

/// Four hosts with BMCs; web runs on host2 and db on host3. The daemon can be started again.
class FailoverBench {
public:
    explicit FailoverBench(policy::Mode mode = policy::Mode::automatic) {
        quiet();
        policy.mode = mode;
        for (const char* name : {"host1", "host2", "host3", "host4"}) {
            hypervisor.add_host(name);
            power.add_host(name);
        }
        hypervisor.add_vm("host2", web, "web");
        hypervisor.add_vm("host3", db, "db");
        power.on_change = [this](const HostId& id, Power now) { now == Power::on ? revive(id) : kill(id); };
        start();
        pass(30s);
    }

    void start() {
        controller.emplace(io->get_executor(), clock, hypervisor, power, probe, store, options(),
                           daemon::ControllerListener{});
        if (after_outage) controller->begin_calm();
        std::optional<Result<void>> started;
        asio::co_spawn(*io, controller->start(policy), [&](std::exception_ptr bug, Result<void> result) {
            BALLAST_ASSERT(!bug);
            started = result;
        });
        pass(500ms);
        REQUIRE(started);
        REQUIRE(*started);
        for (const auto& [id, host] : hypervisor.hosts_by_id)
            if (host.connection == Connection::up) hypervisor.tell({HypervisorEvent::Kind::connected, id, {}, {}});
    }
    /// The daemon is gone, as after kill -9.
    void die() {
        controller.reset();
        io.reset();
        hypervisor.forget_listeners();
        io.emplace();
    }
    void pass(Duration time) { clock.run_for(*io, time); }

    /// It does not answer any more; what runs there goes on.
    void silence(const HostId& id) {
        probe.silent.insert(id);
        hypervisor.hosts_by_id.at(id).connection = Connection::down;
        hypervisor.tell({HypervisorEvent::Kind::disconnected, id, {}, "silence"});
    }
    void hear(const HostId& id) {
        probe.silent.erase(id);
        hypervisor.hosts_by_id.at(id).connection = Connection::up;
        hypervisor.tell({HypervisorEvent::Kind::connected, id, {}, {}});
    }
    /// It loses its power.
    void kill(const HostId& id) {
        for (auto& [vm, fake] : hypervisor.hosts_by_id.at(id).vms) fake.state = VmState::shut_off;
        silence(id);
    }
    void revive(const HostId& id) { hear(id); }

    std::string where(const char* vm) const {
        std::string hosts;
        for (const auto& [id, host] : hypervisor.hosts_by_id) {
            const auto found = host.vms.find({vm});
            if (found != host.vms.end() && found->second.state == VmState::running)
                hosts += (hosts.empty() ? "" : " ") + id.value;
        }
        return hosts;
    }
    std::string state(const char* host) const {
        for (const PowerRecord& record : controller->power_records())
            if (record.host.value == host) return to_string(record.state);
        return "on";
    }
    bool notes(const std::string& part) const {
        for (const std::string& note : controller->last_cycle().notes)
            if (note.find(part) != std::string::npos) return true;
        return false;
    }

    std::optional<asio::io_context> io{std::in_place};
    VirtualClock clock;
    FakeHypervisor hypervisor{clock};
    FakePower power{clock};
    FakeProbe probe{clock};
    MemoryStore store;
    policy::Options policy;
    bool one_of_several = false, after_outage = false;  // of the next start
    std::optional<daemon::Controller> controller;

private:
    config::DaemonOptions options() const {
        config::DaemonOptions options;
        options.cluster.enabled = one_of_several;
        options.shared_storage = {"/srv/vms"};
        for (const char* name : {"host1", "host2", "host3", "host4"}) {
            config::HostOptions host;
            host.id = {name};
            host.uri = std::string("qemu+tls://") + name + "/system";
            options.hosts.push_back(host);
        }
        return options;
    }
};

}  // namespace ballast::test
