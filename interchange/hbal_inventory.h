// hbal's clusters as inventories, for `ballastctl import hbal`. Pure.
#pragma once

#include "interchange/hbal.h"
#include "model/inventory.h"

namespace ballast::interchange {

/// Nodes are hosts and instances VMs, called by their names. An offline node is a host that is down. An instance whose
/// disks are not shared has a blocker, one that its owner does not want balanced a wish; node groups become `only_on`,
/// shared exclusion tags `keep_apart`. `utilisation_in_cores`: the CPU figure of -U is the use in cores, else no use is
/// known: hbal itself takes any unit, and 1 for whoever is not listed.
Inventory to_inventory(const HbalCluster& cluster, bool utilisation_in_cores);

}  // namespace ballast::interchange
