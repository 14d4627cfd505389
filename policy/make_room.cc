#include "policy/make_room.h"

#include <algorithm>

#include "policy/constraints/constraint.h"
#include "policy/dense.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/solver/ordered_evacuation.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

// Of a search that some 50 ms are enough for with 64 hosts and 1,000 VMs; beyond this many VMs it would take longer
// than a cycle may, and direct places are all that is looked for.
constexpr std::size_t most_vms = 2000;
constexpr std::uint64_t packing_work_per_vm = 200;
constexpr std::uint64_t order_work_per_vm = 50;

using solver::Step;

// When a VM has left, the host has measured as free what it occupied, not what it may take at most.
Bytes set_free(const Vm& vm, const Options& options) {
    return vm.load.memory_rss ? std::min(memory_resident(vm), memory_claim(vm, options)) : Bytes{};
}

Dense problem_of(const ClusterView& view) {
    const Context& context = view.context();
    Dense dense = dense_of(view, Purpose::evacuation);
    for (solver::VmIndex i = 0; i < dense.vms.size(); ++i) {
        const Vm& vm = *dense.vms[i];
        solver::VmSlot& slot = dense.problem.vms[i];
        const double kept = slot.demand[dense_claimed] - static_cast<double>(set_free(vm, context.options).count);
        dense.problem.hosts[slot.home].base[dense_claimed] += kept;
        // Nobody ordered those to leave: for them holds what holds for relief.
        if (slot.movable && !dense.hosts[slot.home]->maintenance)
            slot.movable = demand_known(vm, context.memory) && vm_refusals(context, vm, Purpose::relief).empty();
    }
    for (const DenseResource k : {dense_cpu, dense_memory}) dense.problem.resources[k].weight = 1;
    return dense;
}

// Load as a limit: nobody comes to a host that is overloaded or would be.
solver::Problem within_load(Dense dense, const Context& context) {
    for (solver::HostIndex i = 0; i < dense.hosts.size(); ++i) {
        solver::HostSlot& slot = dense.problem.hosts[i];
        slot.capacity[dense_cpu] = context.options.overload.cpu.below * usable_cpus(*dense.hosts[i], context.options);
        slot.receives = slot.receives && !any_set(remembered(context, dense.hosts[i]->id));
    }
    return std::move(dense.problem);
}

// Nobody makes room: the solver alone may still find direct places that a greedy packing does not.
solver::Problem direct(Dense dense) {
    for (solver::VmSlot& vm : dense.problem.vms) vm.movable = vm.movable && dense.hosts[vm.home]->maintenance;
    return std::move(dense.problem);
}

solver::OrderedEvacuation solve(const Dense& dense, const solver::Problem& problem, const LimitOptions& limits) {
    std::vector<solver::HostIndex> emptied;
    for (solver::HostIndex i = 0; i < dense.hosts.size(); ++i)
        if (dense.hosts[i]->maintenance) emptied.push_back(i);
    solver::Effort effort;
    effort.work = packing_work_per_vm * dense.vms.size();
    solver::OrderOptions order;
    order.outgoing_per_host = limits.outgoing_per_host;
    order.incoming_per_host = limits.incoming_per_host;
    order.cluster = limits.cluster;
    order.work = order_work_per_vm * dense.vms.size();
    return solver::evacuate_in_order(problem, emptied, effort, order);
}

// A plan moves a VM once. Whatever comes in later waves than the second move of one may rely on that move: it is left
// to later plans as well.
std::vector<Step> first_moves(const std::vector<Step>& steps) {
    std::vector<Step> kept;
    std::set<solver::VmIndex> moved;
    std::optional<unsigned> last_wave;
    for (const Step& step : steps) {
        if (last_wave && step.wave > *last_wave) break;
        if (moved.insert(step.vm).second)
            kept.push_back(step);
        else
            last_wave = step.wave;
    }
    return kept;
}

std::string listed(const std::set<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

class Way {
public:
    Way(const ClusterView& view, const Dense& dense, const solver::OrderedEvacuation& found)
        : dense_(&dense), steps_(first_moves(found.order.steps)), made_{{}, view, {}, false} {
        made_.more_follow = steps_.size() < found.order.steps.size();
        for (const Step& step : found.order.steps)
            if (leaves(step)) made_.leaving.insert(vm(step).id);
        for (const solver::VmIndex left : found.left) made_.leaving.erase(dense.vms[left]->id);
    }

    /// Whether it can be gone: what is to be done now is accepted, and nobody is displaced for nobody.
    bool take() {
        for (const Step& step : steps_) {
            const Host& to = *dense_->hosts[step.to];
            // Later waves need room that this view never gives away again: they are asked for when they are next.
            if (step.wave == 0 && !accepts(made_.view, vm(step), to, Purpose::evacuation)) return false;
            if (!leaves(step) && arrivals(step).empty()) return false;
            made_.drafts.push_back({vm(step).id, to.id, Trigger::maintenance, cause(step), "",
                                    refusals_everywhere(made_.view, vm(step), Purpose::evacuation), step.wave});
            made_.view.apply(vm(step), to.id);
        }
        return !steps_.empty();
    }

    RoomMade& made() { return made_; }

private:
    const Vm& vm(const Step& step) const { return *dense_->vms[step.vm]; }
    bool leaves(const Step& step) const { return dense_->hosts[dense_->problem.vms[step.vm].home]->maintenance; }

    std::vector<Step> arrivals(const Step& displaced) const {
        std::vector<Step> found;
        std::copy_if(steps_.begin(), steps_.end(), std::back_inserter(found),
                     [&](const Step& s) { return s.to == displaced.from && s.wave >= displaced.wave; });
        return found;
    }

    std::string cause(const Step& step) const {
        const std::string& from = vm(step).host.value;
        if (leaves(step)) return from + " is in maintenance";
        std::set<std::string> names, emptied;
        bool direct = true;
        for (const Step& other : arrivals(step)) {
            names.insert(vm(other).facts.name);
            direct = direct && leaves(other);
            if (leaves(other)) emptied.insert(vm(other).host.value);
        }
        const std::string beginning = "makes room on " + from + " for " + listed(names);
        if (direct)
            return beginning + (names.size() == 1 ? " that leaves " : " that leave ") + listed(emptied) +
                   " (maintenance)";
        for (const Host* host : dense_->hosts)
            if (host->maintenance) emptied.insert(host->id.value);
        return beginning + ", so that " + listed(emptied) + " can be emptied (maintenance)";
    }

    const Dense* dense_;
    std::vector<Step> steps_;
    RoomMade made_;
};

bool is_asked_for(const ClusterView& view) {
    const Context& context = view.context();
    const LimitOptions& limits = context.options.limits;
    if (limits.outgoing_per_host == 0 || limits.incoming_per_host == 0 || limits.cluster == 0) return false;
    // Room that is being made already is not free before its move has ended: it must not be made twice.
    return view.in_flight() == 0 && !context.memory.audit.braked && context.inventory.vms.size() <= most_vms;
}

}  // namespace

std::optional<RoomMade> make_room(const ClusterView& view) {
    if (!is_asked_for(view)) return std::nullopt;
    const Context& context = view.context();
    const Dense dense = problem_of(view);
    std::optional<RoomMade> best;
    bool complete = false;
    const auto attempt = [&](const solver::Problem& problem) {
        const solver::OrderedEvacuation found = solve(dense, problem, context.options.limits);
        Way way(view, dense, found);
        if ((!best || way.made().leaving.size() > best->leaving.size()) && way.take()) best = std::move(way.made());
        complete = best && found.left.empty();
    };
    // A busy host is better than one that cannot be emptied, but only then.
    attempt(within_load(dense, context));
    if (!complete) attempt(dense.problem);
    // Neither way can be gone: at least nothing stands in the way of direct places.
    if (!best) attempt(direct(dense));
    return best;
}

}  // namespace ballast::policy
