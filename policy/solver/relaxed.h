// Packings where one resource is so scarce that hardly anything of it may stay free, while the others only mean that
// not everything goes with everything: first all VMs are placed by the scarce one alone, then VMs are exchanged between
// hosts until the other limits hold as well. Pure.
#pragma once

#include <optional>
#include <vector>

#include "policy/solver/packer.h"

namespace ballast::policy::solver {

/// The host of each VM when all of `wanted` find a place that way; nothing when none was found, or when the problem has
/// no second resource that is limited. Others than `wanted` are moved only if Effort::depth is not 0. Adds to `work`
/// what it took. Requires: as for Packer.
std::optional<std::vector<HostIndex>> place_relaxed(const Problem& problem, const std::vector<VmIndex>& wanted,
                                                    const Effort& effort, std::uint64_t& work);

}  // namespace ballast::policy::solver
