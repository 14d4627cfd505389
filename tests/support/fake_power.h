// The power of hosts in memory, through the PowerControl port. A call takes `takes` on the given clock and then does
// what it says, unless the host has an `error`. Tests change `hosts_by_id` at will. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/power.h"

namespace ballast::test {

struct FakePowerHost {
    PowerHost can;
    Power power = Power::on;
    std::optional<double> watts;
    bool obeys_button = true;    // false: its operating system ignores shut_down_softly
    std::optional<Error> error;  // of every call; what it was asked for is not done
    Duration takes = std::chrono::seconds{2};
};

class FakePower : public PowerControl {
public:
    explicit FakePower(Clock& clock) : clock_(clock) {}

    std::map<HostId, FakePowerHost> hosts_by_id;
    /// The broker itself cannot be reached.
    std::optional<Error> broker_error;
    /// Called after a host's power changed, so that a test can take its hypervisor away or bring it back.
    std::function<void(const HostId&, Power)> on_change;
    /// What was asked for, in order: "off host1", "on host1", "soft host1". Readings are not among them.
    std::vector<std::string> orders;

    FakePowerHost& add_host(const std::string& name) {
        FakePowerHost& added = hosts_by_id[{name}];
        added.can = {{name}, true, true, false, true, std::chrono::seconds{60}};
        added.watts = 100;
        return added;
    }

    Task<std::vector<PowerHost>> hosts() override {
        if (broker_error) co_return *broker_error;
        known_.clear();
        for (const auto& [id, fake] : hosts_by_id) known_.emplace(id, fake.can);
        std::vector<PowerHost> all;
        for (const auto& [id, can] : known_) all.push_back(can);
        co_return all;
    }
    std::optional<PowerHost> host(HostId host) const override {
        const auto found = known_.find(host);
        return found == known_.end() ? std::nullopt : std::optional(found->second);
    }

    Task<Power> status(HostId host) override {
        const auto problem = co_await reach(host);
        if (problem) co_return *problem;
        co_return hosts_by_id.at(host).power;
    }
    Task<void> switch_off(HostId host) override {
        orders.push_back("off " + host.value);
        const auto problem = co_await reach(host);
        if (problem) co_return *problem;
        change(host, Power::off);
        co_return Result<void>();
    }
    Task<void> switch_on(HostId host) override {
        orders.push_back("on " + host.value);
        const auto problem = co_await reach(host);
        if (problem) co_return *problem;
        change(host, Power::on);
        co_return Result<void>();
    }
    Task<void> shut_down_softly(HostId host) override {
        orders.push_back("soft " + host.value);
        const auto problem = co_await reach(host);
        if (problem) co_return *problem;
        if (hosts_by_id.at(host).obeys_button) change(host, Power::off);
        co_return Result<void>();
    }
    Task<std::optional<double>> watts(HostId host) override {
        const auto problem = co_await reach(host);
        if (problem) co_return *problem;
        co_return hosts_by_id.at(host).watts;
    }

private:
    boost::asio::awaitable<std::optional<Error>> reach(HostId host) {
        if (broker_error) co_return *broker_error;
        if (!hosts_by_id.contains(host)) co_return Error{ErrorCode::not_found, host.value, "no BMC is configured"};
        const Duration takes = hosts_by_id.at(host).takes;
        co_await clock_.sleep_for(takes);
        co_return hosts_by_id.at(host).error;
    }
    void change(const HostId& host, Power power) {
        Power& now = hosts_by_id.at(host).power;
        if (now == power) return;
        now = power;
        if (on_change) on_change(host, power);
    }

    Clock& clock_;
    std::map<HostId, PowerHost> known_;
};

}  // namespace ballast::test
