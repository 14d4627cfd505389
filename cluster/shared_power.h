// The power of hosts as a leader reaches it: through its own broker, and, where that does not reach a BMC, through
// those of other members (power_agent.h), one after the other. One io_context thread.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "cluster/calls.h"
#include "ports/power.h"

namespace ballast::cluster {

/// A member whose agent is there, and what its broker knows.
struct Broker {
    HostId member;
    std::vector<PowerHost> hosts;
};

class SharedPower : public PowerControl {
public:
    /// `others`: the members but the leader's own. `caller` is the term's; without one there are no others.
    SharedPower(Clock& clock, PowerControl& own, Caller* caller, std::function<std::vector<Broker>()> others)
        : clock_(clock), own_(own), caller_(caller), others_(std::move(others)) {}

    /// An error only when no broker knows anything.
    Task<std::vector<PowerHost>> hosts() override;
    std::optional<PowerHost> host(HostId host) const override;
    Task<Power> status(HostId host) override;
    Task<void> switch_off(HostId host) override { return order("power_off", &PowerControl::switch_off, host); }
    Task<void> switch_on(HostId host) override { return order("power_on", &PowerControl::switch_on, host); }
    Task<void> shut_down_softly(HostId host) override {
        return order("power_soft", &PowerControl::shut_down_softly, host);
    }
    Task<std::optional<double>> watts(HostId host) override;

private:
    using Order = Task<void> (PowerControl::*)(HostId);

    std::vector<HostId> ways_to(const HostId& host) const;
    void failed(const HostId& host, const HostId& way);
    Task<void> order(const char* method, Order what, HostId host);
    Task<void> order_by(HostId way, std::string method, Order what, HostId host);
    Task<boost::json::value> ask(HostId way, std::string method, HostId host);
    Duration within(const HostId& host) const;

    Clock& clock_;
    PowerControl& own_;
    Caller* caller_;
    std::function<std::vector<Broker>()> others_;
    std::map<HostId, HostId> failed_last_;  // by host: the way that failed last; the one after it is tried first
};

}  // namespace ballast::cluster
