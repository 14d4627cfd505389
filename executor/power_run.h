// PowerSwitch's own memory of one host; what matters after a crash is in `record`, journalled.
#pragma once

#include "executor/pause.h"
#include "executor/power_switch.h"
#include "executor/run.h"

namespace ballast::executor {

inline Error conflict(const HostId& host, std::string message) {
    return {ErrorCode::conflict, host.value, std::move(message)};
}

struct PowerSwitch::Run {
    Run(const boost::asio::any_io_executor& executor, PowerRecord kept) : record(std::move(kept)), pause(executor) {}

    /// What the record is to be when a switching begins.
    PowerRecord begun(PowerState state, WallTime now, std::string reason, std::string by, std::string message) const {
        PowerRecord next = record;
        next.state = state;
        next.since = now;
        next.reason = std::move(reason);
        next.requested_by = std::move(by);
        next.message = std::move(message);
        next.alarm = next.asked = next.drill = false;
        next.attempt = 0;
        return next;
    }

    PowerRecord record;
    Instant began{};           // the step that is timed: being asked to go down, or the first try to switch on
    bool recovered = false;    // what was really done to it, only the daemon before this one knew
    bool driven = false;       // a coroutine is at it, or about to be: nobody else writes the record
    std::string released_by;   // not empty: an operator ends it
    std::string confirmed_by;  // not empty: an operator answers for it that the host is off
    Pause pause;
};

}  // namespace ballast::executor
