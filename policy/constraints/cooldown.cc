// One ledger of past moves for everybody: what Ballast moved, what an operator moved, and what failed.
#include <optional>

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

struct Held {
    const PastMove* move;
    Duration wait;
};

/// Of the moves that hold the VM, the one that does so for the longest. `wait_of` says how long one holds; zero: not at
/// all.
template <typename WaitOf>
std::optional<Held> held_longest(const Context& context, const Vm& vm, WaitOf wait_of) {
    std::optional<Held> held;
    for (const PastMove& move : moves_of(vm, context)) {
        const Duration wait = wait_of(move);
        if (wait == Duration{} || context.now - move.ended >= wait) continue;
        if (!held || move.ended + wait > held->move->ended + held->wait) held = Held{&move, wait};
    }
    return held;
}

void refuse(Objections& out, const std::string& what, const Held& held, Instant now) {
    out.push_back({Reason::cooldown, what + ago(held.move->ended, now) + " (waits " + to_string(held.wait) + ")"});
}

}  // namespace

// Not asked for evacuations: a host in maintenance, or one that fails, has to be left, however recently its VMs came.
// Nor when they come home after it: that puts things back as they were before they had to leave.
void cooldown(const Context& context, const Vm& vm, Purpose purpose, Objections& out) {
    if (empties_host(purpose) || purpose == Purpose::return_home) return;
    const CooldownOptions& limits = context.options.cooldown;
    const auto held = held_longest(context, vm, [&](const PastMove& move) {
        if (!move.succeeded) return Duration{};
        return move.by_hand ? limits.by_hand : limits.vm;
    });
    if (held) refuse(out, held->move->by_hand ? "moved by hand " : "moved ", *held, context.now);
}

// Back where it was is what a VM that oscillates does: the load there fell only because it left.
void no_return(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    const Context& context = view.context();
    const Duration wait = context.options.cooldown.no_return;
    if (purpose != Purpose::relief) return;
    const auto held = held_longest(context, vm, [&](const PastMove& move) {
        return move.from == target.id && move.succeeded && !move.by_hand ? wait : Duration{};
    });
    if (held) refuse(out, "it left there ", *held, context.now);
}

// Holds for evacuations too: the same attempt at once fails the same way and keeps the slot from others.
void after_failure(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const Context& context = view.context();
    const Duration wait = context.options.cooldown.after_failure;
    const auto held = held_longest(
        context, vm, [&](const PastMove& move) { return move.to == target.id && !move.succeeded ? wait : Duration{}; });
    if (held) refuse(out, "moving it there failed or was declined ", *held, context.now);
}

}  // namespace ballast::policy::constraints
