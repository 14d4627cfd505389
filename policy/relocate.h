// A cluster in which moves have ended already: for what is tried out and never done.
#pragma once

#include "model/inventory.h"

namespace ballast::policy {

/// Moves the VM in the inventory: its host has measured what the VM uses as free again, the target has `taken` less.
/// Requires: the VM exists.
void relocate(Inventory& inventory, const VmId& vm, const HostId& to, Bytes taken);

}  // namespace ballast::policy
