#include "daemon/energy_meter.h"

#include <algorithm>

#include "ports/kept_keys.h"

namespace ballast::daemon {

namespace {
constexpr const char* prefix = prefix_of(Kept::energy);
constexpr Duration look_every = std::chrono::minutes{1};  // BMCs average over about as long
constexpr Duration first_look =
    std::chrono::seconds{10};                 // what hosts draw before any is switched; they are known then
constexpr unsigned looks_between_writes = 5;  // what a crash may lose
}  // namespace

EnergyMeter::EnergyMeter(boost::asio::any_io_executor executor, Clock& clock, PowerControl& power, Store& store,
                         const config::DaemonOptions& options, std::function<Inventory()> look)
    : executor_(std::move(executor)), clock_(clock), power_(power), store_(store), look_(std::move(look)) {
    for (const config::HostOptions& host : options.hosts)
        if (host.idle_watts && host.full_watts) tables_[host.id] = {*host.idle_watts, *host.full_watts};
    for (const config::HostOptions& host : options.hosts) rest_watts_[host.id] = host.rest_of_host_watts;
}

void EnergyMeter::saw(const HostId& host, const health::Report& report) {
    rapl_[host].note(report);
}

std::vector<HostEnergy> EnergyMeter::hosts() const {
    std::vector<HostEnergy> all;
    for (const auto& [id, account] : account_.hosts()) all.push_back(account);
    return all;
}

boost::asio::awaitable<Result<void>> EnergyMeter::start() {
    std::string key = prefix;
    const auto entries = co_await store_.list(std::move(key));
    if (!entries) co_return entries.error();
    std::vector<HostEnergy> accounts;
    for (const KeyValue& entry : *entries) {
        boost::system::error_code failure;
        auto account = energy_from_json(boost::json::parse(entry.value, failure));
        if (!failure && account) accounts.push_back(std::move(*account));
    }
    account_.resume(std::move(accounts));
    boost::asio::co_spawn(executor_, run(), boost::asio::detached);
    co_return Result<void>();
}

boost::asio::awaitable<void> EnergyMeter::run() {
    Instant last = clock_.now();
    co_await clock_.sleep_for(first_look);
    co_await look_at_all(Duration{});
    co_await keep();  // from here on a new account has its beginning, however short this daemon's life
    for (unsigned looks = 1;; ++looks) {
        co_await clock_.sleep_for(look_every);
        const Instant now = clock_.now();
        // Nobody knows what was drawn while this machine itself slept.
        const Duration elapsed = std::min<Duration>(now - last, 2 * look_every);
        last = now;
        co_await look_at_all(elapsed);
        if (looks % looks_between_writes == 0) co_await keep();
    }
}

boost::asio::awaitable<void> EnergyMeter::look_at_all(Duration elapsed) {
    const Inventory seen = look_();
    for (const auto& [id, host] : seen.hosts) {
        const auto reading = co_await reading_of(id, host.power);
        const auto table = tables_.find(id);
        account_.note(host, table == tables_.end() ? assumed_table(host) : table->second, reading, elapsed,
                      clock_.now(), clock_.wall_now());
    }
}

// The best there is. A host that is off has used what its counters tell before.
boost::asio::awaitable<std::optional<PowerReading>> EnergyMeter::reading_of(HostId host, PowerState state) {
    const auto rapl = rapl_[host].take();
    if (const auto can = power_.host(host); can && can->measures) {
        const auto watts = co_await power_.watts(host);
        if (watts && *watts) co_return PowerReading{**watts, EnergySource::bmc, 0};
    }
    if (!rapl || state == PowerState::off) co_return std::nullopt;
    if (rapl->platform) co_return PowerReading{rapl->watts, EnergySource::rapl_psys, 0};
    co_return PowerReading{rapl->watts, EnergySource::rapl, rest_watts_[host]};
}

boost::asio::awaitable<void> EnergyMeter::keep() {
    for (const HostEnergy& account : hosts()) {
        Transaction transaction;
        transaction.changes.push_back(
            {Change::Kind::put, prefix + account.host.value, boost::json::serialize(to_json(account)), 0});
        const auto written = co_await store_.commit(std::move(transaction));
        if (!written) co_return;
    }
}

}  // namespace ballast::daemon
