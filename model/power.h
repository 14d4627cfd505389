// A host's power as Ballast steers it: what is journalled of one host, from its first switching on.
#pragma once

#include <optional>
#include <string>

#include "model/host.h"
#include "model/ids.h"
#include "model/units.h"

namespace ballast {

struct PowerRecord {
    HostId host;
    PowerState state = PowerState::on;
    WallTime since{};          // of that state
    std::string reason;        // why it was switched last, one sentence
    std::string requested_by;  // "policy" or "uid 0 (root)"
    std::string message;       // how it stands, for people
    bool alarm = false;        // a person has to look: message says at what
    bool quarantined = false;  // the policy leaves its power alone until an operator releases it
    bool drill = false;        // switched off only to be switched on again
    // switching_off: the system was, or was about to be, asked to go down; fencing: it was, or was about to be, cut off
    bool asked = false;
    unsigned attempt = 0;                    // switching_on: 1 is the first; lost: 1 when switched on again
    std::optional<WallTime> proven;          // when it last came back after Ballast had switched it off
    std::optional<Duration> shutdown, boot;  // what that took the last time
    std::optional<WallTime> lost;            // when it was last certain that it was dead
    // When it last was off, drills aside, and on again after one of those times.
    std::optional<WallTime> went_off, came_back;

    friend bool operator==(const PowerRecord&, const PowerRecord&) = default;
};

/// Being switched either way: somebody is at it.
inline bool is_switching(PowerState state) {
    return state == PowerState::switching_off || state == PowerState::switching_on || state == PowerState::fencing;
}

std::optional<PowerState> power_state_from(const std::string& name);

}  // namespace ballast
