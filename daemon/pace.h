// How fast many coroutines together do something: at once up to an allowance, then at a rate (GCRA, the virtual
// scheduling form of a token bucket). One io_context thread.
#pragma once

#include <algorithm>

#include "ports/clock.h"

namespace ballast::daemon {

class Pace {
public:
    /// A turn each `step`; after a time without any, `at_once` of them without a wait. Requires: both > 0.
    Pace(Clock& clock, Duration step, int at_once) : clock_(clock), step_(step), allowance_(step * at_once) {}

    /// Ends when it is the caller's turn; turns come in the order of the calls.
    boost::asio::awaitable<void> take() {
        const Instant now = clock_.now();
        const Instant due = std::max(due_, now - allowance_) + step_;
        due_ = due;
        if (due > now) co_await clock_.sleep_until(due);
    }

private:
    Clock& clock_;
    Duration step_, allowance_;
    Instant due_{};
};

}  // namespace ballast::daemon
