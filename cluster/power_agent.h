// BMCs through the broker of a member that does not lead: what its agent does with the leader's calls. An order is
// carried out only after it was claimed, which requires the leader's term and what SharedPower asks for. One io_context
// thread.
#pragma once

#include "cluster/calls.h"
#include "ports/power.h"

namespace ballast::cluster {

/// Methods of calls about power begin so.
inline constexpr const char* power_calls = "power_";

class PowerAgent {
public:
    /// Both have to outlive it.
    PowerAgent(Clock& clock, PowerControl& broker) : clock_(clock), broker_(broker) {}

    /// Of methods that begin with power_calls.
    boost::asio::awaitable<Answer> handle(Call call, Claim claim);

private:
    boost::asio::awaitable<Answer> read(Call call, HostId host);
    boost::asio::awaitable<Answer> order(Call call, Claim claim, HostId host);

    Clock& clock_;
    PowerControl& broker_;
};

}  // namespace ballast::cluster
