// The Hypervisor port on a simulated World: what the daemon's adapter does for libvirt. One a daemon's life, any number
// at once; the World outlives them. Calls take time and fail as the real ones do.
#pragma once

#include "sim/crash_point.h"
#include "sim/world.h"

namespace ballast::sim {

class SimHypervisor : public Hypervisor {
public:
    /// With `on`: the view of a daemon on that host. It knows no other, and reaches this one whatever the network does.
    SimHypervisor(boost::asio::io_context& io, Clock& clock, World& world, CrashPoints& crashes,
                  std::optional<HostId> on = std::nullopt);
    ~SimHypervisor() override;

    std::vector<HostId> hosts() const override;
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

    Task<std::string> migratable_definition(HostId source, VmId vm) override { return definition(source, vm); }
    Task<void> can_accept(MigrationRequest request, std::string definition) override;
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

    /// Events, to whoever listens: nothing since, and there is nothing new to run.
    std::uint64_t posts() const { return posts_; }

private:
    struct Call;

    /// Nothing when it is not known here.
    SimHost* known(const HostId& host) const;
    bool answers(const SimHost& host) const { return on_ ? host.answers_on_host() : host.answers(); }
    bool seen_down(const SimHost& host) const { return on_ ? host.seen_down_on_host : host.seen_down; }

    /// The way to a host and back around one call: errors unavailable and timed_out.
    Task<void> reach(HostId host);
    boost::asio::awaitable<bool> answer_is_lost(HostId host);
    Task<void> change(HostId host, std::function<Result<void>()> act);

    boost::asio::io_context& io_;
    Clock& clock_;
    World& world_;
    CrashPoints& crashes_;
    const std::optional<HostId> on_;
    World::ListenerId connected_ = 0;
    std::uint64_t posts_ = 0;
    std::shared_ptr<std::vector<std::function<void(const HypervisorEvent&)>>> listeners_;
    std::map<HostId, Instant> answered_;
};

}  // namespace ballast::sim
