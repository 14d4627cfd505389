#include "interchange/views_power.h"

#include <algorithm>

namespace ballast::views {

json::object power(const PowerRecord& record, const PowerMeans& means) {
    const bool switched = record.since != WallTime{};
    return {{"host", record.host.value},
            {"state", to_string(record.state)},
            {"since", time(switched ? std::optional(record.since) : std::nullopt)},
            {"reason", record.reason},
            {"requested_by", record.requested_by},
            {"message", record.message},
            {"alarm", record.alarm},
            {"quarantined", record.quarantined},
            {"drill", record.drill},
            {"own", means.own},
            {"bmc", means.bmc},
            {"switchable", means.switchable},
            {"proven", means.proven},
            {"proven_at", time(record.proven)},
            {"went_off", time(record.went_off)},
            {"came_back", time(record.came_back)},
            {"shutdown_ms", milliseconds(record.shutdown)},
            {"boot_ms", milliseconds(record.boot)}};
}

json::object energy(const std::vector<HostEnergy>& hosts) {
    constexpr double wh_per_kwh = 1000;
    json::array accounts;
    double used = 0, saved = 0;
    std::optional<WallTime> since;
    for (const HostEnergy& account : hosts) {
        used += account.used_wh / wh_per_kwh;
        saved += account.saved_wh / wh_per_kwh;
        since = since ? std::min(*since, account.since) : account.since;
        accounts.push_back(json::object{{"host", account.host.value},
                                        {"since", time(account.since)},
                                        {"watts", number(account.watts)},
                                        {"measured", account.source != EnergySource::table},
                                        {"source", to_string(account.source)},
                                        {"rest_of_host_watts", account.rest_watts},
                                        {"idle_watts", account.idle_watts},
                                        {"used_kwh", account.used_wh / wh_per_kwh},
                                        {"saved_kwh", account.saved_wh / wh_per_kwh}});
    }
    return {{"since", time(since)}, {"used_kwh", used}, {"saved_kwh", saved}, {"hosts", std::move(accounts)}};
}

}  // namespace ballast::views
