#include "hypervisor/libvirt_hypervisor.h"

#include "hypervisor/domain_stats.h"
#include "hypervisor/domain_xml.h"
#include "hypervisor/event_loop.h"
#include "hypervisor/host_facts.h"
#include "hypervisor/images.h"
#include "hypervisor/migration.h"
#include "hypervisor/reading.h"

namespace ballast::hypervisor {

namespace {
constexpr Duration destroy_deadline = std::chrono::seconds{45};  // less than a leader waits for an agent
constexpr Duration image_deadline = std::chrono::seconds{60};    // storage may be slow, and its pool is looked through
constexpr unsigned most_abandoned_probes = 16;                   // threads left in calls to peers that do not answer

Error unknown(const HostId& host) {
    return {ErrorCode::not_found, host.value, "no such host is configured"};
}

std::function<Result<void>(virDomainPtr)> checked(VmId vm, std::function<int(virDomainPtr)> call) {
    return [vm = std::move(vm), call = std::move(call)](virDomainPtr domain) -> Result<void> {
        if (given_up()) return nobody_waits(vm.value);
        if (call(domain) < 0) return last_error(vm.value);
        return {};
    };
}
}  // namespace

LibvirtHypervisor::LibvirtHypervisor(boost::asio::any_io_executor executor, const Clock& clock,
                                     std::vector<LinkOptions> hosts, std::map<HostId, std::string> peers)
    : executor_(executor), clock_(clock), peers_(std::move(peers)) {
    start_event_loop();
    for (LinkOptions& options : hosts) {
        const HostId id = options.id;
        peers_[id] = options.peer_uri;
        auto tell = [this](const HypervisorEvent& event) { this->tell(event); };
        auto answered = [this, id] { answered_[id] = clock_.now(); };
        auto& link = links_[id] = std::make_unique<HostLink>(executor, std::move(options), tell, answered);
        boost::asio::co_spawn(executor, link->supervise(), boost::asio::detached);
    }
}

void LibvirtHypervisor::rest_while(std::function<bool(const HostId&)> off) {
    for (auto& [id, link] : links_) link->rest_while([off, host = id] { return off(host); });
}

HostLink* LibvirtHypervisor::find(const HostId& host) const {
    const auto found = links_.find(host);
    return found == links_.end() ? nullptr : found->second.get();
}

std::vector<HostId> LibvirtHypervisor::hosts() const {
    std::vector<HostId> ids;
    for (const auto& [id, link] : links_) ids.push_back(id);
    return ids;
}

Connection LibvirtHypervisor::connection(HostId host) const {
    const HostLink* link = find(host);
    return link == nullptr ? Connection::down : link->connection();
}

std::string LibvirtHypervisor::problem(HostId host) const {
    const HostLink* link = find(host);
    return link == nullptr ? "not configured" : link->problem();
}

std::optional<Instant> LibvirtHypervisor::answered_at(HostId host) const {
    const auto found = answered_.find(host);
    return found == answered_.end() ? std::nullopt : std::optional(found->second);
}

void LibvirtHypervisor::reconnect(HostId host) {
    if (HostLink* link = find(host); link != nullptr && link->connection() != Connection::up) link->look_now();
}

void LibvirtHypervisor::on_event(std::function<void(const HypervisorEvent&)> listener) {
    listeners_.push_back(std::move(listener));
}

Hypervisor::Task<HostFacts> LibvirtHypervisor::facts(HostId host) {
    HostLink* link = find(host);
    if (link == nullptr) co_return unknown(host);
    std::function<Result<HostFacts>(virConnectPtr)> work = [name = host.value](virConnectPtr connection) {
        return read_host_facts(connection, name);
    };
    auto facts = co_await link->call<HostFacts>(HostLink::Kind::statistics, std::move(work));
    if (facts) {
        for (const std::string& path : link->options().shared_paths) facts->shared_paths.insert(path);
        for (const std::string& path : link->options().stretched_paths) facts->stretched_paths.insert(path);
        facts->cpus *= link->options().cpu_share;
        page_pools_[host] = page_pools(*facts);
    }
    co_return facts;
}

Hypervisor::Task<HostReading> LibvirtHypervisor::read(HostId host) {
    HostLink* link = find(host);
    if (link == nullptr) co_return unknown(host);
    std::function<Result<HostLook>(virConnectPtr)> work = [name = host.value,
                                                           pools = page_pools_[host]](virConnectPtr connection) {
        return read_host(connection, name, pools);
    };
    auto look = co_await link->call<HostLook>(HostLink::Kind::statistics, std::move(work));
    if (!look) co_return look.error();
    look->reading.at = clock_.now();
    notice_autostart(host, *look);
    co_return std::move(look->reading);
}

// libvirt has no event for it.
void LibvirtHypervisor::notice_autostart(const HostId& host, const HostLook& look) {
    std::map<VmId, bool> now;
    for (const VmCounters& vm : look.reading.vms) now[vm.id] = look.autostart.contains(vm.id);
    const std::map<VmId, bool> before = std::exchange(autostart_[host], now);
    for (const auto& [vm, autostart] : now)
        if (const auto known = before.find(vm); known != before.end() && known->second != autostart)
            tell({HypervisorEvent::Kind::vm_changed, host, vm, "autostart"});
}

void LibvirtHypervisor::tell(const HypervisorEvent& event) const {
    for (const auto& listener : listeners_) listener(event);
}

template <class T>
Hypervisor::Task<T> LibvirtHypervisor::with_domain(HostId host, VmId vm, std::function<Result<T>(virDomainPtr)> act,
                                                   HostLink::Kind kind) {
    HostLink* link = find(host);
    if (link == nullptr) co_return unknown(host);
    std::function<Result<T>(virConnectPtr)> work = [vm, act = std::move(act)](virConnectPtr connection) -> Result<T> {
        auto domain = find_domain(connection, vm);
        if (!domain) return domain.error();
        return act(domain->get());
    };
    co_return co_await link->call<T>(kind, std::move(work));
}

Hypervisor::Task<VmFacts> LibvirtHypervisor::vm_facts(HostId host, VmId vm) {
    std::function<Result<VmFacts>(virDomainPtr)> act = [](virDomainPtr domain) { return read_vm_facts(domain); };
    return with_domain<VmFacts>(std::move(host), std::move(vm), std::move(act), HostLink::Kind::statistics);
}

Hypervisor::Task<Presence> LibvirtHypervisor::presence(HostId host, VmId vm) {
    std::function<Result<Presence>(virDomainPtr)> act = [](virDomainPtr domain) { return read_presence(domain); };
    auto presence = co_await with_domain<Presence>(std::move(host), std::move(vm), std::move(act));
    if (!presence && presence.error().code == ErrorCode::not_found) co_return Presence{};
    co_return presence;
}

Hypervisor::Task<std::string> LibvirtHypervisor::definition(HostId host, VmId vm) {
    std::function<Result<std::string>(virDomainPtr)> act = [vm](virDomainPtr domain) -> Result<std::string> {
        const Text xml(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE));
        if (!xml) return last_error(vm.value);
        return std::string(xml.get());
    };
    return with_domain<std::string>(std::move(host), std::move(vm), std::move(act), HostLink::Kind::statistics);
}

Hypervisor::Task<void> LibvirtHypervisor::start(StartRequest request) {
    HostLink* link = find(request.on);
    if (link == nullptr) co_return unknown(request.on);
    const Duration deadline = request.give_up_after;
    std::function<Result<void>(virConnectPtr)> work = [request = std::move(request)](virConnectPtr connection) {
        return start_domain(connection, request);
    };
    co_return co_await link->blocking_call<void>(std::move(work), deadline);
}

Hypervisor::Task<void> LibvirtHypervisor::create_image(HostId host, DiskCopy disk) {
    std::function<Result<void>(virConnectPtr)> work = [disk = std::move(disk)](virConnectPtr connection) {
        return hypervisor::create_image(connection, disk);
    };
    return with_worker<void>(std::move(host), std::move(work), image_deadline);
}

Hypervisor::Task<void> LibvirtHypervisor::remove_image(HostId host, std::string file) {
    std::function<Result<void>(virConnectPtr)> work = [file = std::move(file)](virConnectPtr connection) {
        return hypervisor::remove_image(connection, file);
    };
    return with_worker<void>(std::move(host), std::move(work), image_deadline);
}

Hypervisor::Task<std::string> LibvirtHypervisor::migratable_definition(HostId source, VmId vm) {
    std::function<Result<std::string>(virDomainPtr)> describe = [](virDomainPtr domain) {
        return migratable_xml(domain);
    };
    return with_domain<std::string>(std::move(source), std::move(vm), std::move(describe));
}

Hypervisor::Task<void> LibvirtHypervisor::can_accept(MigrationRequest request, std::string definition) {
    HostLink* target = find(request.to);
    if (target == nullptr) co_return unknown(request.to);
    std::function<Result<void>(virConnectPtr)> check = [request,
                                                        xml = std::move(definition)](virConnectPtr connection) {
        return check_target(connection, request, xml);
    };
    // A pool with many images takes its time to be read again: that says nothing of the host.
    if (!request.disks.empty()) co_return co_await target->blocking_call<void>(std::move(check), image_deadline);
    co_return co_await target->call<void>(HostLink::Kind::statistics, std::move(check));
}

Hypervisor::Task<void> LibvirtHypervisor::migrate(MigrationRequest request) {
    HostLink* source = find(request.from);
    if (source == nullptr) co_return unknown(request.from);
    const auto peer = peers_.find(request.to);
    if (peer == peers_.end()) co_return unknown(request.to);
    std::function<Result<void>(virConnectPtr)> work = [request, uri = peer->second](virConnectPtr connection) {
        return migrate_peer_to_peer(connection, request, uri);
    };
    co_return co_await source->blocking_call<void>(std::move(work), request.give_up_after);
}

Hypervisor::Task<MigrationProgress> LibvirtHypervisor::progress(HostId host, VmId vm) {
    std::function<Result<MigrationProgress>(virDomainPtr)> act = [](virDomainPtr domain) {
        return read_progress(domain, 0);
    };
    return with_domain<MigrationProgress>(std::move(host), std::move(vm), std::move(act));
}

Hypervisor::Task<MigrationProgress> LibvirtHypervisor::completed(HostId host, VmId vm) {
    std::function<Result<MigrationProgress>(virDomainPtr)> act = [](virDomainPtr domain) {
        return read_progress(domain, VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED);
    };
    return with_domain<MigrationProgress>(std::move(host), std::move(vm), std::move(act));
}

Hypervisor::Task<void> LibvirtHypervisor::abort_migration(HostId source, VmId vm) {
    auto act = checked(vm, virDomainAbortJob);
    return with_domain<void>(std::move(source), std::move(vm), std::move(act));
}

Hypervisor::Task<void> LibvirtHypervisor::set_max_downtime(HostId source, VmId vm, Duration downtime) {
    auto act = checked(vm, [downtime](virDomainPtr domain) {
        return virDomainMigrateSetMaxDowntime(domain, static_cast<unsigned long long>(downtime.count()), 0);
    });
    return with_domain<void>(std::move(source), std::move(vm), std::move(act));
}

Hypervisor::Task<void> LibvirtHypervisor::start_post_copy(HostId source, VmId vm) {
    auto act = checked(vm, [](virDomainPtr domain) { return virDomainMigrateStartPostCopy(domain, 0); });
    return with_domain<void>(std::move(source), std::move(vm), std::move(act));
}

Hypervisor::Task<void> LibvirtHypervisor::resume(HostId host, VmId vm) {
    auto act = checked(vm, virDomainResume);
    return with_domain<void>(std::move(host), std::move(vm), std::move(act));
}

Hypervisor::Task<void> LibvirtHypervisor::destroy(HostId host, VmId vm) {
    // The memory of a large guest takes its time to be given back: that says nothing of the host.
    std::function<Result<void>(virConnectPtr)> work = [vm](virConnectPtr connection) -> Result<void> {
        const auto domain = find_domain(connection, vm);
        if (!domain) return domain.error();
        if (given_up()) return nobody_waits(vm.value);
        return virDomainDestroy(domain->get()) < 0 ? last_error(vm.value) : Result<void>();
    };
    auto destroyed = co_await with_worker<void>(host, work, destroy_deadline);
    if (destroyed || destroyed.error().code != ErrorCode::unavailable) co_return destroyed;
    HostLink* link = find(host);  // all workers are busy: an end is never put off for that
    if (link == nullptr) co_return unknown(host);
    co_return co_await link->call<void>(HostLink::Kind::control, std::move(work));
}

Hypervisor::Task<void> LibvirtHypervisor::undefine(HostId host, VmId vm) {
    // What libvirt keeps beside a definition goes with it, or it would refuse; the VM's own files stay.
    constexpr unsigned flags = VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                               VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_MANAGED_SAVE;
    auto act = checked(vm, [](virDomainPtr domain) {
        // libvirt would remove the state of its TPM, which may lie where the host that runs the VM now sees it as well.
        const int done = virDomainUndefineFlags(domain, flags | VIR_DOMAIN_UNDEFINE_KEEP_TPM);
        if (done == 0 || virGetLastErrorCode() != VIR_ERR_INVALID_ARG) return done;
        return virDomainUndefineFlags(domain, flags);  // a libvirt of before 8.9 does not know that flag
    });
    return with_domain<void>(std::move(host), std::move(vm), std::move(act));
}

Hypervisor::Task<void> LibvirtHypervisor::set_autostart(HostId host, VmId vm, bool autostart) {
    auto act =
        checked(vm, [autostart](virDomainPtr domain) { return virDomainSetAutostart(domain, autostart ? 1 : 0); });
    return with_domain<void>(std::move(host), std::move(vm), std::move(act));
}

template <class T>
Hypervisor::Task<T> LibvirtHypervisor::with_worker(HostId host, std::function<Result<T>(virConnectPtr)> work,
                                                   Duration deadline) {
    HostLink* link = find(host);
    if (link == nullptr) co_return unknown(host);
    co_return co_await link->blocking_call<T>(std::move(work), deadline);
}

Hypervisor::Task<PreflightFacts> LibvirtHypervisor::fitness(HostId host, Duration deadline) {
    std::function<Result<PreflightFacts>(virConnectPtr)> work = [name = host.value](virConnectPtr connection) {
        return read_fitness(connection, name);
    };
    return with_worker<PreflightFacts>(std::move(host), std::move(work), deadline);
}

Hypervisor::Task<PreflightFacts> LibvirtHypervisor::preflight_facts(HostId host, Duration deadline) {
    std::function<Result<PreflightFacts>(virConnectPtr)> work = [name = host.value](virConnectPtr connection) {
        return read_preflight_facts(connection, name);
    };
    auto facts = co_await with_worker<PreflightFacts>(host, std::move(work), deadline);
    if (facts) {
        const HostLink* link = find(host);
        for (const std::string& path : link->options().shared_paths) facts->host.shared_paths.insert(path);
        for (const std::string& path : link->options().stretched_paths) facts->host.stretched_paths.insert(path);
    }
    co_return facts;
}

Hypervisor::Task<std::vector<CpuAnswer>> LibvirtHypervisor::compare_cpus(HostId host,
                                                                         std::vector<CpuQuestion> questions,
                                                                         Duration deadline) {
    std::function<Result<std::vector<CpuAnswer>>(virConnectPtr)> work =
        [questions = std::move(questions)](virConnectPtr connection) -> Result<std::vector<CpuAnswer>> {
        return hypervisor::compare_cpus(connection, questions);
    };
    return with_worker<std::vector<CpuAnswer>>(std::move(host), std::move(work), deadline);
}

Hypervisor::Task<std::string> LibvirtHypervisor::common_cpu(HostId host, std::string virt_type,
                                                            std::vector<std::string> cpus, Duration deadline) {
    std::function<Result<std::string>(virConnectPtr)> work = [virt_type = std::move(virt_type),
                                                              cpus = std::move(cpus)](virConnectPtr connection) {
        return hypervisor::common_cpu(connection, virt_type, cpus);
    };
    return with_worker<std::string>(std::move(host), std::move(work), deadline);
}

Hypervisor::Task<PeerIdentity> LibvirtHypervisor::identity_at(std::string uri, Duration deadline) {
    if (*abandoned_probes_ >= most_abandoned_probes)
        co_return Error{ErrorCode::unavailable, uri, "too many earlier attempts still hang"};
    Lane lane(executor_, without_prompt(uri), abandoned_probes_);
    std::function<Result<PeerIdentity>(virConnectPtr)> work = [](virConnectPtr connection) {
        return read_identity(connection);
    };
    co_return co_await lane.call<PeerIdentity>(std::move(work), deadline);
}

}  // namespace ballast::hypervisor
