// Repair of placements that break rules: VMs of which rules or owners say where they run, or with whom, are brought to
// where that is so, for as few and cheap moves as that takes. Pure.
#pragma once

#include <vector>

#include "policy/evacuate.h"

namespace ballast::policy {

struct Repair {
    std::vector<Draft> drafts;
    std::vector<Finding> findings;  // one of each rule broken: how it is mended, or why not now
    std::vector<Rejection> rejections;
};

/// Plans repairs on top of `view`, which then contains their moves. Everything that holds for relief holds for them
/// (cooldown, windows, opt-out, fresh hosts, load of the target), and no rule is broken for the sake of another.
/// Where `others` may move (only if nothing is planned in `view` yet) VMs of other hosts make room for those that find
/// no direct place.
Repair repair(ClusterView& view, Others others);

}  // namespace ballast::policy
