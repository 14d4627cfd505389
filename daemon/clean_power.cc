#include "daemon/clean_power.h"

namespace ballast::daemon {

PowerHost CleanPower::with_system(PowerHost known) const {
    known.soft = known.soft || systems_.reaches(known.id);
    return known;
}

PowerControl::Task<std::vector<PowerHost>> CleanPower::hosts() {
    auto all = co_await power_.hosts();
    if (!all) co_return all.error();
    for (PowerHost& host : *all) host = with_system(std::move(host));
    co_return std::move(*all);
}

std::optional<PowerHost> CleanPower::host(HostId host) const {
    auto known = power_.host(std::move(host));
    if (known) known = with_system(std::move(*known));
    return known;
}

// Who inhibits a shutdown is not overruled by the power button.
PowerControl::Task<void> CleanPower::shut_down_softly(HostId host) {
    if (!systems_.reaches(host)) co_return co_await power_.shut_down_softly(host);
    const auto asked = co_await systems_.shut_down(host);
    if (asked || asked.error().code == ErrorCode::refused) co_return asked;
    const auto bmc = power_.host(host);
    if (bmc && bmc->soft) co_return co_await power_.shut_down_softly(host);
    // It was not asked, and nobody else can: nothing to wait for.
    if (asked.error().code == ErrorCode::unavailable)
        co_return Error{ErrorCode::refused, host.value, asked.error().message};
    co_return asked;
}

}  // namespace ballast::daemon
