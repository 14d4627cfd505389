// The Hypervisor port on a simulated World: what the daemon's adapter does for libvirt. One a daemon's life; the
// World outlives it. Calls take time and fail as the real ones do.
#pragma once

#include "sim/crash_point.h"
#include "sim/world.h"

namespace ballast::sim {

class SimHypervisor : public Hypervisor {
public:
    SimHypervisor(boost::asio::io_context& io, Clock& clock, World& world, CrashPoints& crashes);
    ~SimHypervisor() override;

    std::vector<HostId> hosts() const override { return world_.hosts(); }
    Connection connection(HostId host) const override;
    std::string problem(HostId host) const override;
    std::optional<Instant> answered_at(HostId host) const override;
    void reconnect(HostId) override {}  // the World notices by itself
    void on_event(std::function<void(const HypervisorEvent&)> listener) override;

    Task<HostFacts> facts(HostId host) override;
    Task<HostReading> read(HostId host) override;
    Task<VmFacts> vm_facts(HostId host, VmId vm) override;
    Task<Presence> presence(HostId host, VmId vm) override;
    Task<std::string> definition(HostId host, VmId vm) override;
    Result<VmFacts> facts_of(const std::string& definition) const override;

    Task<void> start(StartRequest request) override;

    Task<void> create_image(HostId host, DiskCopy disk) override;
    Task<void> remove_image(HostId host, std::string file) override;

    Task<void> can_accept(MigrationRequest request) override;
    Task<void> migrate(MigrationRequest request) override;
    Task<MigrationProgress> progress(HostId host, VmId vm) override;
    Task<MigrationProgress> completed(HostId host, VmId vm) override;
    Task<void> abort_migration(HostId source, VmId vm) override;
    Task<void> set_max_downtime(HostId source, VmId vm, Duration downtime) override;
    Task<void> start_post_copy(HostId source, VmId vm) override;

    Task<void> resume(HostId host, VmId vm) override;
    Task<void> destroy(HostId host, VmId vm) override;
    Task<void> undefine(HostId host, VmId vm) override;
    Task<void> set_autostart(HostId host, VmId vm, bool autostart) override;

private:
    struct Call;

    /// The way to a host and back around one call: errors unavailable and timed_out.
    Task<void> reach(HostId host);
    boost::asio::awaitable<bool> answer_is_lost(HostId host);
    Task<void> change(HostId host, std::function<Result<void>()> act);

    boost::asio::io_context& io_;
    Clock& clock_;
    World& world_;
    CrashPoints& crashes_;
    std::shared_ptr<std::vector<std::function<void(const HypervisorEvent&)>>> listeners_;
    std::map<HostId, Instant> answered_;
};

}  // namespace ballast::sim
