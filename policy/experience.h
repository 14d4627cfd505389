// What past moves teach: corrected predictions for each VM, and whether moves bring the relief they promise.
#pragma once

#include <string>

#include "policy/policy.h"

namespace ballast::policy {

/// Takes in the moves that ended since the last call: their VMs' factors, and audits of the hosts they left. Before the
/// samples of this cycle, so that a host's demand is still that of before the move.
void learn(Memory& memory, const Inventory& inventory, const Options& options);

/// Closes the audits of hosts whose samples were taken well after their last move, and sets or releases the brake.
void audit_moves(Memory& memory, const Inventory& inventory, const Options& options, Instant now);

/// How many moves may be planned now for somebody's good, of `wanted` ones, with so many under way.
std::size_t moves_allowed(const Audit& audit, std::size_t wanted, std::size_t in_flight);
/// May moves be planned that nobody suffers without? While the brake is `proving` only when all earlier ones were
/// audited.
bool may_improve(const Audit& audit);
/// The most of them at a time: all that are wanted, or a few while moves have to prove themselves.
std::size_t improvements_allowed(const Audit& audit, std::size_t wanted);

/// "moves have brought only 12% of the relief they promised lately: ..."; empty when nothing brakes.
std::string brake_text(const Memory& memory);

}  // namespace ballast::policy
