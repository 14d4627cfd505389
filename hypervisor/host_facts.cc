#include "hypervisor/host_facts.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>
#include <vector>

namespace ballast::hypervisor {

namespace {

// Pool types whose folder is the same from every host [libvirt storage drivers]. Not those of block devices: their
// target is /dev/mapper or /dev/disk/by-path, where local disks lie as well.
const std::set<std::string> shared_pool_types = {"netfs", "vstorage"};

std::string version_text(unsigned long version) {
    return std::to_string(version / 1'000'000) + "." + std::to_string(version / 1'000 % 1'000) + "." +
           std::to_string(version % 1'000);
}

void read_machines(CpuSupport& support, const std::string& capabilities_xml, const std::string& arch_name) {
    pugi::xml_document document;
    document.load_buffer(capabilities_xml.data(), capabilities_xml.size());
    for (const auto& guest : document.child("capabilities").children("guest")) {
        const auto arch = guest.child("arch");
        if (arch.attribute("name").as_string() != arch_name) continue;
        for (const auto& machine : arch.children("machine")) {
            support.machines.insert(machine.text().as_string());
            if (const auto canonical = machine.attribute("canonical")) support.machines.insert(canonical.as_string());
        }
    }
}

std::string host_model_cpu(const pugi::xml_node& mode) {
    pugi::xml_document cpu;
    auto root = cpu.append_child("cpu");
    root.append_attribute("mode") = "custom";
    root.append_attribute("match") = "exact";
    root.append_copy(mode.child("model"));
    for (const auto& feature : mode.children("feature")) root.append_copy(feature);
    std::ostringstream out;
    cpu.print(out, "", pugi::format_raw);
    return out.str();
}

std::set<std::string> required_features(const pugi::xml_node& cpu) {
    std::set<std::string> features;
    for (const auto& feature : cpu.children("feature"))
        if (std::string(feature.attribute("policy").as_string("require")) == "require")
            features.insert(feature.attribute("name").as_string());
    return features;
}

// The host model with every feature it implies spelled out; without this a guest's explicit feature list
// could not be compared. Left as it is where libvirt cannot expand it.
void expand_features(virConnectPtr connection, const char* virt_type, CpuSupport& support, const std::string& domcaps) {
    const std::string cpu = host_model_cpu_from(domcaps);
    const char* models[] = {cpu.c_str()};
    const Text expanded(virConnectBaselineHypervisorCPU(connection, nullptr, nullptr, nullptr, virt_type, models, 1,
                                                        VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES));
    if (!expanded) return;
    pugi::xml_document result;
    result.load_string(expanded.get());
    support.features.merge(required_features(result.child("cpu")));
}

void read_cpus(virConnectPtr connection, HostFacts& facts, const std::string& capabilities) {
    for (const char* virt_type : {"kvm", "qemu"}) {
        const Text domcaps(virConnectGetDomainCapabilities(connection, nullptr, nullptr, nullptr, virt_type, 0));
        if (!domcaps) continue;
        CpuSupport support = cpu_support_from(domcaps.get(), capabilities);
        expand_features(connection, virt_type, support, domcaps.get());
        facts.cpu_by_virt_type[virt_type] = std::move(support);
    }
}

template <class Pointer, class Use>
void each(Pointer* list, int count, Use use) {
    for (int i = 0; i < count; ++i) use(list[i]);
    std::free(list);
}

void read_networks(virConnectPtr connection, HostFacts& facts) {
    virNetworkPtr* list = nullptr;
    const int count = virConnectListAllNetworks(connection, &list, VIR_CONNECT_LIST_NETWORKS_ACTIVE);
    each(list, count, [&](virNetworkPtr p) {
        const NetworkHandle network(p);
        facts.networks.insert(virNetworkGetName(p));
        if (const Text bridge(virNetworkGetBridgeName(p)); bridge) facts.bridges.insert(bridge.get());
    });
}

void read_pool(HostFacts& facts, virStoragePoolPtr pool) {
    const Text xml(virStoragePoolGetXMLDesc(pool, 0));
    if (!xml) return;
    pugi::xml_document document;
    document.load_string(xml.get());
    const auto root = document.child("pool");
    const std::string path = root.child("target").child("path").text().as_string();
    facts.pools[virStoragePoolGetName(pool)] = path;
    if (shared_pool_types.contains(root.attribute("type").as_string()) && !path.empty())
        facts.shared_paths.insert(path);
    // As of libvirt's last look: it is not told to look again for this, as it deactivates a pool where that fails.
    virStoragePoolInfo info{};
    if (virStoragePoolGetInfo(pool, &info) == 0) facts.pool_free[virStoragePoolGetName(pool)] = {info.available};
}

void read_pools(virConnectPtr connection, HostFacts& facts) {
    virStoragePoolPtr* list = nullptr;
    const int count = virConnectListAllStoragePools(connection, &list, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE);
    each(list, count, [&](virStoragePoolPtr p) {
        const PoolHandle pool(p);
        read_pool(facts, p);
    });
}

// Interfaces come from the node device driver, because the interface driver is often not built in.
void read_bridges(virConnectPtr connection, HostFacts& facts) {
    virNodeDevicePtr* list = nullptr;
    const int count = virConnectListAllNodeDevices(connection, &list, VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET);
    each(list, count, [&](virNodeDevicePtr p) {
        const NodeDeviceHandle device(p);
        const Text xml(virNodeDeviceGetXMLDesc(p, 0));
        if (!xml) return;
        pugi::xml_document document;
        document.load_string(xml.get());
        const std::string name = document.child("device").child("capability").child("interface").text().as_string();
        if (!name.empty() && !name.starts_with("vnet")) facts.bridges.insert(name);
    });
}

}  // namespace

Result<NodeMemory> read_memory(virConnectPtr connection) {
    int count = 0;
    if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, nullptr, &count, 0) < 0)
        return last_error("memory");
    std::vector<virNodeMemoryStats> stats(static_cast<std::size_t>(count));
    if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats.data(), &count, 0) < 0)
        return last_error("memory");
    NodeMemory memory;
    for (const auto& stat : stats) {
        const std::string_view name = stat.field;
        if (name == VIR_NODE_MEMORY_STATS_TOTAL) memory.total = kib(stat.value);
        if (name == VIR_NODE_MEMORY_STATS_FREE || name == VIR_NODE_MEMORY_STATS_BUFFERS ||
            name == VIR_NODE_MEMORY_STATS_CACHED)
            memory.available += kib(stat.value);
    }
    return memory;
}

CpuSupport cpu_support_from(const std::string& domain_capabilities_xml, const std::string& capabilities_xml) {
    CpuSupport support;
    pugi::xml_document document;
    document.load_buffer(domain_capabilities_xml.data(), domain_capabilities_xml.size());
    const auto root = document.child("domainCapabilities");
    for (const auto& mode : root.child("cpu").children("mode")) {
        const std::string name = mode.attribute("name").as_string();
        if (name == "custom")
            for (const auto& model : mode.children("model"))
                if (std::string(model.attribute("usable").as_string()) != "no")
                    support.models.insert(model.text().as_string());
        if (name == "host-model") {
            support.host_model =
                std::string(mode.child("vendor").text().as_string()) + " " + mode.child("model").text().as_string();
            support.features = required_features(mode);
        }
    }
    read_machines(support, capabilities_xml, root.child("arch").text().as_string());
    return support;
}

std::string host_model_cpu_from(const std::string& domain_capabilities_xml) {
    pugi::xml_document document;
    document.load_buffer(domain_capabilities_xml.data(), domain_capabilities_xml.size());
    const auto cpu = document.child("domainCapabilities").child("cpu");
    const auto mode = cpu.find_child_by_attribute("mode", "name", "host-model");
    return mode.child("model") ? host_model_cpu(mode) : std::string();
}

std::map<unsigned, NumaCell> cells_from(const std::string& capabilities_xml) {
    pugi::xml_document document;
    document.load_buffer(capabilities_xml.data(), capabilities_xml.size());
    const auto host = document.child("capabilities").child("host");
    // The ordinary size is the smallest of those the CPU knows; it is listed with the others.
    std::uint64_t ordinary_kib = ~0ULL;
    for (const auto& pages : host.child("cpu").children("pages"))
        ordinary_kib = std::min<std::uint64_t>(ordinary_kib, pages.attribute("size").as_ullong());
    std::map<unsigned, NumaCell> cells;
    for (const auto& node : host.child("topology").child("cells").children("cell")) {
        NumaCell& cell = cells[node.attribute("id").as_uint()];
        cell.memory = kib(node.child("memory").text().as_ullong());
        for (const auto& cpu : node.child("cpus").children("cpu")) cell.cpus.insert(cpu.attribute("id").as_uint());
        for (const auto& pages : node.children("pages"))
            if (const std::uint64_t size = pages.attribute("size").as_ullong(); size > ordinary_kib)
                cell.huge_pages[kib(size)] = pages.text().as_ullong();
    }
    return cells;
}

Result<HostFacts> read_host_facts(virConnectPtr connection, const std::string& host) {
    HostFacts facts;
    virNodeInfo node{};
    if (virNodeGetInfo(connection, &node) < 0) return last_error(host);
    facts.cpus = node.cpus;
    facts.memory_total = kib(node.memory);
    if (const auto memory = read_memory(connection)) facts.memory_total = std::min(facts.memory_total, memory->total);
    facts.arch = node.model;
    if (const Text name(virConnectGetHostname(connection)); name) facts.hostname = name.get();
    const Text capabilities(virConnectGetCapabilities(connection));
    if (!capabilities) return last_error(host);
    pugi::xml_document document;
    document.load_string(capabilities.get());
    facts.uuid = document.child("capabilities").child("host").child("uuid").text().as_string();
    facts.cells = cells_from(capabilities.get());
    unsigned long version = 0;
    if (virConnectGetLibVersion(connection, &version) == 0) facts.libvirt_version = version_text(version);
    if (virConnectGetVersion(connection, &version) == 0) facts.hypervisor_version = version_text(version);
    read_cpus(connection, facts, capabilities.get());
    read_networks(connection, facts);
    read_pools(connection, facts);
    read_bridges(connection, facts);
    virResetLastError();
    return facts;
}

}  // namespace ballast::hypervisor
