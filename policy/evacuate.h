// Emptying hosts in maintenance and hosts that fail: every VM that can go gets a place, the rest is named.
#pragma once

#include <vector>

#include "policy/draft.h"

namespace ballast::policy {

struct Evacuation {
    // In the order of leaving: those with or after VMs that make room for them, then those of failing hosts, then by
    // wished priority, then big before small.
    std::vector<Draft> drafts;
    std::vector<Finding> findings;
    std::vector<Rejection> immovable;
    std::vector<Rejection> rejections;  // target by target, for those that found no place
};

/// Whether VMs of other hosts may be moved to make room: not where VMs are to be started again, at once, after a loss,
/// and not where it is only asked for what the hosts have room now.
enum class Others { stay, may_move };

/// Whom to leave behind where not all find a place: as few as possible, or nobody for the sake of one with a lower
/// wished priority.
enum class First { most, wished_priority };

/// Plans all evacuations together on top of `view`, which then contains their moves. Several packings are tried when
/// the first leaves somebody without a place; the best by `first` wins. Where all of them do, VMs of other hosts make
/// room if that places more than direct moves do in the end (make_room.h), and if these could still place as many once
/// the first moves have ended: so whatever is decided then, no fewer leave their hosts than by direct moves alone.
Evacuation evacuate(ClusterView& view, Others others, First first = First::most);

}  // namespace ballast::policy
