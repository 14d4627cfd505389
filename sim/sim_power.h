// The PowerControl port on a simulated World: what the broker does for BMCs. One a daemon's life; World and Bmcs
// outlive it.
#pragma once

#include <map>

#include "ports/power.h"
#include "sim/crash_point.h"
#include "sim/world.h"

namespace ballast::sim {

/// One host's BMC and what is wrong with it.
struct Bmc {
    bool dead = false;            // nothing reaches it
    bool of_another = false;      // always says off
    bool button_ignored = false;  // the system does not go down
    unsigned wakes_ignored = 0;   // of the next orders to switch on: taken, but nothing happens
    unsigned lies = 0;            // of the next readings: off, whatever it is
    Duration shutdown = std::chrono::seconds{20};
    Duration boot = std::chrono::seconds{90};
    Instant rises{};  // switched on, and up then
};
using Bmcs = std::map<HostId, Bmc>;

class SimPower : public PowerControl {
public:
    /// With `from`: from that host, which reaches no BMC while it is cut off. Without: from outside.
    SimPower(boost::asio::io_context& io, Clock& clock, World& world, Bmcs& bmcs, CrashPoints& crashes,
             std::optional<HostId> from = std::nullopt)
        : io_(io), clock_(clock), world_(world), bmcs_(bmcs), crashes_(crashes), from_(std::move(from)) {}

    Task<std::vector<PowerHost>> hosts() override;
    std::optional<PowerHost> host(HostId host) const override;
    Task<Power> status(HostId host) override;
    Task<void> switch_off(HostId host) override;
    Task<void> switch_on(HostId host) override;
    Task<void> shut_down_softly(HostId host) override;
    Task<std::optional<double>> watts(HostId host) override;

private:
    Task<void> reach(HostId host);
    boost::asio::awaitable<void> answered();
    Power power_of(const HostId& host);

    boost::asio::io_context& io_;
    Clock& clock_;
    World& world_;
    Bmcs& bmcs_;
    CrashPoints& crashes_;
    const std::optional<HostId> from_;
};

}  // namespace ballast::sim
