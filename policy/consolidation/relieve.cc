#include <algorithm>
#include <limits>
#include <optional>

#include "policy/consolidation/steps.h"

namespace ballast::policy::consolidation {
namespace {

/// The host with most room afterwards; one that is disturbed anyway is preferred.
std::optional<HostIndex> relief_target(const Draft& draft, VmIndex vm) {
    const auto& load = draft.load;
    const double margin = draft.options.margin();
    std::optional<HostIndex> best;
    double most = 0;
    for (HostIndex host = 0; host < load.problem().hosts.size(); ++host) {
        if (host == load.host_of(vm) || !load.in_use(host) || load.at(host).gives) continue;
        if (!load.fits(vm, host, margin * relief_margin_share)) continue;
        const double bonus = load.at(host).receives ? receiver_bonus * load.problem().hosts[host].cpu : 0;
        const double room = load.free_with(host, vm, margin) + bonus;
        if (best && room <= most) continue;
        best = host;
        most = room;
    }
    return best;
}

struct Candidate {
    VmIndex vm;
    double now, cost;
};

/// Those that may go and have somewhere to go, the least disturbing first.
std::vector<Candidate> candidates_of(const Draft& draft, HostIndex host) {
    const auto& vms = draft.load.problem().vms;
    std::vector<Candidate> candidates;
    for (const auto vm : draft.load.at(host).vms) {
        if (!vms[vm].movable || vms[vm].now <= 0 || !relief_target(draft, vm)) continue;
        candidates.push_back({vm, vms[vm].now, disturbance(draft.load, vm)});
    }
    std::ranges::stable_sort(candidates, {}, &Candidate::cost);
    return candidates;
}

/// The set of candidates that costs least among those that want `excess` or more, by branch and bound: costs add up, so
/// that a set that is as dear as the best one cannot become better.
class CheapestSet {
public:
    CheapestSet(const std::vector<Candidate>& candidates, double excess) : candidates_(candidates), excess_(excess) {
        search(0, 0, 0);
    }
    /// Empty where none is enough.
    const std::vector<VmIndex>& vms() const { return best_; }

private:
    void search(std::size_t from, double now, double cost) {
        if (now >= excess_) {
            best_ = chosen_;
            lowest_ = cost;
            return;
        }
        if (chosen_.size() == relief_moves) return;
        for (std::size_t i = from; i < candidates_.size() && tried_ < most_tried; ++i) {
            // They are in the order of their costs: none of the rest is cheaper.
            if (cost + candidates_[i].cost >= lowest_) return;
            ++tried_;
            chosen_.push_back(candidates_[i].vm);
            search(i + 1, now + candidates_[i].now, cost + candidates_[i].cost);
            chosen_.pop_back();
        }
    }

    /// Hosts of hundreds of VMs have more sets than can be tried; what is found by then is good enough.
    static constexpr int most_tried = 100'000;
    const std::vector<Candidate>& candidates_;
    double excess_, lowest_ = std::numeric_limits<double>::infinity();
    int tried_ = 0;
    std::vector<VmIndex> best_, chosen_;
};

/// Where no set is enough: those that want most.
std::vector<VmIndex> largest(std::vector<Candidate> candidates) {
    std::ranges::stable_sort(candidates, std::ranges::greater{}, &Candidate::now);
    std::vector<VmIndex> vms;
    for (const auto& candidate : candidates) {
        if (vms.size() < relief_moves) vms.push_back(candidate.vm);
    }
    return vms;
}

void relieve_host(Draft& draft, HostIndex host, double excess) {
    const auto candidates = candidates_of(draft, host);
    const CheapestSet cheapest(candidates, excess);
    for (const auto vm : cheapest.vms().empty() ? largest(candidates) : cheapest.vms()) {
        // The moves before it may have taken the room.
        if (const auto target = relief_target(draft, vm)) draft.move(vm, *target);
    }
}

}  // namespace

void relieve(Draft& draft) {
    const auto& hosts = draft.load.problem().hosts;
    for (HostIndex host = 0; host < hosts.size(); ++host) {
        const double excess = draft.load.at(host).now - hosts[host].cpu;
        if (excess > 0) relieve_host(draft, host, excess);
    }
}

}  // namespace ballast::policy::consolidation
