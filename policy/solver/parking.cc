#include "policy/solver/parking.h"

#include <tuple>

namespace ballast::policy::solver {

namespace {

constexpr std::size_t most_candidates = 32;  // ways out that are looked at closely
constexpr std::size_t most_parked = 4;       // VMs that step aside for one

void erase(std::vector<VmIndex>& vms, VmIndex vm) {
    vms.erase(std::remove(vms.begin(), vms.end(), vm), vms.end());
}

double free_share(const Standing& state, HostIndex host, const Amounts& wanted) {
    double least = 1;
    const HostSlot& slot = state.problem().hosts[host];
    for (std::size_t k = 0; k < state.problem().resources.size(); ++k)
        if (slot.capacity[k] > 0 && slot.capacity[k] < unlimited)
            least = std::min(least, 1 - (state.occupancy().used(host)[k] + wanted[k]) / slot.capacity[k]);
    return least;
}

class Search {
public:
    Search(const Standing& state, const std::vector<unsigned>& parkings, unsigned parkings_per_vm, bool come_home)
        : state_(state), parkings_(parkings), most_(parkings_per_vm), come_home_(come_home), wanted_(hosts()) {
        for (Amounts& amounts : wanted_) amounts = {};
        for (const VmIndex vm : state.pending())
            for (std::size_t k = 0; k < max_resources; ++k)
                wanted_[state.target(vm)][k] += state.problem().vms[vm].demand[k];
    }

    std::optional<Aside> run() {
        for (const VmIndex vm : state_.pending()) {
            if (looked_at_ >= most_candidates) break;
            const HostIndex host = state_.target(vm);
            if (!state_.problem().hosts[host].receives) continue;
            for (const VmIndex blocker : blockers(host, vm))
                if (frees(vm, {blocker})) look_at(vm, {blocker});
            if (const std::vector<VmIndex> several = enough(vm, blockers(host, vm)); several.size() > 1)
                look_at(vm, several);
        }
        return std::move(best_);
    }

private:
    std::size_t hosts() const { return state_.problem().hosts.size(); }

    // Those that have to leave anyway first; the small ones first among them.
    std::vector<VmIndex> blockers(HostIndex host, VmIndex but) const {
        std::vector<VmIndex> found;
        for (const VmIndex vm : state_.vms_on(host))
            if (vm != but && state_.problem().vms[vm].movable && parkings_[vm] < most_) found.push_back(vm);
        const auto key = [&](VmIndex vm) { return std::tuple(state_.target(vm) == host, state_.size(vm), vm); };
        std::sort(found.begin(), found.end(), [&](VmIndex a, VmIndex b) { return key(a) < key(b); });
        return found;
    }

    bool frees(VmIndex vm, const std::vector<VmIndex>& gone) const {
        return !state_.occupancy().obstacle(vm, state_.at(vm), state_.target(vm), gone);
    }

    // The largest ones first, since each parked VM is a migration more.
    std::vector<VmIndex> enough(VmIndex vm, std::vector<VmIndex> from) const {
        std::stable_sort(from.begin(), from.end(),
                         [&](VmIndex a, VmIndex b) { return state_.size(a) > state_.size(b); });
        std::vector<VmIndex> gone;
        for (const VmIndex blocker : from) {
            gone.push_back(blocker);
            if (frees(vm, gone)) return gone;
            if (gone.size() == most_parked) break;
        }
        return {};
    }

    // Where a VM does least harm: most room left after all that wants to come there.
    HostIndex parking_place(const Standing& state, VmIndex vm) const {
        HostIndex best = no_host;
        double best_share = 0;
        for (HostIndex host = 0; host < hosts(); ++host) {
            if (host == state.at(vm) || state.obstacle(vm, host)) continue;
            const double share = free_share(state, host, wanted_[host]);
            if (best != no_host && share <= best_share) continue;
            best = host;
            best_share = share;
        }
        return best;
    }

    void look_at(VmIndex vm, const std::vector<VmIndex>& gone) {
        if (++looked_at_ > most_candidates) return;
        Standing after = state_;
        Aside aside{vm, {}};
        double moved = 0;
        for (const VmIndex parked : gone) {
            const HostIndex place = parking_place(after, parked);
            if (place == no_host) return;
            after.pass(parked, place);
            aside.moves.emplace_back(parked, place);
            moved += state_.size(parked) * (state_.target(parked) == state_.at(parked) ? 2 : 1);
        }
        if (after.obstacle(vm, after.target(vm))) return;  // somebody was parked where it is in the way
        after.pass(vm, after.target(vm));
        settle(after);
        const bool astray =
            std::any_of(gone.begin(), gone.end(), [&](VmIndex p) { return after.at(p) != after.target(p); });
        if (come_home_ && astray) return;
        const std::tuple worth(after.pending().size(), gone.size(), moved);
        if (best_ && worth >= best_worth_) return;
        best_ = std::move(aside);
        best_worth_ = worth;
    }

    // What can be reached from there without a further parking.
    static void settle(Standing& state) {
        for (bool any = true; any;) {
            any = false;
            const std::vector<VmIndex> pending = state.pending();
            for (const VmIndex vm : pending) {
                if (state.obstacle(vm, state.target(vm))) continue;
                state.pass(vm, state.target(vm));
                any = true;
            }
        }
    }

    const Standing& state_;
    const std::vector<unsigned>& parkings_;
    unsigned most_;
    bool come_home_;
    std::vector<Amounts> wanted_;  // of each host, by what is still to come
    std::size_t looked_at_ = 0;
    std::optional<Aside> best_;
    std::tuple<std::size_t, std::size_t, double> best_worth_;
};

}  // namespace

Standing::Standing(const Problem& problem, const std::vector<HostIndex>& target, const ResourceSet& held_on_both)
    : problem_(&problem), target_(&target), occupancy_(problem, held_on_both), vms_on_(problem.hosts.size()) {
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        const HostIndex home = problem.vms[vm].home;
        at_.push_back(home);
        if (home != no_host) vms_on_[home].push_back(vm);
        if (target[vm] != home && target[vm] != no_host) pending_.push_back(vm);
    }
    for (std::size_t k = 0; k < problem.resources.size(); ++k)
        for (const HostSlot& host : problem.hosts)
            if (host.capacity[k] < unlimited)
                mean_capacity_[k] += host.capacity[k] / static_cast<double>(problem.hosts.size());
}

double Standing::size(VmIndex vm) const {
    double sum = 0;
    for (std::size_t k = 0; k < problem_->resources.size(); ++k)
        if (mean_capacity_[k] > 0) sum += problem_->vms[vm].demand[k] / mean_capacity_[k];
    return sum;
}

void Standing::start(VmIndex vm, HostIndex to) {
    occupancy_.start(vm, at_[vm], to);
    if (at_[vm] != no_host) erase(vms_on_[at_[vm]], vm);
    erase(pending_, vm);
}

void Standing::finish(VmIndex vm, HostIndex to) {
    occupancy_.finish(vm, at_[vm], to);
    at_[vm] = to;
    vms_on_[to].push_back(vm);
    if (to != (*target_)[vm]) pending_.push_back(vm);
}

std::optional<Aside> find_parking(const Standing& state, const std::vector<unsigned>& parkings,
                                  unsigned parkings_per_vm, bool come_home) {
    return Search(state, parkings, parkings_per_vm, come_home).run();
}

}  // namespace ballast::policy::solver
