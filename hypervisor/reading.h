// One look at a host or at a domain, in a lane's thread.
#pragma once

#include <string>

#include "hypervisor/handles.h"
#include "model/counters.h"
#include "model/migration.h"

namespace ballast::hypervisor {

/// Host counters and all active domains by one virConnectGetAllDomainStats. `at` is left to the caller.
Result<HostReading> read_host(virConnectPtr connection, const std::string& host);

Result<VmFacts> read_vm_facts(virDomainPtr domain);
Result<Presence> read_presence(virDomainPtr domain);
/// `flags` as for virDomainGetJobStats.
Result<MigrationProgress> read_progress(virDomainPtr domain, unsigned flags);
Result<std::string> migratable_xml(virDomainPtr domain);

}  // namespace ballast::hypervisor
