// The Probe port on simulated hosts: whether a host's kernel answers, whatever runs there.
#pragma once

#include "ports/probe.h"
#include "sim/crash_point.h"
#include "sim/world.h"

namespace ballast::sim {

class SimProbe : public Probe {
public:
    /// With `from`: as that host sees the others. Without: as from outside.
    SimProbe(boost::asio::io_context& io, Clock& clock, const World& world, CrashPoints& crashes,
             std::optional<HostId> from = std::nullopt)
        : io_(io), clock_(clock), world_(world), crashes_(crashes), from_(std::move(from)) {}

    bool reaches(HostId) const override { return true; }
    Task<void> reach(HostId host) override;

private:
    boost::asio::io_context& io_;
    Clock& clock_;
    const World& world_;
    CrashPoints& crashes_;
    const std::optional<HostId> from_;
};

}  // namespace ballast::sim
