// The Hypervisor port on libvirt: one HostLink a host.
#pragma once

#include <map>
#include <memory>

#include "hypervisor/domain_xml.h"
#include "hypervisor/host_link.h"
#include "hypervisor/preflight.h"
#include "hypervisor/reading.h"
#include "ports/clock.h"
#include "ports/hypervisor.h"

namespace ballast::hypervisor {

class LibvirtHypervisor final : public Hypervisor {
public:
    /// Starts connecting to all hosts at once; returns without waiting. Lives as long as the executor runs. `peers`:
    /// how hosts are reached to which VMs are migrated, and to which nobody connects from here.
    LibvirtHypervisor(boost::asio::any_io_executor executor, const Clock& clock, std::vector<LinkOptions> hosts,
                      std::map<HostId, std::string> peers = {});

    /// Hosts that are known to be off, as the caller says whenever it is asked, are tried once a minute only. Whoever
    /// knows that one is not off any more calls reconnect(). Call it before the io_context runs.
    void rest_while(std::function<bool(const HostId&)> off);

    std::vector<HostId> hosts() const override;
    Connection connection(HostId host) const override;
    std::string problem(HostId host) const override;
    std::optional<Instant> answered_at(HostId host) const override;
    void reconnect(HostId host) override;
    void on_event(std::function<void(const HypervisorEvent&)> listener) override;

    Task<HostFacts> facts(HostId host) override;
    Task<HostReading> read(HostId host) override;
    Task<VmFacts> vm_facts(HostId host, VmId vm) override;
    Task<Presence> presence(HostId host, VmId vm) override;
    Task<std::string> definition(HostId host, VmId vm) override;
    Result<VmFacts> facts_of(const std::string& definition) const override { return vm_facts_from_xml(definition); }

    Task<void> start(StartRequest request) override;

    Task<void> create_image(HostId host, DiskCopy disk) override;
    Task<void> remove_image(HostId host, std::string file) override;

    Task<std::string> migratable_definition(HostId source, VmId vm) override;
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

    // For preflight only. Slow; each in a worker lane, so that neither sampling nor migrations' control wait for it.
    Task<PreflightFacts> preflight_facts(HostId host, Duration deadline);
    Task<PreflightFacts> fitness(HostId host, Duration deadline);
    Task<std::vector<CpuAnswer>> compare_cpus(HostId host, std::vector<CpuQuestion> questions, Duration deadline);
    Task<std::string> common_cpu(HostId host, std::string virt_type, std::vector<std::string> cpus, Duration deadline);
    /// Who answers at `uri` when this machine asks.
    Task<PeerIdentity> identity_at(std::string uri, Duration deadline);

private:
    HostLink* find(const HostId& host) const;
    void tell(const HypervisorEvent& event) const;
    void notice_autostart(const HostId& host, const HostLook& look);
    template <class T>
    Task<T> with_worker(HostId host, std::function<Result<T>(virConnectPtr)> work, Duration deadline);
    /// Finds the domain on the control lane and applies `act` to it.
    template <class T>
    Task<T> with_domain(HostId host, VmId vm, std::function<Result<T>(virDomainPtr)> act,
                        HostLink::Kind kind = HostLink::Kind::control);

    boost::asio::any_io_executor executor_;
    const Clock& clock_;
    AbandonedCount abandoned_probes_ = std::make_shared<std::atomic<unsigned>>(0);
    std::map<HostId, std::unique_ptr<HostLink>> links_;
    std::map<HostId, std::string> peers_;               // URIs
    std::map<HostId, PagePools> page_pools_;            // from the last facts
    std::map<HostId, std::map<VmId, bool>> autostart_;  // of the VMs of the last reading
    std::map<HostId, Instant> answered_;
    std::vector<std::function<void(const HypervisorEvent&)>> listeners_;
};

}  // namespace ballast::hypervisor
