#include "policy/relief_chain.h"

#include <algorithm>
#include <tuple>

#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/relocate.h"
#include "policy/room_question.h"

namespace ballast::policy {

namespace {

// VMs of the overloaded host that a way is looked for: each takes a search of its own.
constexpr std::size_t most_candidates = 4;

// The load of who leaves goes with it, what it occupies only when the move has ended.
constexpr solver::ResourceSet held_until_gone = [] {
    solver::ResourceSet held = solver::all_resources;
    held[dense_cpu] = false;
    return held;
}();

class ChainSearch {
public:
    ChainSearch(const ClusterView& view, const ChainQuestion& asked)
        : view_(view), context_(view.context()), asked_(asked), question_(room_question(view, Purpose::relief)) {
        take_back_within_goal();
        for (solver::VmIndex i = 0; i < question_.dense.vms.size(); ++i) {
            solver::VmSlot& slot = question_.dense.problem.vms[i];
            movable_.push_back(slot.movable);
            slot.movable = slot.movable && may_step_aside(*question_.dense.vms[i]);
        }
    }

    std::optional<std::vector<ChainStep>> run() {
        for (std::size_t i = 0; i < std::min(asked_.candidates.size(), most_candidates); ++i)
            look_at(*asked_.candidates[i]);
        return std::move(best_);
    }

private:
    using Steps = std::vector<solver::Step>;

    const Vm& vm_of(const RoomQuestion& question, const solver::Step& step) const {
        return *question.dense.vms[step.vm];
    }

    // It may take somebody as long as it then keeps its goal; never while it is short of memory.
    void take_back_within_goal() {
        const std::size_t at = view_.hosts().index_of(asked_.host);
        solver::HostSlot& slot = question_.dense.problem.hosts[at];
        const Host& host = *question_.dense.hosts[at];
        const HostMemory& detectors = remembered(context_, asked_.host);
        slot.capacity[dense_cpu] = std::min(slot.capacity[dense_cpu], asked_.goal.cpu_cores);
        slot.capacity[dense_memory] = std::min(slot.capacity[dense_memory], asked_.goal.memory_bytes);
        slot.receives =
            host.accepts_vms && !detectors.memory.set && !detectors.memory_pressure.set && !detectors.swap.set;
    }

    // Others of the overloaded host could only leave for what is too full for them already.
    bool may_step_aside(const Vm& vm) const {
        if (vm.host == asked_.host) return false;
        const VmMemory* memory = context_.guests.at(vm.id).memory;
        return memory != nullptr && predict(vm, *memory, context_.options.migration).converges;
    }

    std::optional<solver::VmIndex> index_of(const Vm& vm) const {
        const auto& vms = question_.dense.vms;
        const auto at = std::find(vms.begin(), vms.end(), &vm);
        return at == vms.end() ? std::nullopt : std::optional(static_cast<solver::VmIndex>(at - vms.begin()));
    }

    void look_at(const Vm& leaving) {
        const auto index = index_of(leaving);
        if (!index || !movable_[*index]) return;
        RoomQuestion question = question_;
        question.dense.problem.vms[*index].movable = true;
        question.set_apart(*index, held_until_gone);
        const solver::OrderedEvacuation found = question.solve(context_.options.limits);
        const Steps& steps = found.order.steps;
        if (!found.left.empty() || !found.order.stranded.empty() || steps.size() > asked_.most_moves) return;
        if (steps.empty() || first_moves(steps).size() < steps.size()) return;
        const auto [goal_kept, valid] = outcome(question, steps);
        double cost = 0;
        for (const solver::Step& step : steps) cost += question.dense.problem.vms[step.vm].move_cost;
        const std::tuple rank(!goal_kept, steps.size(), cost);
        if (!valid || (best_ && rank >= best_rank_) || !holds(question, steps)) return;
        best_ = told(question, steps, leaving);
        best_rank_ = rank;
    }

    // Is the host within its goal in the end? It has to be if anybody comes to it.
    std::pair<bool, bool> outcome(const RoomQuestion& question, const Steps& steps) const {
        ClusterView then = view_;
        bool somebody_comes = false;
        for (const solver::Step& step : steps) {
            const HostId& to = question.dense.hosts[step.to]->id;
            if (to == vm_of(question, step).host) return {false, false};
            somebody_comes = somebody_comes || to == asked_.host;
            then.apply(vm_of(question, step), to);
        }
        const bool kept = need_of(then, asked_.host, asked_.goal).none();
        return {kept, kept || !somebody_comes};
    }

    bool accepted(const ClusterView& now, const Vm& vm, const Host& to) const {
        if (to.id != asked_.host) return accepts(now, vm, to, Purpose::relief);
        const auto refusals = target_refusals(now, vm, to, Purpose::relief);
        return std::all_of(refusals.begin(), refusals.end(), [](const Rejection& refusal) {
            return refusal.reason == Reason::cpu || refusal.reason == Reason::no_benefit;
        });
    }

    bool wave_holds(ClusterView now, const RoomQuestion& question, const Steps& steps, unsigned wave) const {
        return std::all_of(steps.begin(), steps.end(), [&](const solver::Step& step) {
            if (step.wave != wave) return true;
            const Vm& vm = vm_of(question, step);
            const Host& to = *question.dense.hosts[step.to];
            if (!accepted(now, vm, to)) return false;
            now.apply(vm, to.id);
            return true;
        });
    }

    // Every wave, with those before it ended and with what else is planned.
    bool holds(const RoomQuestion& question, const Steps& steps) const {
        if (!wave_holds(view_, question, steps, 0)) return false;
        for (unsigned wave = 1; wave <= steps.back().wave; ++wave) {
            std::vector<ChainStep> ended;
            for (const solver::Step& step : steps)
                if (step.wave < wave)
                    ended.push_back({&vm_of(question, step), question.dense.hosts[step.to]->id, "", step.wave});
            const Afterwards then(view_, ended);
            if (!wave_holds(then.view, question, steps, wave)) return false;
        }
        return true;
    }

    std::vector<ChainStep> told(const RoomQuestion& question, const Steps& steps, const Vm& leaving) const {
        std::vector<ChainStep> chain;
        for (const solver::Step& step : steps) {
            const Vm& vm = vm_of(question, step);
            const HostId& to = question.dense.hosts[step.to]->id;
            chain.push_back({&vm, to, &vm == &leaving ? "" : cause_of(question, steps, step), step.wave});
        }
        for (ChainStep& step : chain)
            if (step.vm == &leaving) step.cause = asked_.cause + made_by(chain, step);
        return chain;
    }

    // "host2 makes room for big and sends small to host1 in return (host1 wants 93 % ...)"
    std::string cause_of(const RoomQuestion& question, const Steps& steps, const solver::Step& displaced) const {
        std::set<std::string> names;
        for (const solver::Step& step : steps)
            if (step.to == displaced.from) names.insert(vm_of(question, step).facts.name);
        const Vm& vm = vm_of(question, displaced);
        const bool returns = question.dense.hosts[displaced.to]->id == asked_.host;
        return vm.host.value + " makes room for " + listed(names) +
               (returns ? " and sends " + vm.facts.name + " to " + asked_.host.value + " in return" : "") + " (" +
               asked_.cause + ")";
    }

    static std::string made_by(const std::vector<ChainStep>& chain, const ChainStep& leaving) {
        std::set<std::string> names;
        for (const ChainStep& step : chain)
            if (step.vm->host == leaving.to) names.insert(step.vm->facts.name);
        if (names.empty()) return "";
        return " (" + listed(names) + (names.size() == 1 ? " leaves " : " leave ") + leaving.to.value +
               " first to make room)";
    }

    const ClusterView& view_;
    const Context& context_;
    const ChainQuestion& asked_;
    RoomQuestion question_;
    std::vector<bool> movable_;  // by solver::VmIndex, whatever this search does with it
    std::optional<std::vector<ChainStep>> best_;
    std::tuple<bool, std::size_t, double> best_rank_;
};

Inventory with_ended(Inventory inventory, const std::vector<ChainStep>& ended) {
    for (const ChainStep& step : ended) {
        // Before the samples that show it.
        const auto sampled =
            std::min(inventory.hosts.at(step.vm->host).sampled_at, inventory.hosts.at(step.to).sampled_at);
        inventory.past_moves.push_back(
            {step.vm->id, step.vm->host, step.to, sampled.value_or(Instant{}) - Duration{1}, true, false});
        relocate(inventory, step.vm->id, step.to, memory_resident(*step.vm));
    }
    return inventory;
}

}  // namespace

Afterwards::Afterwards(const ClusterView& planned, const std::vector<ChainStep>& ended)
    : inventory_(with_ended(planned.context().inventory, ended)),
      context_(make_context(inventory_, planned.context().memory, planned.context().options, planned.context().now)),
      view(context_) {
    for (const auto& [id, vm] : inventory_.vms)
        if (const HostId* to = planned.target_of(id)) view.apply(vm, *to);
}

std::optional<std::vector<ChainStep>> find_chain(const ClusterView& view, const ChainQuestion& question) {
    if (question.most_moves < 2 || question.candidates.empty()) return std::nullopt;
    return ChainSearch(view, question).run();
}

}  // namespace ballast::policy
