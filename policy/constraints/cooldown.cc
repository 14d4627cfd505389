// One ledger of past moves for everybody: what Ballast moved, what an operator moved, and what failed.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

std::string ago(Instant then, Instant now) {
    return to_string(now - then) + " ago";
}

const std::vector<PastMove>& moves_of(const Vm& vm, const Context& context) {
    static const std::vector<PastMove> none;
    if (!context.guest_of(vm.id).moved_before) return none;
    const auto found = context.past.find(vm.id);
    return found == context.past.end() ? none : found->second;
}

}  // namespace

// Not asked for evacuations: a host in maintenance, or one that fails, has to be left, however recently its VMs came.
// Nor when they come home after it: that puts things back as they were before they had to leave.
void cooldown(const Context& context, const Vm& vm, Purpose purpose, Objections& out) {
    if (empties_host(purpose) || purpose == Purpose::return_home) return;
    for (const PastMove& move : moves_of(vm, context)) {
        const CooldownOptions& limits = context.options.cooldown;
        const Duration wait = move.by_hand ? limits.by_hand : limits.vm;
        if (!move.succeeded || context.now - move.ended >= wait) continue;
        const std::string what = move.by_hand ? "moved by hand " : "moved ";
        out.push_back({Reason::cooldown, what + ago(move.ended, context.now) + " (waits " + to_string(wait) + ")"});
    }
}

// Back where it was is what a VM that oscillates does: the load there fell only because it left.
void no_return(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    const Context& context = view.context();
    const Duration wait = context.options.cooldown.no_return;
    if (purpose != Purpose::relief) return;
    for (const PastMove& move : moves_of(vm, context)) {
        if (move.from != target.id || !move.succeeded || move.by_hand || context.now - move.ended >= wait) continue;
        out.push_back(
            {Reason::cooldown, "it left there " + ago(move.ended, context.now) + " (waits " + to_string(wait) + ")"});
    }
}

// Holds for evacuations too: the same attempt at once fails the same way and keeps the slot from others.
void after_failure(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const Context& context = view.context();
    const Duration wait = context.options.cooldown.after_failure;
    for (const PastMove& move : moves_of(vm, context)) {
        if (move.to != target.id || move.succeeded || context.now - move.ended >= wait) continue;
        const std::string when = ago(move.ended, context.now);
        out.push_back(
            {Reason::cooldown, "moving it there failed or was declined " + when + " (waits " + to_string(wait) + ")"});
    }
}

}  // namespace ballast::policy::constraints
