#include "daemon/power_overlay.h"

#include <algorithm>

namespace ballast::daemon {

namespace {
// The same moment on the other clock; one in the future is now.
Instant before(Instant now, WallTime wall_now, WallTime then) {
    return now - std::max(Duration{}, Duration(wall_now - then));
}
}  // namespace

bool can_be_switched(const PowerControl& power, const HostId& host) {
    const auto known = power.host(host);
    return known && known->switches && known->soft;
}

bool is_proven(const PowerRecord& record, const config::PowerOptions& options, WallTime wall_now) {
    return record.proven && wall_now - *record.proven < options.drill_every;
}

void show_power(Inventory& inventory, const std::vector<PowerRecord>& records, const PowerControl& power, Instant now,
                WallTime wall_now) {
    for (auto& [id, host] : inventory.hosts) host.power_managed = can_be_switched(power, id);
    for (const PowerRecord& record : records) {
        const auto found = inventory.hosts.find(record.host);
        if (found == inventory.hosts.end()) continue;
        Host& host = found->second;
        host.power = record.state;
        host.power_since = before(now, wall_now, record.since);
        if (record.went_off) host.went_off = before(now, wall_now, *record.went_off);
        if (record.came_back) host.came_back = before(now, wall_now, *record.came_back);
        host.power_managed = host.power_managed && !record.quarantined;
        host.lost = record.state == PowerState::lost;
        const bool told = host.power == PowerState::on || host.power == PowerState::switching_off;
        if (!told) host.problem = record.message;
    }
}

}  // namespace ballast::daemon
