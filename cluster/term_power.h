// The power of hosts as a leader may steer it: only while it is certain that its term goes on, as no guard of the store
// reaches a BMC. What is asked right before the order can be late by no more than the order itself takes. One
// io_context thread.
#pragma once

#include <functional>

#include "ports/power.h"

namespace ballast::cluster {

class TermPower : public PowerControl {
public:
    TermPower(PowerControl& power, std::function<bool()> certain) : power_(power), certain_(std::move(certain)) {}

    Task<std::vector<PowerHost>> hosts() override { return power_.hosts(); }
    std::optional<PowerHost> host(HostId host) const override { return power_.host(std::move(host)); }
    Task<Power> status(HostId host) override { return power_.status(std::move(host)); }
    Task<void> switch_off(HostId host) override { return order(&PowerControl::switch_off, std::move(host)); }
    Task<void> switch_on(HostId host) override { return order(&PowerControl::switch_on, std::move(host)); }
    Task<void> shut_down_softly(HostId host) override {
        return order(&PowerControl::shut_down_softly, std::move(host));
    }
    Task<std::optional<double>> watts(HostId host) override { return power_.watts(std::move(host)); }

private:
    Task<void> order(Task<void> (PowerControl::*what)(HostId), HostId host) {
        if (!certain_())
            co_return Error{ErrorCode::unavailable, host.value, "this member is not certain to lead any more"};
        auto done = co_await (power_.*what)(std::move(host));
        co_return done;
    }

    PowerControl& power_;
    std::function<bool()> certain_;
};

}  // namespace ballast::cluster
