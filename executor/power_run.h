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

    /// The record of a switching that begins. Returns it as it was, for when nothing comes of it.
    PowerRecord begin(PowerState state, WallTime now, std::string reason, std::string by, std::string message) {
        PowerRecord before = record;
        record.state = state;
        record.since = now;
        record.reason = std::move(reason);
        record.requested_by = std::move(by);
        record.message = std::move(message);
        record.alarm = record.asked = record.drill = false;
        record.attempt = 0;
        return before;
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
