// Looks at what every host draws once in a while and keeps the account in the store. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <vector>

#include "config/daemon_options.h"
#include "daemon/energy_account.h"
#include "daemon/rapl_meter.h"
#include "model/inventory.h"
#include "ports/clock.h"
#include "ports/power.h"
#include "ports/store.h"

namespace ballast::daemon {

class EnergyMeter {
public:
    /// `look` gives the hosts as they are now.
    EnergyMeter(boost::asio::any_io_executor executor, Clock& clock, PowerControl& power, Store& store,
                const config::DaemonOptions& options, std::function<Inventory()> look);

    /// Reads the accounts and begins. Error: the store's; nothing was begun. An account that cannot be read begins
    /// anew.
    boost::asio::awaitable<Result<void>> start();
    std::vector<HostEnergy> hosts() const;
    /// Writes the accounts: before the daemon stops. What cannot be written now is written another time.
    boost::asio::awaitable<void> keep();
    /// What the probe of this host's health saw: RAPL's counters count where its BMC does not tell.
    void saw(const HostId& host, const health::Report& report);

private:
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> look_at_all(Duration elapsed);
    boost::asio::awaitable<std::optional<PowerReading>> reading_of(HostId host, PowerState state);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    PowerControl& power_;
    Store& store_;
    std::function<Inventory()> look_;
    std::map<HostId, PowerTable> tables_;  // what the operator says
    std::map<HostId, double> rest_watts_;  // and what he says that RAPL does not count
    std::map<HostId, RaplMeter> rapl_;
    EnergyAccount account_;
};

}  // namespace ballast::daemon
