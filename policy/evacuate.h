// Emptying hosts in maintenance: every VM that can go gets a place, the rest is named.
#pragma once

#include <vector>

#include "policy/draft.h"

namespace ballast::policy {

struct Evacuation {
    std::vector<Draft> drafts;  // in the order of leaving: wished priority first, then big before small
    std::vector<Finding> findings;
    std::vector<Rejection> immovable;
    std::vector<Rejection> rejections;  // target by target, for those that found no place
};

/// Plans all evacuations together on top of `view`, which then contains their moves. Several packings are tried when
/// the first leaves somebody without a place; the one that places most wins.
Evacuation evacuate(ClusterView& view);

}  // namespace ballast::policy
