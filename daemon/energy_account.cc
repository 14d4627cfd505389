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
// A BMC's sensor shows what was before for some seconds [averages over 5-60 s in vendors' documents], and a host that
// boots draws what it never does otherwise.
constexpr Duration settles_within = std::chrono::minutes{1};
// A quiet host draws hardly more than twice what it draws idle: half of full load at a quarter of it [SPECpower_ssj2008
// results]. Where the least of an hour's looks is above that, what was learnt before was no idling.
constexpr double quiet_share = 0.25, most_above_idle = 2;
constexpr unsigned quiet_looks = 60;

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

void EnergyAccount::note(const Host& host, const PowerTable& table, std::optional<PowerReading> reading,
                         Duration elapsed, Instant now, WallTime wall_now) {
    if (reading && !(std::isfinite(reading->watts) && reading->watts >= 0)) reading.reset();
    HostEnergy& account = hosts_[host.id];
    if (account.since == WallTime{}) {
        account.host = host.id;
        account.since = wall_now - elapsed;
    }
    const double watts = reading ? reading->watts + reading->rest_watts : table_watts(host, table);
    account.watts = watts;
    account.source = reading ? reading->source : EnergySource::table;
    account.rest_watts = reading ? reading->rest_watts : 0;
    if (account.idle_source == EnergySource::table) account.idle_watts = table.idle_watts;
    weigh_idle(account, host, reading, elapsed, now);
    if (host.power != PowerState::off) {
        account.used_wh += watts * hours(elapsed);
        return;
    }
    const Duration off = host.power_since ? std::min<Duration>(elapsed, now - *host.power_since) : elapsed;
    account.used_wh += watts * hours(off) + account.idle_watts * hours(elapsed - off);
    account.saved_wh += std::max(0.0, account.idle_watts - watts) * hours(off);
}

void EnergyAccount::weigh_idle(HostEnergy& account, const Host& host, const std::optional<PowerReading>& reading,
                               Duration elapsed, Instant now) {
    const bool settled = !host.power_since || now - *host.power_since >= elapsed + settles_within;
    const bool at_work = host.power == PowerState::on && host.connection == Connection::up && !host.stale && settled;
    const auto before = pending_.extract(host.id);
    if (!at_work) return;
    if (!before.empty() && host.sampled_at && *host.sampled_at > before.mapped().at)
        learn_idle(account, before.mapped());
    if (!reading) return;
    const auto& used = host.load.cpu_used_cores;
    const bool is_quiet = used && host.facts.cpus > 0 && *used <= quiet_share * host.facts.cpus;
    pending_[host.id] = {reading->watts + reading->rest_watts, reading->source, is_quiet, now};
}

// What a worse source says does not count beside what a better one said: they do not mean the same.
void EnergyAccount::learn_idle(HostEnergy& account, const Pending& reading) {
    if (reading.source < account.idle_source) return;
    const bool known = reading.source == account.idle_source;
    if (!known) quiet_.erase(account.host);
    account.idle_watts = known ? std::min(account.idle_watts * idle_rises, reading.watts) : reading.watts;
    account.idle_source = reading.source;
    if (!reading.is_quiet) return;
    Quiet& quiet = quiet_[account.host];
    quiet.least_watts = quiet.looks == 0 ? reading.watts : std::min(quiet.least_watts, reading.watts);
    if (++quiet.looks < quiet_looks) return;
    if (quiet.least_watts > most_above_idle * account.idle_watts) account.idle_watts = quiet.least_watts;
    quiet = {};
}

namespace {
// Versions before sources were told knew the BMC and the table.
EnergySource idle_source_of(const boost::json::object& o) {
    if (!o.contains("idle_source")) return o.at("idle_measured").as_bool() ? EnergySource::bmc : EnergySource::table;
    for (const EnergySource source : all_energy_sources)
        if (o.at("idle_source").as_string() == to_string(source)) return source;
    throw std::invalid_argument("unknown source");
}
}  // namespace

boost::json::object to_json(const HostEnergy& e) {
    return {{"host", e.host.value},       {"since_ms", e.since.time_since_epoch().count()},
            {"used_wh", e.used_wh},       {"saved_wh", e.saved_wh},
            {"idle_watts", e.idle_watts}, {"idle_source", to_string(e.idle_source)}};
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
        energy.idle_source = idle_source_of(o);
        return energy;
    } catch (const std::exception& error) {
        return Error{ErrorCode::corrupt, "energy account", error.what()};
    }
}

}  // namespace ballast::daemon
