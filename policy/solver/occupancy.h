// What hosts carry while VMs are on their way: a moving VM occupies its target from the start, and its source until the
// end. So a step that this allows is safe whichever of the moves under way ends first. A value.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "policy/solver/problem.h"

namespace ballast::policy::solver {

/// Why a move cannot be started.
struct Obstacle {
    enum class Kind {
        capacity,       // the target has no room: `index` is the resource
        group,          // too many of a hard group there: `index` is the group
        not_movable,    // VmSlot::movable
        not_receiving,  // HostSlot::receives
        not_allowed,    // Problem::may_run
    };
    Kind kind = Kind::capacity;
    std::size_t index = 0;
};

/// A set of resources.
using ResourceSet = std::array<bool, max_resources>;
inline constexpr ResourceSet all_resources = {true, true, true, true, true, true, true, true};

class Occupancy {
public:
    /// Every VM at home. Resources not in `held_on_both` leave the source when the move starts: one that may run over
    /// for a moment, as CPU. Requires: `problem` outlives this.
    Occupancy(const Problem& problem, const ResourceSet& held_on_both);

    /// Nothing when the move could start now. `from` may be no_host. `without` is left out of the sum on `to`, as if it
    /// had gone.
    std::optional<Obstacle> obstacle(VmIndex vm, HostIndex from, HostIndex to,
                                     const std::vector<VmIndex>& without) const;
    std::optional<Obstacle> obstacle(VmIndex vm, HostIndex from, HostIndex to) const {
        return obstacle(vm, from, to, {});
    }

    void start(VmIndex vm, HostIndex from, HostIndex to);
    void finish(VmIndex vm, HostIndex from, HostIndex to);

    const Amounts& used(HostIndex host) const { return used_[host]; }

private:
    using Counts = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // group, members

    const Counts& place(std::uint32_t group, HostIndex host) const;
    std::uint32_t members(std::uint32_t group, HostIndex host) const;
    bool same_place(std::uint32_t group, HostIndex one, HostIndex other) const;
    void count(VmIndex vm, HostIndex host, HostIndex except, int by);
    std::optional<Obstacle> group_obstacle(const VmSlot& vm, HostIndex from, HostIndex to,
                                           const std::vector<VmIndex>& without) const;

    const Problem* problem_;
    ResourceSet held_;
    std::vector<Amounts> used_;
    std::vector<Counts> on_host_, in_domain_;
};

}  // namespace ballast::policy::solver
