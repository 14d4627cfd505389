// The power of hosts as the rest of Ballast sees it, through BMCs, power distribution units and Wake-on-LAN.
// Implemented by power/ on the broker's socket. Called on the io_context's thread only. Calls on different hosts do not
// wait for each other; what changes a host's power is done one after the other per host. Every call returns in time: a
// reading within PowerHost::longest and a little, a change within twice that, as one other may be under way. Ending a
// waiting coroutine does not undo what was asked for.
//
// Any error of a call means that nothing is known about the host's power: it is never proof of anything. Codes:
// not_found (nobody knows a BMC of this host), invalid (this host has nothing that can do it), refused (too much waits
// for this host already), unavailable (broker or BMC cannot be reached, or nothing succeeded), timed_out (no answer in
// time), corrupt (the broker's answer makes no sense).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/result.h"
#include "model/units.h"

namespace ballast {

/// What a BMC says. `on` says nothing about the operating system. There is no third value: not knowing is an error.
enum class Power { off, on };
inline std::string to_string(Power power) {
    return power == Power::off ? "off" : "on";
}

/// What can be done with a host's power.
struct PowerHost {
    HostId id;
    bool switches = false;  // status, switch_off and switch_on; without it there is no fencing
    bool soft = false;      // shut_down_softly
    bool wakes = false;     // switch_on may also send a magic packet
    bool measures = false;  // watts
    Duration longest{};     // of one switch_off or switch_on, all levels in turn, without what waits before it

    friend bool operator==(const PowerHost&, const PowerHost&) = default;
};

class PowerControl {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~PowerControl() = default;

    /// Asks anew which hosts are known; ordered by name. Call it at the start, after a failure and now and then: the
    /// operator may have edited the file since.
    virtual Task<std::vector<PowerHost>> hosts() = 0;
    /// As of the last successful hosts(): nothing before the first one.
    virtual std::optional<PowerHost> host(HostId host) const = 0;
    bool knows(HostId id) const { return host(std::move(id)).has_value(); }

    /// One reading, of the first level that gives a definite answer. Good enough to watch a host shut down; as proof
    /// that a host is off use switch_off, which also succeeds when it is off already.
    virtual Task<Power> status(HostId host) = 0;
    /// Hard, as pulling the plug. Success: after the order, an independent status said off twice in a row.
    virtual Task<void> switch_off(HostId host) = 0;
    /// Success: status said on twice in a row; or, for a host that has nothing but Wake-on-LAN, the packets were sent.
    /// Neither says that it boots: wait for its hypervisor.
    virtual Task<void> switch_on(HostId host) = 0;
    /// Presses the power button (ACPI). Success: the BMC took the order. Whether the system follows, status tells
    /// later.
    virtual Task<void> shut_down_softly(HostId host) = 0;
    /// Drawn by the host now, in watts; nothing when its BMC has no such sensor or none is configured.
    virtual Task<std::optional<double>> watts(HostId host) = 0;
};

}  // namespace ballast
