// The power port as the daemon uses it: a host's own system is asked to go down first, and its BMC where that is not
// possible. One io_context thread.
#pragma once

#include "ports/power.h"
#include "ports/system_control.h"

namespace ballast::daemon {

class CleanPower : public PowerControl {
public:
    /// Both have to outlive it.
    CleanPower(PowerControl& power, SystemControl& systems) : power_(power), systems_(systems) {}

    Task<std::vector<PowerHost>> hosts() override;
    /// `soft`: by its system or by its BMC.
    std::optional<PowerHost> host(HostId host) const override;
    Task<Power> status(HostId host) override { return power_.status(std::move(host)); }
    Task<void> switch_off(HostId host) override { return power_.switch_off(std::move(host)); }
    Task<void> switch_on(HostId host) override { return power_.switch_on(std::move(host)); }
    Task<void> shut_down_softly(HostId host) override;
    Task<std::optional<double>> watts(HostId host) override { return power_.watts(std::move(host)); }

private:
    PowerHost with_system(PowerHost known) const;

    PowerControl& power_;
    SystemControl& systems_;
};

}  // namespace ballast::daemon
