// The energy account of one host. Watts and watt-hours.
#pragma once

#include <optional>

#include "model/ids.h"
#include "model/units.h"

namespace ballast {

struct HostEnergy {
    HostId host;
    WallTime since{};             // the account's beginning
    double used_wh = 0;           // drawn since then, on or off
    double saved_wh = 0;          // what it would have drawn idle while it was off, less what it drew
    double idle_watts = 0;        // the least it draws while it is on, as far as known
    bool idle_measured = false;   // that is of its BMC's readings, not the power table's
    std::optional<double> watts;  // at the last look
    bool measured = false;        // `watts` is its BMC's reading, not the power table's
};

}  // namespace ballast
