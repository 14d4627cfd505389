// PowerSwitch's own memory of one host; what matters after a crash is in `record`, journalled.
#pragma once

#include "executor/power_switch.h"
#include "executor/run.h"

namespace ballast::executor {

inline Error conflict(const HostId& host, std::string message) {
    return {ErrorCode::conflict, host.value, std::move(message)};
}

struct PowerSwitch::Run {
    Run(const boost::asio::any_io_executor& executor, PowerRecord kept)
        : record(std::move(kept)), wake(executor, boost::asio::steady_timer::time_point::max()) {}

    PowerRecord record;
    Instant began{};           // the step that is timed: being asked to go down, or the first try to switch on
    bool recovered = false;    // what was really done to it, only the daemon before this one knew
    bool driven = false;       // a coroutine is at it, or about to be: nobody else writes the record
    std::string released_by;   // not empty: an operator ends it
    std::string confirmed_by;  // not empty: an operator answers for it that the host is off
    bool woken = false;
    boost::asio::steady_timer wake;  // cancelled to end a pause
};

}  // namespace ballast::executor
