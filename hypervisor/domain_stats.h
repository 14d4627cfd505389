// From libvirt's typed parameters to counters and progress. Pure; any thread.
#pragma once

#include <libvirt/libvirt.h>

#include "model/counters.h"
#include "model/migration.h"

namespace ballast::hypervisor {

/// One record of virConnectGetAllDomainStats. Absent parameters stay absent.
VmCounters counters_from(const virTypedParameter* parameters, int count);

/// What virDomainGetJobStats returned. `type` is a virDomainJobType.
MigrationProgress progress_from(int type, const virTypedParameter* parameters, int count);

VmState vm_state_from(int libvirt_state);

}  // namespace ballast::hypervisor
