// One look at a host or at a domain, in a lane's thread.
#pragma once

#include <set>
#include <string>

#include "hypervisor/handles.h"
#include "model/counters.h"
#include "model/host.h"
#include "model/migration.h"

namespace ballast::hypervisor {

/// What to ask a host for besides: sizes of huge pages that it has, and how many NUMA cells.
struct PagePools {
    std::set<Bytes> sizes;
    unsigned cells = 0;
};
PagePools page_pools(const HostFacts& facts);

struct HostLook {
    HostReading reading;
    std::set<VmId> autostart;  // active domains that the host starts by itself when it boots
};
/// Host counters and all active domains by one virConnectGetAllDomainStats, and one virConnectListAllDomains. `at` is
/// left to the caller.
Result<HostLook> read_host(virConnectPtr connection, const std::string& host, const PagePools& pools);

Result<VmFacts> read_vm_facts(virDomainPtr domain);
Result<Presence> read_presence(virDomainPtr domain);
/// `flags` as for virDomainGetJobStats.
Result<MigrationProgress> read_progress(virDomainPtr domain, unsigned flags);
Result<std::string> migratable_xml(virDomainPtr domain);

}  // namespace ballast::hypervisor
