// The migration call itself, the start of a VM, and the target's last check before either, in a lane's thread.
#pragma once

#include <string>

#include "hypervisor/handles.h"
#include "model/migration.h"

namespace ballast::hypervisor {

/// Asked of the target: is there room, is the name and UUID free, can it run this CPU, are its networks and
/// pools there? `at_home`: the VM ran there last, so that a state saved there is its own. Error refused with the reason
/// for people.
Result<void> check_target(virConnectPtr target, const MigrationRequest& request, const std::string& domain_xml,
                          bool at_home = false);

/// Checks like check_target(), defines the VM where it is persistent, and starts it. Blocks as long as QEMU's start
/// takes.
Result<void> start_domain(virConnectPtr target, const StartRequest& request);

/// Blocks until libvirt returns. The migration is peer-to-peer: it goes on even when this process dies.
Result<void> migrate_peer_to_peer(virConnectPtr source, const MigrationRequest& request, const std::string& peer_uri);

/// The flags for a request [safety.md, Migration policy]: never UNSAFE, never TUNNELLED.
unsigned migration_flags(const MigrationRequest& request);

}  // namespace ballast::hypervisor
