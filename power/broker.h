// Switches hosts by their levels, one change a host at a time, and believes nothing but a status [safety.md, protocol
// 8]. The power port, where the BMCs' secrets are. On the io_context's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/power.h"
#include "power/agent.h"
#include "power/gate.h"
#include "power/power_file.h"
#include "service/children.h"

namespace ballast::power {

/// What one level answered, for a new user's eyes.
struct Probe {
    std::string agent;
    Result<Power> status;
    Duration took{};
};

class Broker : public PowerControl {
public:
    /// Clock and children have to outlive the running of the io_context.
    Broker(Clock& clock, Children& children, Tools tools, PowerFile file);

    /// What is under way goes on with what it began with.
    void replace(PowerFile file);

    Task<std::vector<PowerHost>> hosts() override;
    std::optional<PowerHost> host(HostId host) const override;
    Task<Power> status(HostId host) override;
    Task<void> switch_off(HostId host) override;
    Task<void> switch_on(HostId host) override;
    Task<void> shut_down_softly(HostId host) override;
    Task<std::optional<double>> watts(HostId host) override;

    /// Asks each level.
    Task<std::vector<Probe>> probe(HostId host);

private:
    using File = std::shared_ptr<const PowerFile>;  // keeps what is under way valid over a reload

    Task<void> switch_to(HostId host, Power wanted);
    Task<void> by_levels(HostPower host, Power wanted);
    Task<void> by_level(Level level, Power wanted);
    Task<void> by_wake_on_lan(HostPower host);
    Task<void> verify(Level level, Power wanted, bool patient);
    Task<Power> ask(Level level, Duration deadline);
    Task<Power> ask_levels(HostPower host);
    Task<std::string> ipmi(Level level, std::vector<std::string> words);
    Task<std::optional<double>> sensor(Level level, std::string name);
    Result<HostPower> find(const HostId& host) const;
    Gate& changes_of(const HostId& host);

    Clock& clock_;
    Children& children_;
    Tools tools_;
    File file_;
    std::map<HostId, Gate> changes_;  // one at a time a host
    Gate switching_, reading_;        // agents at once
};

}  // namespace ballast::power
