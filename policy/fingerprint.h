// Everything a plan depends on, as one number: equal ones make equal plans. For callers that plan again and again.
#pragma once

#include "policy/hash.h"
#include "policy/policy.h"

namespace ballast::policy {

/// Of all of the inventory and memory that plan() reads, and of `now` as far as it matters: what still cools down, how
/// long ago that is in words, and whose samples are from after a move. Facts of hosts and VMs whose facts_revision is
/// not 0 are taken to be what that number stands for.
Fingerprint fingerprint_of(const Inventory& inventory, const Memory& memory, const Options& options, Instant now);

}  // namespace ballast::policy
