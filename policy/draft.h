// What the planners hand to the last step of plan(): which VM goes where and why, before figures and waves are known.
#pragma once

#include <string>
#include <vector>

#include "model/plan.h"
#include "policy/cluster_view.h"

namespace ballast::policy {

struct Draft {
    VmId vm;
    HostId to;
    Trigger trigger = Trigger::overload;
    std::string cause;       // beginning of the sentence: "host1 wants 93 % of its usable CPU (limit 80 % for 2 min)"
    std::string preference;  // soft rules that had a say in the choice of the target; empty when none
    std::vector<Rejection> refused_targets;
    unsigned least_wave =
        0;  // not before this wave, nor before those earlier in the list with a smaller one have ended
};

/// Which wave each draft belongs to, in the order given: first fit under the limits. Wave 0 gets only slots that are
/// free now; later waves assume that what runs now has ended. Draft::least_wave keeps a move behind those that make its
/// room, even when these have to wait for slots. Requires: no limit is zero (constraint `limits`).
std::vector<unsigned> waves_of(const std::vector<Draft>& drafts, const Context& context);

/// The moves, by wave, with predictions and effects as each builds upon the ones before it. `view`: before all of them.
std::vector<Move> finished(std::vector<Draft> drafts, ClusterView view);

}  // namespace ballast::policy
