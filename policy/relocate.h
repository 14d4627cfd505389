// A cluster in which moves have ended already: for what is tried out and never done.
#pragma once

#include "model/inventory.h"

namespace ballast::policy {

/// Moves the VM in the inventory, and its memory from one host's measured figures to the other's. Requires: the VM
/// exists.
void relocate(Inventory& inventory, const VmId& vm, const HostId& to);

}  // namespace ballast::policy
