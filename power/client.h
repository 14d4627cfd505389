// The power port by the broker's socket, for the daemon: no secret and no agent comes near it. A connection a call, so
// that a broker that was restarted is found again by itself. On the io_context's thread.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "ports/power.h"
#include "power/gate.h"
#include "power/protocol.h"

namespace ballast::power {

class Client : public PowerControl {
public:
    /// `margin`: what the broker takes beside its agents.
    explicit Client(std::string socket = "/run/ballast-power/broker.sock", Duration margin = std::chrono::seconds{10});

    Task<std::vector<PowerHost>> hosts() override;
    std::optional<PowerHost> host(HostId host) const override;
    Task<Power> status(HostId host) override;
    Task<void> switch_off(HostId host) override;
    Task<void> switch_on(HostId host) override;
    Task<void> shut_down_softly(HostId host) override;
    Task<std::optional<double>> watts(HostId host) override;

private:
    Task<void> change(std::string verb, HostId host);
    Task<boost::json::value> read(std::string verb, HostId host);
    Task<boost::json::value> call(Request request, Duration deadline);
    Duration longest(const HostId& host) const;
    Request request(std::string verb, HostId host);

    std::string socket_;
    Duration margin_;
    std::map<HostId, PowerHost> known_;
    Gate readings_;  // so many at once that changes always find a connection
    std::int64_t last_id_ = 0;
};

}  // namespace ballast::power
