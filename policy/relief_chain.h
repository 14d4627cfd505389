// Relief where neither a direct move nor one VM stepping aside is left: several VMs of other hosts make room for one of
// the overloaded host, and one of them may take its place there. Found by the solver that makes room for maintenance;
// the constraints are asked about every wave as it will be when those before it have ended. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/need.h"

namespace ballast::policy {

struct ChainStep {
    const Vm* vm;
    HostId to;
    std::string cause;  // beginning of the sentence, see Draft
    unsigned wave;      // those of one wave may run together, once all of the waves before have ended
};

/// The cluster once the steps have ended, with what else is planned. Requires: nothing is under way in `planned`, which
/// knows nothing of the steps; its inventory and memory outlive this.
class Afterwards {
    Inventory inventory_;
    Context context_;

public:
    Afterwards(const ClusterView& planned, const std::vector<ChainStep>& ended);
    Afterwards(const Afterwards&) = delete;
    Afterwards& operator=(const Afterwards&) = delete;

    ClusterView view;
};

/// What is asked: one VM of `host` is to leave it.
struct ChainQuestion {
    const HostId& host;
    const Goal& goal;
    const std::string& cause;                  // why it is overloaded
    const std::vector<const Vm*>& candidates;  // its VMs that may leave, the most wanted first
    std::size_t most_moves;
};

/// The steps that end the overload if any do, of those the fewest, then the cheapest; by wave. No host but the
/// overloaded one is above what relief leaves at any step, and that one takes somebody only for CPU's sake: then it is
/// busier for a moment, and within its goal in the end.
/// Requires: can_make_room(view).
std::optional<std::vector<ChainStep>> find_chain(const ClusterView& view, const ChainQuestion& question);

}  // namespace ballast::policy
