#include "policy/repair.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "policy/constraints/constraint.h"
#include "policy/estimators.h"
#include "policy/experience.h"
#include "policy/make_room.h"
#include "policy/targets.h"
#include "policy/violations.h"

namespace ballast::policy {

namespace {

// VMs of one rule whose refusals are told target by target, and rules of which anything but the finding is told.
constexpr std::size_t most_detailed = 10;

// Rules broken for which a cycle looks for moves. Where more are broken somebody has to look at the rules themselves.
constexpr std::size_t most_tried = 64;

// What moving a VM costs; nothing when the move would not end by itself.
std::optional<Duration> move_cost(const Vm& vm, const Context& context) {
    const Prediction prediction = predict(vm, context);
    if (!prediction.converges) return std::nullopt;
    return cost_of(prediction);
}

// Everything that keeps the VM where it is, whoever wants it elsewhere.
std::vector<Rejection> staying(const ClusterView& view, const Vm& vm, bool hard) {
    const Context& context = view.context();
    if (view.is_moving(vm.id)) return {{vm.id, std::nullopt, Reason::already_moving, ""}};
    std::vector<Rejection> refusals = vm_refusals(context, vm, Purpose::relief);
    const auto cost = move_cost(vm, context);
    if (!demand_known(vm, context.memory))
        refusals.push_back({vm.id, std::nullopt, Reason::no_benefit, "its load was not measured yet"});
    if (!cost)
        refusals.push_back({vm.id, std::nullopt, Reason::no_benefit,
                            "it writes to its memory faster than the link carries it: the move would not end"});
    else if (!hard && *cost > context.options.repair.soft_cost)
        refusals.push_back({vm.id, std::nullopt, Reason::no_benefit,
                            "moving it costs " + to_string(*cost) + ", a preference is worth " +
                                to_string(context.options.repair.soft_cost)});
    return refusals;
}

// For a preference nobody is moved to where another one is not kept.
bool is_worth(const TargetChoice& choice, bool hard) {
    return hard || choice.broken.empty();
}

class Repairer {
public:
    Repairer(ClusterView& view, Others others) : view_(view), context_(view.context()), others_(others) {
        most_ = moves_allowed(context_.memory.audit, context_.options.repair.max_moves_per_cycle, view.in_flight());
    }

    Repair run() {
        const RepairOptions& options = context_.options.repair;
        const bool soft = options.soft && may_improve(context_.memory.audit);
        for (const Violation& violation : violations(view_, soft)) mend(violation);
        return std::move(repair_);
    }

private:
    const Vm& vm_of(const VmId& id) const { return context_.inventory.vms.at(id); }
    bool exhausted() const { return repair_.drafts.size() >= most_; }

    void mend(const Violation& violation) {
        const std::size_t before = repair_.drafts.size();
        bool mended = too_many(view_, violation) == 0;  // by the moves for another one
        if (!mended && ++tried_ <= most_tried)
            mended = violation.kind == Violation::Kind::split ? gather(violation) : send_away(violation);
        const bool limited = !mended && (exhausted() || tried_ > most_tried);
        if (!mended && !limited && repair_.drafts.empty() && others_ == Others::may_move) mended = with_room(violation);
        const std::string rest = mended ? "" : limited ? limit_text() : explain_rest(violation);
        repair_.findings.push_back({violation.host, Trigger::rule_violation,
                                    violation.text + "; " + outcome(repair_.drafts.size() - before, mended) + rest,
                                    mended});
    }

    std::string limit_text() const {
        if (!exhausted()) return " (more rules are broken than are looked at in one cycle)";
        return " (no more than " + std::to_string(most_) + (most_ == 1 ? " move" : " moves") + " in one cycle)";
    }

    static std::string outcome(std::size_t moves, bool mended) {
        if (moves == 0) return mended ? "moves planned already mend it" : "no move can mend it now";
        return std::to_string(moves) + (moves == 1 ? " move mends it" : " moves mend it") + (mended ? "" : " in part");
    }

    void add(const Vm& vm, std::vector<TargetChoice> choices, const std::string& cause) {
        repair_.drafts.push_back({vm.id, choices.front().host, Trigger::rule_violation, cause,
                                  preference(choices, choices.front()),
                                  not_chosen(view_, vm, Purpose::relief, choices)});
        view_.apply(vm, choices.front().host);
    }

    // Targets that mend it, best first.
    std::vector<TargetChoice> cures(const Vm& vm, const Violation& violation) const {
        std::vector<TargetChoice> choices = choices_for(view_, vm, Purpose::relief);
        std::erase_if(choices, [&](const TargetChoice& choice) {
            if (!is_worth(choice, violation.hard)) return true;
            if (violation.kind != Violation::Kind::crowded) return false;
            const SpreadGroup& group = context_.book.spread[violation.group];
            return place_of(*view_.at(choice.host).host, group.over) == violation.place;
        });
        return choices;
    }

    static int priority(const Vm& vm) { return vm.facts.wishes.priority; }

    struct Candidate {
        const Vm* vm;
        Duration cost;
        std::vector<TargetChoice> choices;
    };
    std::optional<Candidate> cheapest(const Violation& violation) const {
        std::optional<Candidate> best;
        for (const VmId& id : violation.vms) {
            const Vm& vm = vm_of(id);
            if (!staying(view_, vm, violation.hard).empty()) continue;
            const Duration cost = *move_cost(vm, context_);
            if (best && std::tuple(best->cost, priority(*best->vm)) <= std::tuple(cost, priority(vm))) continue;
            if (auto choices = cures(vm, violation); !choices.empty()) best = {&vm, cost, std::move(choices)};
        }
        return best;
    }

    // As many as are too many leave, the cheapest first.
    bool send_away(const Violation& violation) {
        for (std::size_t left = too_many(view_, violation); left > 0; --left) {
            if (exhausted()) return false;
            const auto candidate = cheapest(violation);
            if (!candidate) return false;
            add(*candidate->vm, candidate->choices, violation.text);
        }
        return true;
    }

    // What gathering the group on one host takes.
    struct Gathering {
        HostId host;
        std::size_t there = 0;  // members in the end
        Duration cost{};
        std::vector<const Vm*> movers;
        bool better(const Gathering& other) const {
            return std::tuple(other.there, cost, host) < std::tuple(there, other.cost, other.host);
        }
    };

    Gathering gathering_on(const HostId& host, const Violation& violation) const {
        Gathering made{host, 0, {}, {}};
        ClusterView trial = view_;
        for (const VmId& id : violation.vms) {
            const Vm& vm = vm_of(id);
            if (home_of(view_, id) == host) {
                ++made.there;
                continue;
            }
            if (!staying(view_, vm, violation.hard).empty()) continue;
            const Host& to = *trial.at(host).host;
            if (!accepts(trial, vm, to, Purpose::relief)) continue;
            if (!violation.hard && !broken_preferences(trial, vm, to).empty()) continue;
            trial.apply(vm, host);
            made.cost += *move_cost(vm, context_);
            made.movers.push_back(&vm);
            ++made.there;
        }
        return made;
    }

    // Where all can be brought together; else where more can than are together now.
    bool gather(const Violation& violation) {
        std::map<HostId, std::size_t> parts;
        for (const VmId& id : violation.vms) ++parts[home_of(view_, id)];
        std::size_t largest = 0;
        std::optional<Gathering> best;
        for (const auto& [host, count] : parts) {
            largest = std::max(largest, count);
            Gathering made = gathering_on(host, violation);
            if (!best || made.better(*best)) best = std::move(made);
        }
        if (best->there <= largest) return false;
        for (const Vm* vm : best->movers) {
            if (exhausted()) return false;
            std::vector<TargetChoice> choices = choices_for(view_, *vm, Purpose::relief);
            const auto chosen = std::find_if(choices.begin(), choices.end(),
                                             [&](const TargetChoice& choice) { return choice.host == best->host; });
            if (chosen == choices.end()) return false;
            std::rotate(choices.begin(), chosen, chosen + 1);
            add(*vm, std::move(choices), violation.text);
        }
        return best->there == violation.vms.size();
    }

    // Nobody can go directly: VMs of other hosts make room for those that are cheapest to move.
    bool with_room(const Violation& violation) {
        if (!violation.hard || violation.kind == Violation::Kind::split) return false;
        std::vector<std::pair<Duration, const Vm*>> movable;
        for (const VmId& id : violation.vms)
            if (const Vm& vm = vm_of(id); staying(view_, vm, true).empty())
                movable.emplace_back(*move_cost(vm, context_), &vm);
        if (movable.size() < violation.too_many) return false;
        std::stable_sort(movable.begin(), movable.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        std::vector<Misplaced> wanted;
        for (std::size_t i = 0; i < violation.too_many; ++i) wanted.push_back({movable[i].second, violation.text});
        auto made = make_room_for(view_, wanted, most_);
        if (!made) return false;
        view_ = std::move(made->view);
        repair_.drafts = std::move(made->drafts);
        repair_.findings.insert(repair_.findings.end(), made->findings.begin(), made->findings.end());
        return true;
    }

    // " (2 VMs stay: cooldown 1, no_target 1)", with the refusals in full.
    std::string explain_rest(const Violation& violation) {
        std::map<Reason, std::size_t> counts;
        std::size_t detailed = 0, stay = 0;
        for (const VmId& id : violation.vms) {
            const Vm& vm = vm_of(id);
            auto refused = staying(view_, vm, violation.hard);
            if (view_.is_moving(id)) continue;
            if (refused.empty() && violation.kind != Violation::Kind::split) {
                refused = refusals_everywhere(view_, vm, Purpose::relief);
                refused.insert(refused.begin(), {id, std::nullopt, Reason::no_target, summary(refused)});
            }
            if (refused.empty()) continue;
            ++stay;
            ++counts[refused.front().reason];
            if (++detailed <= most_detailed)
                repair_.rejections.insert(repair_.rejections.end(), refused.begin(), refused.end());
        }
        std::string text;
        for (const auto& [reason, count] : counts)
            text += (text.empty() ? "" : ", ") + to_string(reason) + " " + std::to_string(count);
        return stay == 0 ? "" : " (" + std::to_string(stay) + (stay == 1 ? " VM stays: " : " VMs stay: ") + text + ")";
    }

    ClusterView& view_;
    const Context& context_;
    Others others_;
    std::size_t most_ = 0, tried_ = 0;
    Repair repair_;
};

}  // namespace

Repair repair(ClusterView& view, Others others) {
    if (!view.context().options.repair.enabled) return {};
    return Repairer(view, others).run();
}

}  // namespace ballast::policy
