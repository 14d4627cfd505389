// What past moves teach: corrected predictions for each VM, and whether moves bring the relief they promise.
#pragma once

#include <string>

#include "policy/policy.h"

namespace ballast::policy {

/// Takes in the moves that ended since the last call: their VMs' factors, and audits of the hosts they left. Before the
/// samples of this cycle, so that a host's demand is still that of before the move.
void learn(Memory& memory, const Inventory& inventory);

/// Closes the audits of hosts whose samples were taken well after their last move, and sets or releases the brake.
void audit_moves(Memory& memory, const Options& options);

/// "moves have brought 12 % of the relief they promised, over the last 7: ..."; empty when nothing brakes.
std::string brake_text(const Memory& memory);

}  // namespace ballast::policy
