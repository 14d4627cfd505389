#include "policy/consolidate.h"

#include <algorithm>
#include <optional>

#include "policy/consolidation/consolidate.h"
#include "policy/consolidation_problem.h"
#include "policy/constraints/constraint.h"
#include "policy/estimators.h"
#include "policy/experience.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

using consolidation::HostIndex;
using consolidation::VmIndex;

// Times that the policy is asked again without what the constraints refused.
constexpr int most_tries = 12;

/// One try: the moves nothing refuses, on a view that has them.
struct Tried {
    ClusterView view;
    std::vector<Draft> drafts;
    std::vector<std::size_t> emptied;  // positions of hosts
    bool refused = false;              // something the policy wanted
};

class Planner {
public:
    Planner(const ClusterView& view, const Fleet& fleet)
        : before_(view),
          context_(view.context()),
          fleet_(fleet),
          work_(view, fleet),
          one_only_(context_.memory.audit.brake != Audit::Brake::released) {
        options_.aggressiveness = context_.options.consolidation.aggressiveness;
        options_.cooldown_s = 0;  // vm_refusals() knows the cooldown
    }

    Consolidation run(ClusterView& view) {
        const Foresights& ahead = fleet_.ahead();
        const auto soon = decide(ahead.until_back);
        if (opens(soon)) return open(soon, view);
        const auto later = ahead.until_paid ? decide(ahead.until_paid) : soon;
        if (opens(later)) return {};  // too full before it would have paid to empty one
        Tried best = best_of_tries(later);
        options_.rotation_cost = context_.options.consolidation.rotation_cost;
        const auto in_turns = consolidation::consolidate(work_.problem(), options_);
        if (in_turns != later) take_turns(in_turns, best);
        view = best.view;
        return told(std::move(best));
    }

private:
    consolidation::Decision decide(const std::optional<Foresight>& foreseen) {
        work_.expect(foreseen);
        return consolidation::consolidate(work_.problem(), options_);
    }

    // Taking turns must not cost much: no host fewer is emptied, and no more than one VM a host is moved beyond what
    // the cheapest way moves.
    void take_turns(const consolidation::Decision& in_turns, Tried& best) {
        Tried turns = best_of_tries(in_turns);
        const std::size_t most_moves = best.drafts.size() + consolidation::rotation_moves * best.emptied.size();
        if (turns.emptied.size() < best.emptied.size() || turns.drafts.size() > most_moves) return;
        for (Draft& draft : turns.drafts) {
            const HostId& host = context_.inventory.vms.at(draft.vm).host;
            const bool anyway = std::any_of(best.emptied.begin(), best.emptied.end(), [&](std::size_t index) {
                return work_.host(static_cast<HostIndex>(index)).id == host;
            });
            if (!anyway) draft.cause += "; it is its turn to be off";
        }
        best = std::move(turns);
    }

    Tried best_of_tries(const consolidation::Decision& first) {
        Tried best = emptying(first);
        bool again = best.refused;
        for (int tries = 1; again && tries < most_tries; ++tries) {
            Tried tried = emptying(consolidation::consolidate(work_.problem(), options_));
            again = tried.refused;
            if (tried.emptied.size() > best.emptied.size()) best = std::move(tried);
        }
        return best;
    }

    bool is_opened(HostIndex host, const consolidation::Decision& decision) const {
        return !work_.problem().hosts[host].on && decision.on[host];
    }
    bool opens(const consolidation::Decision& decision) const {
        return std::any_of(decision.moves.begin(), decision.moves.end(),
                           [&](const auto& move) { return is_opened(move.to, decision); });
    }

    // A host that is off is switched on first; its VMs come when it is there.
    Consolidation open(const consolidation::Decision& decision, ClusterView& view) {
        Consolidation found;
        const std::string cause = "the hosts that hold VMs keep less than " +
                                  fixed(options_.margin() * consolidation::opening_margin_share, 1) +
                                  " standard deviations of their demand free on average";
        for (const auto& move : decision.moves) {
            if (!is_opened(move.to, decision)) continue;
            const Host& host = work_.host(move.to);
            if (host.power != PowerState::on) {
                if (fleet_.any_coming()) return found;  // it may be enough: to be seen once it is there
                found.power.push_back({host.id, true, 0, cause});
                return found;
            }
            const Vm& vm = work_.vm(move.vm);
            if (!accepts(view, vm, host, Purpose::relief)) continue;
            found.drafts.push_back(draft_of(view, vm, host.id, cause + ", " + host.id.value + " is opened"));
            view.apply(vm, host.id);
        }
        return found;
    }

    std::vector<consolidation::Move> moves_from(HostIndex host, const consolidation::Decision& decision) const {
        std::vector<consolidation::Move> moves;
        for (const auto& move : decision.moves)
            if (work_.problem().vms[move.vm].home == host) moves.push_back(move);
        return moves;
    }

    Tried emptying(const consolidation::Decision& decision) {
        Tried tried{before_, {}, {}, false};
        for (const HostIndex host : in_order(decision)) {
            ClusterView view = tried.view;
            std::vector<Draft> drafts;
            if (!empty(host, moves_from(host, decision), view, drafts)) {
                tried.refused = true;
                continue;
            }
            tried.view = std::move(view);
            tried.drafts.insert(tried.drafts.end(), drafts.begin(), drafts.end());
            tried.emptied.push_back(host);
            if (one_only_) break;
        }
        return tried;
    }

    // Hosts that are to be emptied, in the policy's order.
    std::vector<HostIndex> in_order(const consolidation::Decision& decision) const {
        std::vector<HostIndex> hosts;
        for (const auto& move : decision.moves) {
            const HostIndex home = work_.problem().vms[move.vm].home;
            const bool known = std::find(hosts.begin(), hosts.end(), home) != hosts.end();
            if (!decision.on[home] && work_.problem().hosts[home].on && !known) hosts.push_back(home);
        }
        return hosts;
    }

    // All of its VMs or none; what is refused is learnt.
    bool empty(HostIndex host, const std::vector<consolidation::Move>& moves, ClusterView& view,
               std::vector<Draft>& drafts) {
        const std::string cause = cause_of(host, moves);
        for (const auto& move : moves) {
            const Vm& vm = work_.vm(move.vm);
            const Host& to = work_.host(move.to);
            if (!accepts(view, vm, to, Purpose::relief)) {
                work_.learned.refused.insert({move.vm, move.to});
                return false;
            }
            drafts.push_back(draft_of(view, vm, to.id, cause));
            view.apply(vm, to.id);
        }
        HostFlags emptied = fleet_.none();
        emptied[host] = true;
        if (Fleet(view).keeps_largest_piece(emptied)) return true;
        work_.learned.kept.insert(host);
        return false;
    }

    Draft draft_of(const ClusterView& view, const Vm& vm, const HostId& to, const std::string& cause) const {
        return {vm.id, to, Trigger::consolidation, cause, {}, refusals_everywhere(view, vm, Purpose::relief)};
    }

    std::string cause_of(HostIndex host, const std::vector<consolidation::Move>& moves) const {
        std::vector<std::string> targets;
        for (const auto& move : moves) {
            const std::string& name = work_.host(move.to).id.value;
            if (std::find(targets.begin(), targets.end(), name) == targets.end()) targets.push_back(name);
        }
        std::string text = work_.host(host).id.value + " can be empty: its " + std::to_string(moves.size()) +
                           (moves.size() == 1 ? " VM fits on " : " VMs fit on ");
        for (std::size_t i = 0; i < targets.size(); ++i)
            text += (i == 0 ? "" : i + 1 == targets.size() ? " and " : ", ") + targets[i];
        text += " with " + fixed(options_.margin(), 1) + " standard deviations of their demand free";
        const std::string window = window_text(context_.inventory, context_.options);
        return window.empty() ? text : text + "; " + window;
    }

    Consolidation told(Tried tried) const {
        Consolidation found;
        const unsigned spares = context_.options.consolidation.spare_hosts;
        std::size_t empty = fleet_.hosts_empty();
        for (const std::size_t index : tried.emptied) {
            const Host& host = work_.host(static_cast<HostIndex>(index));
            const auto draft = std::find_if(tried.drafts.begin(), tried.drafts.end(), [&](const Draft& one) {
                return context_.inventory.vms.at(one.vm).host == host.id;
            });
            found.findings.push_back({host.id, Trigger::consolidation, draft->cause, true});
            if (++empty > spares && host.power_managed) found.power.push_back({host.id, false, 0, draft->cause});
        }
        found.drafts = std::move(tried.drafts);
        return found;
    }

    const ClusterView before_;
    const Context& context_;
    const Fleet& fleet_;
    ConsolidationProblem work_;
    const bool
        one_only_;  // while moves have to prove themselves: a host half emptied would prove nothing and save nothing
    consolidation::Options options_;
};

// "2 hosts stay on" and why not fewer.
std::string staying_text(const Fleet& fleet, const ConsolidationOptions& options, std::size_t off) {
    return std::to_string(fleet.hosts_on() - off) + " of " + std::to_string(fleet.members().size()) +
           " hosts stay on, " + std::to_string(fleet.hosts_empty() - off) + " of them empty (min_hosts_on " +
           std::to_string(options.min_hosts_on) + ", spare_hosts " + std::to_string(options.spare_hosts) + ")";
}

// Could it take over all VMs of the other one, and with them its place?
bool could_change_places(const ClusterView& view, const Fleet::Member& off, const Fleet::Member& on) {
    const Context& context = view.context();
    const bool may_go = on.on && on.settled && !on.never_off && on.host->power_managed;
    const double most_cpu = context.options.overload.cpu.below * off.cpus;
    if (!may_go || on.committed > off.allocatable || on.demand > most_cpu) return false;
    const VmSet& vms = view.at(on.host->id).occupants;
    if (vms.size() > context.options.consolidation.max_moves_per_cycle) return false;
    return std::all_of(vms.begin(), vms.end(), [&](const VmId& id) {
        const Vm& vm = context.inventory.vms.at(id);
        return vm_refusals(context, vm, Purpose::relief).empty() && statically_accepts(context, vm, *off.host);
    });
}

// One that was off for long comes back, so that another has its turn: one at a time, when all is quiet, and only where
// another could go. That one is emptied into it once it is there (Fleet::Member::takes_over).
void change_turns(const Fleet& fleet, const ClusterView& view, Consolidation& found) {
    const Context& context = view.context();
    const auto& most = context.options.consolidation.max_time_off;
    if (!most || fleet.any_coming()) return;
    const auto is_due = [&](const Fleet::Member& off) {
        const auto& members = fleet.members();
        return off.known && !off.failing && off.host->power_since && context.now - *off.host->power_since >= *most &&
               std::any_of(members.begin(), members.end(),
                           [&](const Fleet::Member& on) { return could_change_places(view, off, on); });
    };
    if (const auto index = fleet.to_wake(fleet.none(), is_due))
        found.power.push_back({fleet.members()[*index].host->id, true, 0,
                               "it was off for " + to_string(*most) + " (max_time_off): another takes its turn"});
}

void switch_off(const Fleet& fleet, const ConsolidationOptions& options, Consolidation& found) {
    const auto hosts = fleet.not_needed();
    const std::string staying = staying_text(fleet, options, hosts.size());
    for (const std::size_t index : hosts) {
        const Host& host = *fleet.members()[index].host;
        if (host.power_managed)
            found.power.push_back({host.id, false, 0, "no VM is on it and nothing needs it: " + staying});
        else
            found.findings.push_back(
                {host.id, Trigger::consolidation, host.id.value + " could be off: " + staying, false});
    }
}

}  // namespace

Consolidation consolidate(ClusterView& view, const Unmet& unmet, bool others_wait) {
    Consolidation found;
    const Context& context = view.context();
    const ConsolidationOptions& options = context.options.consolidation;
    if (!options.enabled) return found;
    const Fleet fleet(view, foresee(context));
    found.power = wakes(fleet, view, unmet);
    const bool quiet = others_wait && view.in_flight() == 0 && may_improve(context.memory.audit);
    if (!found.power.empty() || !quiet || !consolidation_is_open(context.inventory, context.options)) return found;
    if (static_cast<Duration::rep>(slots_watched(context.memory)) < options.watch / demand_slot) return found;
    found = Planner(ClusterView(view), fleet).run(view);
    if (found.idle()) switch_off(fleet, options, found);
    if (found.idle()) change_turns(fleet, view, found);
    return found;
}

}  // namespace ballast::policy
