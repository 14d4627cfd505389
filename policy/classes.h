// VMs that need the same and hosts that offer the same, so that what load cannot change is asked once for a pair of
// classes and not once for each VM on each host. A value, built once per plan.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// Vectors are in the order of the inventory's maps: position 0 is the first host or VM by id.
struct Classes {
    std::vector<std::uint32_t> of_host, of_vm;
    std::uint32_t host_classes = 0, vm_classes = 0;
    /// allowed[vm class * host_classes + host class], as statically_accepts() says: 1 or 0.
    std::vector<std::uint8_t> allowed;

    bool accepts(std::uint32_t vm_class, std::uint32_t host_class) const {
        return allowed[std::size_t{vm_class} * host_classes + host_class] != 0;
    }
};

/// Takes time n log n in VMs and hosts, and one static check of each pair of classes. Classes are numbered in the order
/// of their first members.
Classes classes_of(const Context& context);

}  // namespace ballast::policy
