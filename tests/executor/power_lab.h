// A Lab whose hosts have BMCs, with the daemon's power switch.
#pragma once

#include "executor/power_switch.h"
#include "sim/sim_power.h"
#include "tests/executor/lab.h"

namespace ballast::test {

using executor::PowerSwitch;

/// h1 runs the VM "vm"; h2 and h3 are empty.
class PowerLab : public Lab {
public:
    PowerLab() {
        for (const HostId& host : world.hosts()) bmcs[host];
        vm("vm");
        connect();
        start();
    }
    ~PowerLab() {
        power_of = {};
        stop();
    }

    void stop() { power_switch.reset(), power.reset(); }
    void start() {
        const auto asked = ask(power_switch->recover());
        run_until([&] { return asked->has_value(); });
        if (!crashes.dead()) REQUIRE((**asked).has_value());
    }
    /// The daemon dies and the next one starts.
    void restart(std::uint64_t crash_at = 0) {
        stop();
        reboot(crash_at);
        connect();
        const auto asked = ask(power_switch->recover());
        run_until([&] { return asked->has_value() && recovered; });
    }

    Result<void> off(const char* host, bool drill = false) {
        return wait(power_switch->switch_off({host}, drill, "nothing needs it", "policy"));
    }
    Result<void> on(const char* host) { return wait(power_switch->switch_on({host}, "it is needed", "policy")); }
    using Lab::record;
    PowerRecord record(const char* host) const { return power_switch->record({host}).value(); }
    bool settles(const char* host, Duration limit = 2h) {
        return run_until([&] { return !is_switching(record(host).state); }, limit);
    }
    bool locked(const char* host) const { return data.entries.contains(executor::power_lock_key({host})); }

    sim::Bmcs bmcs;
    std::unique_ptr<sim::SimPower> power;
    std::unique_ptr<PowerSwitch> power_switch;
    std::vector<PowerRecord> heard;
    executor::MayCut may_cut = executor::MayCut::yes;

    /// What the daemon's failover would hear: nothing of a host that is off or cut off.
    std::function<bool(const HostId&)> answers = [this](const HostId& host) { return world.host(host)->answers(); };

private:
    void connect() {
        power = std::make_unique<sim::SimPower>(*io, clock, world, bmcs, crashes);
        power_switch = std::make_unique<PowerSwitch>(
            io->get_executor(), clock, *hypervisor, *power, *store, [this](const HostId& host) { return in_use(host); },
            [this](const PowerRecord& record) { heard.push_back(record); });
        power_switch->set_hooks({[this](const HostId& host) { return answers(host); },
                                 [this](const HostId&) { return may_cut; },
                                 [this](HostId host) { return executor->rejoin(std::move(host)); }});
        power_of = [this](const HostId& host) {
            const auto known = power_switch ? power_switch->record(host) : std::nullopt;
            return known ? known->state : PowerState::on;
        };
    }
};

}  // namespace ballast::test
