// Packings with hardly anything of one resource to spare: all VMs are put somewhere, however full that gets, and then
// hosts are brought to exactly what they can hold, one after the other, by exchanging up to two VMs for up to two of
// another host. Of two hosts with some dozens of VMs there are millions of such exchanges, so that nearly every
// difference can be met. Pure.
#pragma once

#include <optional>
#include <vector>

#include "policy/solver/packer.h"

namespace ballast::policy::solver {

/// The host of each VM when all of `left` find a place that way, beginning with `places`, where all others have one;
/// nothing when none was found. Others than `wanted` are moved only if Effort::depth is not 0. Adds to `work` what it
/// took. Requires: as for Packer.
std::optional<std::vector<HostIndex>> fill_exactly(const Problem& problem, const std::vector<HostIndex>& places,
                                                   const std::vector<VmIndex>& left, const std::vector<VmIndex>& wanted,
                                                   const Effort& effort, std::uint64_t& work);

}  // namespace ballast::policy::solver
