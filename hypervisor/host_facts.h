// What a host is: read in a lane's thread, slow calls allowed.
#pragma once

#include <map>
#include <set>
#include <string>

#include "hypervisor/handles.h"
#include "model/host.h"

namespace ballast::hypervisor {

Result<HostFacts> read_host_facts(virConnectPtr connection, const std::string& host);

struct NodeMemory {
    Bytes total;
    Bytes available;  // free + buffers + cached
};
Result<NodeMemory> read_memory(virConnectPtr connection);

/// From virConnectGetDomainCapabilities and the host's capabilities XML. Pure.
CpuSupport cpu_support_from(const std::string& domain_capabilities_xml, const std::string& capabilities_xml);

/// NUMA cells with their CPUs and huge pages, from the host's capabilities XML. Pure.
std::map<unsigned, NumaCell> cells_from(const std::string& capabilities_xml);

/// The host model of domain capabilities as a <cpu> that baselines and comparisons take; empty when there is none.
std::string host_model_cpu_from(const std::string& domain_capabilities_xml);

}  // namespace ballast::hypervisor
