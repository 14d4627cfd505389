#include "policy/make_room.h"

#include <algorithm>
#include <map>

#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/room_question.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

using solver::Step;

// What is asked of the solver, and in whose name.
struct Question : RoomQuestion {
    Trigger trigger = Trigger::maintenance;
    std::map<VmId, std::string> causes;  // of those that have to go though their host need not be left
};

Question of_leaving(const ClusterView& view) {
    Question question{room_question(view, Purpose::evacuation), Trigger::degraded, {}};
    Dense& dense = question.dense;
    const HealthVerdicts& health = view.context().health;
    for (solver::HostIndex i = 0; i < dense.hosts.size(); ++i) {
        if (!health.leaves(*dense.hosts[i])) continue;
        question.emptied.push_back(i);
        if (health.action(*dense.hosts[i]) < HealthAction::evacuate) question.trigger = Trigger::maintenance;
    }
    // Nobody ordered the others to leave: for them holds what holds for relief.
    const Context& context = view.context();
    for (solver::VmIndex i = 0; i < dense.vms.size(); ++i)
        if (solver::VmSlot& slot = dense.problem.vms[i]; slot.movable && !health.leaves(*dense.hosts[slot.home]))
            slot.movable = demand_known(*dense.vms[i], context.memory) &&
                           vm_refusals(context, *dense.vms[i], Purpose::relief).empty();
    return question;
}

Question of_misplaced(const ClusterView& view, const std::vector<Misplaced>& misplaced) {
    Question question{room_question(view, Purpose::relief), Trigger::rule_violation, {}};
    for (const Misplaced& one : misplaced) question.causes.emplace(one.vm->id, one.cause);
    for (solver::VmIndex i = 0; i < question.dense.vms.size(); ++i)
        if (question.causes.contains(question.dense.vms[i]->id)) question.set_apart(i, solver::all_resources);
    return question;
}

// Load as a limit: nobody comes to a host that is overloaded or would be.
Question within_load(Question question, const Context& context) {
    Dense& dense = question.dense;
    for (solver::HostIndex i = 0; i < dense.hosts.size(); ++i) {
        solver::HostSlot& slot = dense.problem.hosts[i];
        slot.capacity[dense_cpu] = context.options.overload.cpu.below * usable_cpus(*dense.hosts[i], context.options);
        slot.receives = slot.receives && !any_set(remembered(context, dense.hosts[i]->id));
    }
    return question;
}

// What is only wished as if it were demanded.
Question with_soft_rules(Question question) {
    for (auto& group : question.dense.problem.groups) group.hard = true;
    return question;
}

// Nobody makes room: the solver alone may still find direct places that a greedy packing does not.
Question direct(Question question) {
    for (solver::VmSlot& vm : question.dense.problem.vms) vm.movable = vm.movable && question.is_emptied(vm.home);
    return question;
}

class Way {
public:
    Way(const ClusterView& view, const Question& question)
        : question_(&question), dense_(&question.dense), made_{{}, {}, view, {}, false} {
        const solver::OrderedEvacuation found = question.solve(view.context().options.limits);
        steps_ = first_moves(found.order.steps);
        made_.more_follow = steps_.size() < found.order.steps.size();
        for (const Step& step : found.order.steps)
            if (leaves(step)) made_.leaving.insert(vm(step).id);
        for (const solver::VmIndex left : found.left) made_.leaving.erase(dense_->vms[left]->id);
        complete_ = found.left.empty();
    }

    /// Whether it can be gone: what is to be done now is accepted, and nobody is displaced for nobody.
    bool take() {
        for (const Step& step : steps_) {
            const Host& to = *dense_->hosts[step.to];
            if (to.id == vm(step).host) continue;  // others have left it instead
            // Later waves need room that this view never gives away again: they are asked for when they are next.
            if (step.wave == 0 && !accepts(made_.view, vm(step), to, question_->purpose)) return false;
            if (!has_room_for_disks(step, to)) return false;
            if (!leaves(step) && arrivals(step).empty() && !left_alone(step)) return false;
            add(step, to);
        }
        return !made_.drafts.empty();
    }

    RoomMade& made() { return made_; }
    bool complete() const { return complete_; }

private:
    const Vm& vm(const Step& step) const { return *dense_->vms[step.vm]; }
    bool leaves(const Step& step) const { return question_->is_emptied(dense_->problem.vms[step.vm].home); }

    // Which no later wave frees, as old images stay.
    bool has_room_for_disks(const Step& step, const Host& to) const {
        Objections objections;
        constraints::disk_space(made_.view, vm(step), to, question_->purpose, objections);
        return objections.empty();
    }

    const HealthVerdicts& health() const { return made_.view.context().health; }

    Trigger trigger(const Step& step) const {
        const bool fails = is_left_for_health(health(), *made_.view.at(vm(step).host).host);
        return leaves(step) && question_->causes.empty() && fails ? Trigger::degraded : question_->trigger;
    }

    void add(const Step& step, const Host& to) {
        const auto broken = broken_preferences(made_.view, vm(step), to);
        const std::string why = cause(step);
        made_.drafts.push_back({vm(step).id, to.id, trigger(step), why,
                                broken.empty() ? "" : "although " + broken.front(),
                                refusals_everywhere(made_.view, vm(step), question_->purpose), step.wave});
        made_.view.apply(vm(step), to.id);
        if (leaves(step)) return;
        const auto& known = made_.findings;
        const HostId& from = vm(step).host;
        if (std::none_of(known.begin(), known.end(), [&](const Finding& finding) { return finding.host == from; }))
            made_.findings.push_back({from, question_->trigger, why, true});
    }

    // Somebody who had to go may stay, because this one goes instead.
    bool left_alone(const Step& step) const {
        return std::any_of(steps_.begin(), steps_.end(), [&](const Step& other) {
            return leaves(other) && dense_->hosts[other.to]->id == vm(other).host && vm(other).host == vm(step).host;
        });
    }

    std::vector<Step> arrivals(const Step& displaced) const {
        std::vector<Step> found;
        std::copy_if(steps_.begin(), steps_.end(), std::back_inserter(found), [&](const Step& s) {
            return s.to == displaced.from && s.wave >= displaced.wave && dense_->hosts[s.to]->id != vm(s).host;
        });
        return found;
    }

    std::string cause(const Step& step) const {
        const std::string& from = vm(step).host.value;
        if (const auto own = question_->causes.find(vm(step).id); own != question_->causes.end()) return own->second;
        if (leaves(step)) return leaving_text(health(), *made_.view.at(vm(step).host).host);
        std::set<std::string> names, emptied;
        bool direct = true;
        for (const Step& other : arrivals(step)) {
            names.insert(vm(other).facts.name);
            direct = direct && leaves(other);
            if (leaves(other)) emptied.insert(vm(other).host.value);
        }
        const std::string beginning = "makes room on " + from + " for " + listed(names);
        if (question_->trigger == Trigger::rule_violation)
            return names.empty() ? question_->causes.begin()->second : beginning + ", so that a rule can be kept";
        if (direct)
            return beginning + (names.size() == 1 ? " that leaves " : " that leave ") + listed(emptied) + " (" +
                   to_string(question_->trigger) + ")";
        for (const Host* host : dense_->hosts)
            if (health().leaves(*host)) emptied.insert(host->id.value);
        return beginning + ", so that " + listed(emptied) + " can be emptied (" + to_string(question_->trigger) + ")";
    }

    const Question* question_;
    const Dense* dense_;
    std::vector<Step> steps_;
    RoomMade made_;
    bool complete_ = false;
};

bool wishes_matter(const Context& context) {
    const auto& groups = context.book.spread;
    return std::any_of(groups.begin(), groups.end(), [](const SpreadGroup& group) { return !group.hard; });
}

}  // namespace

std::optional<RoomMade> make_room(const ClusterView& view) {
    if (!can_make_room(view)) return std::nullopt;
    const Context& context = view.context();
    const Question question = of_leaving(view);
    std::optional<RoomMade> best;
    bool complete = false;
    const auto attempt = [&](const Question& asked) {
        Way way(view, asked);
        if ((!best || way.made().leaving.size() > best->leaving.size()) && way.take()) {
            best = std::move(way.made());
            complete = way.complete();
        }
    };
    if (wishes_matter(context)) attempt(with_soft_rules(within_load(question, context)));
    // A busy host is better than one that cannot be emptied, but only then.
    if (!complete) attempt(within_load(question, context));
    if (!complete) attempt(question);
    return best;
}

std::optional<RoomMade> place_directly(const ClusterView& view) {
    if (!can_make_room(view)) return std::nullopt;
    const Question question = direct(of_leaving(view));
    Way way(view, question);
    if (!way.take()) return std::nullopt;
    return std::move(way.made());
}

std::optional<RoomMade> make_room_for(const ClusterView& view, const std::vector<Misplaced>& misplaced,
                                      std::size_t most_moves) {
    if (!can_make_room(view)) return std::nullopt;
    const Question question = of_misplaced(view, misplaced);
    Way way(view, question);
    if (!way.complete() || way.made().more_follow || !way.take() || way.made().drafts.size() > most_moves)
        return std::nullopt;
    return std::move(way.made());
}

}  // namespace ballast::policy
