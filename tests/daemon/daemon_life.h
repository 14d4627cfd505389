// A controller on fake hosts, without its API, that can die and be started again: hosts, store and time live on.
#pragma once

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/controller.h"
#include "tests/sim/show_result.h"
#include "tests/support/fake_hypervisor.h"
#include "tests/support/fake_power.h"
#include "tests/support/fake_probe.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_clock.h"

namespace ballast::test {

using namespace std::chrono_literals;

class DaemonLife {
public:
    explicit DaemonLife(std::vector<std::string> names = {"host1", "host2", "host3"})
        : hypervisor(std::make_unique<FakeHypervisor>(clock)) {
        for (const std::string& name : names) {
            hypervisor->add_host(name);
            config::HostOptions host;
            host.id = {name};
            host.uri = "qemu+tls://" + name + "/system";
            options.hosts.push_back(host);
        }
        policy.mode = policy::Mode::automatic;
    }
    ~DaemonLife() { die(); }

    /// Starts the daemon and lets it see its hosts.
    void boot() {
        io = std::make_unique<boost::asio::io_context>();
        controller = std::make_unique<daemon::Controller>(io->get_executor(), clock, *hypervisor, power, probe, store,
                                                          options, daemon::ControllerListener{});
        REQUIRE(wait(controller->start(policy)));
        hypervisor->tell_connected();
        pass(35s);
    }
    void die() {
        controller.reset();
        io.reset();
        auto left = std::make_unique<FakeHypervisor>(clock);  // who listened to it is gone
        left->hosts_by_id = std::move(hypervisor->hosts_by_id);
        hypervisor = std::move(left);
    }
    void reboot() {
        die();
        boot();
    }

    void pass(Duration time) { clock.run_for(*io, time); }
    template <class T>
    Result<T> wait(boost::asio::awaitable<Result<T>> call, Duration limit = 1min) {
        std::optional<Result<T>> answer;
        boost::asio::co_spawn(*io, std::move(call), [&](std::exception_ptr bug, Result<T> result) {
            BALLAST_ASSERT(!bug);
            answer = std::move(result);
        });
        for (const Instant end = clock.now() + limit; !answer && clock.now() < end;) pass(1s);
        REQUIRE(answer);
        return *answer;
    }
    template <class Condition>
    bool until(Condition condition, Duration limit = 1h) {
        for (const Instant end = clock.now() + limit; !condition() && clock.now() < end;) pass(1s);
        return condition();
    }

    void vm(const std::string& host, const std::string& name) { hypervisor->add_vm(host, "id-" + name, name); }
    std::string where(const std::string& name) const {
        for (const auto& [id, host] : hypervisor->hosts_by_id)
            if (host.vms.contains({"id-" + name})) return id.value;
        return "";
    }
    void move_by_hand(const std::string& name, const std::string& to) {
        auto moved = hypervisor->hosts_by_id.at({where(name)}).vms.extract({"id-" + name});
        hypervisor->hosts_by_id.at({to}).vms.insert(std::move(moved));
    }
    void maintenance(const std::string& host, bool on, const std::string& by = "somebody") {
        REQUIRE(wait(controller->set_maintenance({host}, on, by)));
    }

    VirtualClock clock;
    MemoryStore store;
    FakePower power{clock};
    FakeProbe probe{clock};
    config::DaemonOptions options;
    policy::Options policy;
    std::unique_ptr<FakeHypervisor> hypervisor;
    std::unique_ptr<boost::asio::io_context> io;
    std::unique_ptr<daemon::Controller> controller;
};

}  // namespace ballast::test
