// One ledger of past moves for everybody: what Ballast moved, what an operator moved, and what failed.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {
std::string ago(Instant then, Instant now) {
    return to_string(now - then) + " ago";
}
}  // namespace

// Not asked for evacuations: a host in maintenance has to be left, however recently its VMs came.
void cooldown(const ClusterView& view, const Vm& vm, Purpose purpose, Objections& out) {
    if (purpose == Purpose::evacuation) return;
    const Context& context = view.context();
    const CooldownOptions& limits = context.options.cooldown;
    for (const PastMove& move : context.inventory.past_moves) {
        const Duration wait = move.by_hand ? limits.by_hand : limits.vm;
        if (move.vm != vm.id || !move.succeeded || context.now - move.ended >= wait) continue;
        out.push_back({Reason::cooldown, std::string(move.by_hand ? "moved by hand " : "moved ") +
                                             ago(move.ended, context.now) + " (waits " + to_string(wait) + ")"});
    }
}

// Holds for evacuations too: the same attempt at once fails the same way and keeps the slot from others.
void after_failure(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const Context& context = view.context();
    const Duration wait = context.options.cooldown.after_failure;
    for (const PastMove& move : context.inventory.past_moves)
        if (move.vm == vm.id && move.to == target.id && !move.succeeded && context.now - move.ended < wait)
            out.push_back({Reason::cooldown, "moving it there failed " + ago(move.ended, context.now) + " (waits " +
                                                 to_string(wait) + ")"});
}

}  // namespace ballast::policy::constraints
