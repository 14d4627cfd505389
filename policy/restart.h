// Restarts after the loss of hosts: what of theirs can be started where, before anything else is planned. Pure.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "policy/policy.h"

namespace ballast::policy {

/// A cluster once the VMs of its lost hosts run elsewhere as far as they can.
struct Aftermath {
    std::vector<Restart> restarts;
    std::vector<Finding> findings;              // one of each lost host
    std::vector<Rejection> stranded;            // VMs that can run nowhere, and why
    std::vector<Rejection> rejections;          // the same target by target
    std::map<VmId, std::set<HostId>> room_off;  // Loss::room_off
    // Without the lost hosts and what can run nowhere. Those that are started elsewhere are there already: they occupy
    // it, and are left alone as if they had been moved there just now.
    Inventory inventory;
};

bool any_lost(const Inventory& inventory);

/// Requires: any_lost().
Aftermath restart(const Inventory& inventory, const Memory& memory, const Options& options, Instant now);

}  // namespace ballast::policy
