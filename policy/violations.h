// Which rules the VMs' places break now, and who could mend that by moving. Pure.
#pragma once

#include <string>
#include <vector>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// A rule or an owner's wish that is broken once all that is under way and planned has ended.
struct Violation {
    enum class Kind {
        misplaced,  // a VM is where it must not run
        crowded,    // too many of a group in one place
        split,      // members that belong together are not
    } kind = Kind::misplaced;
    bool hard = true;
    HostId host;               // where; empty: on several hosts
    std::string text;          // "rule web keeps web1 and web2 apart, both are on host1"
    std::vector<VmId> vms;     // by id: misplaced: the VM; crowded, split: the members concerned
    std::size_t too_many = 1;  // crowded: how many have to leave
    std::uint32_t group = 0;   // crowded: in RuleBook::spread; split: in RuleBook::together
    std::string place;         // crowded: see place_of()
};

/// Hard ones first, and in the order of their kinds; soft ones only where asked for. Members on hosts in maintenance
/// are the evacuation's and count for nothing here, unless they are on their way.
std::vector<Violation> violations(const ClusterView& view, bool soft_too);

/// Of `violation`, which may have been found before further moves were planned: zero where these have mended it. For
/// `crowded` how many still have to leave, else 1.
std::size_t too_many(const ClusterView& view, const Violation& violation);

/// Where the VM will be when everything under way and planned has ended.
const HostId& home_of(const ClusterView& view, const VmId& vm);

}  // namespace ballast::policy
