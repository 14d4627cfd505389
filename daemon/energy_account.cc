#include "daemon/energy_account.h"

#include <algorithm>
#include <cmath>

#include "policy/fleet.h"

namespace ballast::daemon {

namespace {
// A machine that is off feeds its BMC [3-8 W in vendors' data sheets].
constexpr double off_watts = 5;
// The least reading counts as idle, and is forgotten slowly: 3 % an hour at a look a minute, as fans and seasons
// change.
constexpr double idle_rises = 1.0005;

double table_watts(const Host& host, const PowerTable& table) {
    if (host.power == PowerState::off) return off_watts;
    const double used = host.facts.cpus > 0 ? host.load.cpu_used_cores.value_or(0) / host.facts.cpus : 0;
    return table.idle_watts + std::clamp(used, 0.0, 1.0) * (table.full_watts - table.idle_watts);
}

double hours(Duration duration) {
    return std::chrono::duration<double, std::ratio<3600>>(duration).count();
}
}  // namespace

PowerTable assumed_table(const Host& host) {
    const double full = policy::assumed_watts(host);
    return {full / 2, full};
}

void EnergyAccount::resume(std::vector<HostEnergy> accounts) {
    for (HostEnergy& account : accounts) {
        const HostId host = account.host;
        hosts_[host] = std::move(account);
    }
}

void EnergyAccount::note(const Host& host, const PowerTable& table, std::optional<double> reading, Duration elapsed,
                         Instant now, WallTime wall_now) {
    if (reading && !(std::isfinite(*reading) && *reading >= 0)) reading.reset();
    HostEnergy& account = hosts_[host.id];
    if (account.since == WallTime{}) {
        account.host = host.id;
        account.since = wall_now - elapsed;
    }
    const double watts = reading.value_or(table_watts(host, table));
    account.watts = watts;
    account.measured = reading.has_value();
    if (host.power == PowerState::on) learn_idle(account, table, reading);
    if (account.idle_watts <= 0) account.idle_watts = table.idle_watts;
    if (host.power != PowerState::off) {
        account.used_wh += watts * hours(elapsed);
        return;
    }
    const Duration off = host.power_since ? std::min<Duration>(elapsed, now - *host.power_since) : elapsed;
    account.used_wh += watts * hours(off) + account.idle_watts * hours(elapsed - off);
    account.saved_wh += std::max(0.0, account.idle_watts - watts) * hours(off);
}

void EnergyAccount::learn_idle(HostEnergy& account, const PowerTable& table, std::optional<double> reading) {
    if (reading) {
        account.idle_watts = account.idle_measured ? std::min(account.idle_watts * idle_rises, *reading) : *reading;
        account.idle_measured = true;
    } else if (!account.idle_measured) {
        account.idle_watts = table.idle_watts;
    }
}

boost::json::object to_json(const HostEnergy& e) {
    return {{"host", e.host.value},       {"since_ms", e.since.time_since_epoch().count()},
            {"used_wh", e.used_wh},       {"saved_wh", e.saved_wh},
            {"idle_watts", e.idle_watts}, {"idle_measured", e.idle_measured}};
}

Result<HostEnergy> energy_from_json(const boost::json::value& value) {
    try {
        const auto& o = value.as_object();
        HostEnergy energy;
        energy.host = {std::string(o.at("host").as_string())};
        energy.since = WallTime(Duration(o.at("since_ms").to_number<std::int64_t>()));
        energy.used_wh = o.at("used_wh").to_number<double>();
        energy.saved_wh = o.at("saved_wh").to_number<double>();
        energy.idle_watts = o.at("idle_watts").to_number<double>();
        energy.idle_measured = o.at("idle_measured").as_bool();
        return energy;
    } catch (const std::exception& error) {
        return Error{ErrorCode::corrupt, "energy account", error.what()};
    }
}

}  // namespace ballast::daemon
