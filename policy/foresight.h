// What VMs will want before a host that is switched now could follow: asked before hosts are emptied or switched off,
// and to have those that are off back in time. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/cluster_view.h"
#include "policy/season.h"

namespace ballast::policy {

/// The hour ahead in which the VMs on hosts that report want most together.
struct Foresight {
    LocalHour hour = 0;
    unsigned days = 0;          // past days from which that follows
    bool day_off = false;       // of the hour, and so of these days
    std::vector<double> by_vm;  // CPUs, by position in the inventory; zero where nothing is expected
    double more = 0;            // CPUs beyond what all together want now; zero where that is less

    /// "between 08:00 and 09:00, as on 3 past working days".
    std::string when() const;
};

/// Nothing where the forecast is not enabled, or not known for any hour until then.
struct Foresights {
    std::optional<Foresight> until_back;  // until a host that is switched on now holds VMs
    std::optional<Foresight> until_paid;  // until one that is emptied now was off for min_time_off, and is back
};
Foresights foresee(const Context& context);

/// Would a host that is switched on later than now come too late for this hour?
bool is_due(const Context& context, LocalHour hour);

}  // namespace ballast::policy
