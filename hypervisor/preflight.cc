#include "hypervisor/preflight.h"

#include <algorithm>

#include "hypervisor/domain_xml.h"
#include "hypervisor/host_facts.h"
#include "hypervisor/reading.h"

namespace ballast::hypervisor {

namespace {

// Enough to find one that another host knows as well; each costs a look into the file on the host.
constexpr std::size_t most_volumes = 50;

struct FreeVolume {
    void operator()(virStorageVolPtr p) const { virStorageVolFree(p); }
};
using VolumeHandle = std::unique_ptr<virStorageVol, FreeVolume>;

/// Takes over a list as libvirt's virConnectListAll... functions return it.
template <class Handle, class Pointer>
std::vector<Handle> owned(Pointer* list, int count) {
    std::vector<Handle> handles;
    for (int i = 0; i < count; ++i) handles.emplace_back(list[i]);
    std::free(list);
    return handles;
}

std::vector<PreflightVolume> read_volumes(virStoragePoolPtr pool) {
    virStorageVolPtr* list = nullptr;
    const int count = virStoragePoolListAllVolumes(pool, &list, 0);
    std::map<std::string, VolumeHandle> by_name;
    for (VolumeHandle& volume : owned<VolumeHandle>(list, count)) {
        const std::string name = virStorageVolGetName(volume.get());
        by_name[name] = std::move(volume);
    }
    std::vector<PreflightVolume> volumes;
    for (const auto& [name, volume] : by_name) {
        if (volumes.size() >= most_volumes) break;
        // libvirt looks at the file itself to answer this: the times are those of now.
        if (const Text xml(virStorageVolGetXMLDesc(volume.get(), 0)); xml)
            volumes.push_back(volume_from_xml(xml.get()));
    }
    return volumes;
}

void read_pools(virConnectPtr connection, PreflightFacts& facts, bool with_volumes) {
    virStoragePoolPtr* list = nullptr;
    const int count = virConnectListAllStoragePools(connection, &list, 0);
    if (count < 0) facts.unread.push_back("storage pools: " + last_error("").message);
    for (const PoolHandle& handle : owned<PoolHandle>(list, count)) {
        const Text xml(virStoragePoolGetXMLDesc(handle.get(), 0));
        if (!xml) continue;
        PreflightPool pool = pool_from_xml(xml.get());
        pool.active = virStoragePoolIsActive(handle.get()) == 1;
        if (pool.active && with_volumes) pool.volumes = read_volumes(handle.get());
        facts.pools.push_back(std::move(pool));
    }
}

PreflightGuest read_guest(virDomainPtr domain) {
    PreflightGuest guest;
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virDomainGetUUIDString(domain, uuid);
    guest.id = {uuid};
    if (const auto presence = read_presence(domain)) {
        guest.paused = presence->state == Presence::State::paused;
        guest.running = presence->state == Presence::State::running || guest.paused;
        guest.moving = presence->migration_under_way;
    }
    if (auto facts = read_vm_facts(domain))
        guest.facts = std::move(*facts);
    else
        guest.facts.name = virDomainGetName(domain);
    if (const auto xml = migratable_xml(domain)) guest.cpu_xml = cpu_element(*xml);
    return guest;
}

void read_guests(virConnectPtr connection, PreflightFacts& facts) {
    virDomainPtr* list = nullptr;
    const int count = virConnectListAllDomains(connection, &list, 0);
    if (count < 0) facts.unread.push_back("guests: " + last_error("").message);
    for (const DomainHandle& domain : owned<DomainHandle>(list, count))
        facts.guests.push_back(read_guest(domain.get()));
    std::sort(facts.guests.begin(), facts.guests.end(),
              [](const auto& a, const auto& b) { return a.facts.name < b.facts.name; });
}

void read_inactive_networks(virConnectPtr connection, PreflightFacts& facts) {
    virNetworkPtr* list = nullptr;
    const int count = virConnectListAllNetworks(connection, &list, VIR_CONNECT_LIST_NETWORKS_INACTIVE);
    for (const NetworkHandle& network : owned<NetworkHandle>(list, count))
        facts.inactive_networks.insert(virNetworkGetName(network.get()));
}

// The model implies features that the XML does not list; only libvirt knows which.
std::set<std::string> physical_features(virConnectPtr connection, const std::string& cpu) {
    if (cpu.empty()) return {};
    const char* models[] = {cpu.c_str()};
    const Text expanded(virConnectBaselineCPU(connection, models, 1, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES));
    std::set<std::string> features = features_from_cpu_xml(cpu);
    if (expanded) features.merge(features_from_cpu_xml(expanded.get()));
    return features;
}

void read_cpus(virConnectPtr connection, PreflightFacts& facts) {
    if (const Text capabilities(virConnectGetCapabilities(connection)); capabilities)
        facts.cpu_features = physical_features(connection, host_cpu_from(capabilities.get()));
    for (const char* type : {"kvm", "qemu"}) {
        const Text domcaps(virConnectGetDomainCapabilities(connection, nullptr, nullptr, nullptr, type, 0));
        if (!domcaps) continue;
        if (std::string cpu = host_model_cpu_from(domcaps.get()); !cpu.empty()) facts.cpu_xmls[type] = std::move(cpu);
    }
}

}  // namespace

Result<PreflightFacts> read_fitness(virConnectPtr connection, const std::string& host) {
    auto general = read_host_facts(connection, host);
    if (!general) return general.error();
    PreflightFacts facts;
    facts.host = std::move(*general);
    if (const Text uri(virConnectGetURI(connection)); uri) facts.uri = uri.get();
    if (const auto memory = read_memory(connection)) facts.memory_available = memory->available;
    read_cpus(connection, facts);
    read_pools(connection, facts, false);
    virResetLastError();
    return facts;
}

Result<PreflightFacts> read_preflight_facts(virConnectPtr connection, const std::string& host) {
    auto facts = read_fitness(connection, host);
    if (!facts) return facts;
    facts->pools.clear();
    read_inactive_networks(connection, *facts);
    read_pools(connection, *facts, true);
    read_guests(connection, *facts);
    virResetLastError();
    return facts;
}

std::vector<CpuAnswer> compare_cpus(virConnectPtr connection, const std::vector<CpuQuestion>& questions) {
    std::vector<CpuAnswer> answers;
    for (const CpuQuestion& question : questions) {
        const int result = virConnectCompareHypervisorCPU(connection, nullptr, question.arch.c_str(), nullptr,
                                                          question.virt_type.c_str(), question.cpu_xml.c_str(), 0);
        if (result == VIR_CPU_COMPARE_IDENTICAL || result == VIR_CPU_COMPARE_SUPERSET)
            answers.push_back(CpuAnswer::runs);
        else
            answers.push_back(result == VIR_CPU_COMPARE_INCOMPATIBLE ? CpuAnswer::does_not_run : CpuAnswer::unknown);
    }
    virResetLastError();
    return answers;
}

Result<std::string> common_cpu(virConnectPtr connection, const std::string& virt_type,
                               const std::vector<std::string>& cpu_xmls) {
    std::vector<const char*> texts;
    for (const std::string& xml : cpu_xmls) texts.push_back(xml.c_str());
    const Text common(virConnectBaselineHypervisorCPU(connection, nullptr, nullptr, nullptr, virt_type.c_str(),
                                                      texts.data(), static_cast<unsigned>(texts.size()),
                                                      VIR_CONNECT_BASELINE_CPU_MIGRATABLE));
    if (!common) return last_error("common CPU");
    return std::string(common.get());
}

Result<PeerIdentity> read_identity(virConnectPtr connection) {
    PeerIdentity identity;
    const Text hostname(virConnectGetHostname(connection));
    if (!hostname) return last_error("host name");
    identity.hostname = hostname.get();
    if (const Text capabilities(virConnectGetCapabilities(connection)); capabilities)
        identity.uuid = host_uuid_from(capabilities.get());
    virResetLastError();
    return identity;
}

}  // namespace ballast::hypervisor
