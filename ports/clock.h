// Time as a port: production passes the real clock, tests and the simulator a virtual one.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "model/units.h"

namespace ballast {

class Clock {
public:
    virtual ~Clock() = default;

    /// CLOCK_BOOTTIME now; for every deadline and waiting period.
    virtual Instant now() const = 0;
    /// UTC now; for records and people only.
    virtual WallTime wall_now() const = 0;
    /// Returns at `when`, or earlier when the io_context stops. Cancellable by the coroutine's slot.
    virtual boost::asio::awaitable<void> sleep_until(Instant when) = 0;

    boost::asio::awaitable<void> sleep_for(Duration duration) { return sleep_until(now() + duration); }
};

}  // namespace ballast
