// The machine's clock: CLOCK_BOOTTIME for every deadline, so that neither a step of the wall clock nor a suspended
// machine shifts one. Any thread may ask for the time; sleeps belong to the coroutine's executor. Stateless: sleeps may
// outlive the object.
#pragma once

#include "ports/clock.h"

namespace ballast {

class RealClock : public Clock {
public:
    Instant now() const override;
    WallTime wall_now() const override;
    /// Never early. Throws boost::system::system_error (operation_aborted) when cancelled by the coroutine's slot.
    boost::asio::awaitable<void> sleep_until(Instant when) override;
};

}  // namespace ballast
