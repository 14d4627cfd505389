#include "policy/step_aside.h"

#include <algorithm>

#include "policy/detectors.h"
#include "policy/estimators.h"

namespace ballast::policy {

namespace {

// Candidates tried, and trials on a copy of the view, for one overloaded host: some milliseconds.
constexpr std::size_t most_candidates = 8;
constexpr int most_trials = 32;

class AsideSearch {
public:
    AsideSearch(const ClusterView& view, const TargetFinder& targets) : view_(view), targets_(targets) {}

    std::optional<StepAside> for_vm(const Vm& vm) {
        for (const HostUse* place : targets_.emptiest(vm)) {
            if (place->host->id == vm.host || !is_refused_by_load_alone(vm, *place)) continue;
            for (const Vm* aside : who_could_go(vm, *place))
                if (const auto to = targets_.best(*aside); to && works(vm, *aside, to->host))
                    return StepAside{&vm, aside, to->host};
            if (trials_ >= most_trials) break;
        }
        return std::nullopt;
    }

private:
    const Guest& guest(const Vm& vm) const { return view_.context().guest_of(vm.id); }

    bool is_refused_by_load_alone(const Vm& vm, const HostUse& place) const {
        if (any_set(remembered(view_.context(), place.host->id))) return false;
        const auto refusals = target_refusals(view_, vm, *place.host, Purpose::relief);
        return std::all_of(refusals.begin(), refusals.end(), [](const Rejection& refusal) {
            return refusal.reason == Reason::cpu || refusal.reason == Reason::memory ||
                   refusal.reason == Reason::no_benefit;
        });
    }

    // Would both limits hold with the one instead of the other?
    bool is_enough(const Vm& vm, const Vm& aside, const HostUse& place) const {
        const OverloadOptions& limits = view_.context().options.overload;
        const double cpu = place.cpu + guest(vm).demand_cores - guest(aside).demand_cores;
        const double memory = place.memory_used + static_cast<double>(guest(vm).memory_resident.count) -
                              static_cast<double>(guest(aside).memory_resident.count);
        const double total = static_cast<double>(place.host->facts.memory_total.count);
        return cpu <= limits.cpu.below * place.usable_cpus && memory <= limits.memory.below * total;
    }

    // The smallest that is enough first.
    std::vector<const Vm*> who_could_go(const Vm& vm, const HostUse& place) const {
        const Context& context = view_.context();
        std::vector<const Vm*> found;
        for (const VmId& id : place.occupants) {
            const Vm& other = context.inventory.vms.at(id);
            if (other.host != place.host->id || view_.is_moving(id) || !guest(other).demand_known) continue;
            if (is_enough(vm, other, place) && vm_refusals(context, other, Purpose::relief).empty())
                found.push_back(&other);
        }
        std::stable_sort(found.begin(), found.end(), [&](const Vm* a, const Vm* b) {
            return guest(*a).memory_resident < guest(*b).memory_resident;
        });
        return found;
    }

    bool works(const Vm& vm, const Vm& aside, const HostId& to) {
        if (++trials_ > most_trials) return false;
        ClusterView trial = view_;
        trial.apply(aside, to);
        return accepts(trial, vm, *view_.at(aside.host).host, Purpose::relief);
    }

    const ClusterView& view_;
    const TargetFinder& targets_;
    int trials_ = 0;
};

}  // namespace

std::optional<StepAside> find_step_aside(const ClusterView& view, const TargetFinder& targets,
                                         const std::vector<const Vm*>& candidates) {
    AsideSearch search(view, targets);
    for (std::size_t i = 0; i < std::min(candidates.size(), most_candidates); ++i)
        if (auto found = search.for_vm(*candidates[i])) return found;
    return std::nullopt;
}

}  // namespace ballast::policy
