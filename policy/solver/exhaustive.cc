#include "policy/solver/exhaustive.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "policy/solver/placement.h"

namespace ballast::policy::solver {

namespace {

constexpr double most_placements = 1e6;

class BranchAndBound {
public:
    BranchAndBound(const Problem& problem, const std::vector<VmIndex>& wanted, bool displace)
        : problem_(problem), placement_(problem), wanted_(wanted) {
        std::vector<std::uint8_t> is_wanted(problem.vms.size(), 0);
        for (const VmIndex vm : wanted) is_wanted[vm] = 1;
        for (HostIndex host = 0; host < problem.hosts.size(); ++host)
            if (problem.hosts[host].receives) receiving_.push_back(host);
        vms_ = wanted;
        for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
            const VmSlot& slot = problem.vms[vm];
            if (displace && !is_wanted[vm] && slot.movable && slot.home != no_host && problem.hosts[slot.home].receives)
                vms_.push_back(vm);
        }
        std::stable_sort(vms_.begin(), vms_.begin() + static_cast<std::ptrdiff_t>(wanted.size()),
                         [&](VmIndex a, VmIndex b) { return problem.vms[a].weight > problem.vms[b].weight; });
    }

    bool is_small() const {
        return std::pow(static_cast<double>(receiving_.size() + 1), static_cast<double>(vms_.size())) <=
               most_placements;
    }

    std::vector<HostIndex> run() {
        best_.resize(problem_.vms.size());
        for (VmIndex vm = 0; vm < best_.size(); ++vm) best_[vm] = problem_.vms[vm].home;
        for (const VmIndex vm : wanted_) {
            best_worth_.weight += problem_.vms[vm].weight;
            ++best_worth_.left;
        }
        for (const VmIndex vm : vms_) placement_.move(vm, no_host);
        branch(0, {});
        return best_;
    }

private:
    struct Worth {
        double weight = 0;
        std::size_t left = 0;
        double cost = 0;
        bool operator<(const Worth& other) const {
            return std::tie(weight, left, cost) < std::tie(other.weight, other.left, other.cost);
        }
    };

    void branch(std::size_t depth, const Worth& worth) {
        if (!(worth < best_worth_)) return;
        if (depth == vms_.size()) {
            best_worth_ = worth;
            for (VmIndex vm = 0; vm < best_.size(); ++vm) best_[vm] = placement_.host_of(vm);
            return;
        }
        const VmIndex vm = vms_[depth];
        const HostIndex home = problem_.vms[vm].home;
        if (depth >= wanted_.size()) try_at(depth, home, worth);
        for (const HostIndex host : receiving_) {
            if (host == home) continue;
            Worth next = worth;
            next.cost += problem_.vms[vm].move_cost;
            try_at(depth, host, next);
        }
        if (depth < wanted_.size()) leave(depth, worth);
    }

    void try_at(std::size_t depth, HostIndex host, const Worth& worth) {
        if (!placement_.fits(vms_[depth], host)) return;
        placement_.move(vms_[depth], host);
        branch(depth + 1, worth);
        placement_.move(vms_[depth], no_host);
    }

    // It stays where it is, and counts there.
    void leave(std::size_t depth, Worth worth) {
        const VmSlot& slot = problem_.vms[vms_[depth]];
        worth.weight += slot.weight;
        ++worth.left;
        placement_.move(vms_[depth], slot.home);
        const bool keeps_groups =
            slot.home == no_host || std::all_of(slot.groups.begin(), slot.groups.end(), [&](auto g) {
                return !problem_.groups[g].hard || placement_.members(g, slot.home) <= problem_.groups[g].most;
            });
        if (keeps_groups) branch(depth + 1, worth);
        placement_.move(vms_[depth], no_host);
    }

    const Problem& problem_;
    Placement placement_;
    const std::vector<VmIndex>& wanted_;
    std::vector<VmIndex> vms_;  // wanted ones first
    std::vector<HostIndex> receiving_, best_;
    Worth best_worth_;
};

}  // namespace

std::optional<std::vector<HostIndex>> place_exhaustively(const Problem& problem, const std::vector<VmIndex>& wanted,
                                                         bool displace) {
    BranchAndBound search(problem, wanted, displace);
    if (!search.is_small()) return std::nullopt;
    return search.run();
}

}  // namespace ballast::policy::solver
