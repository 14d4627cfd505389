#include "policy/experience.h"

#include <algorithm>
#include <cmath>

#include "policy/estimators.h"

namespace ballast::policy {

namespace {

// Half of what a migration showed goes into the next prediction: one odd outcome must not spoil it, three agreeing ones
// make it.
constexpr double learning = 0.5;
// Beyond these a figure tells of a fault, not of the VM.
constexpr double least_factor = 0.2;
constexpr double most_factor = 10;

// Fewer CPUs than this are within the noise of a demand.
constexpr double least_audited_cores = 0.05;
// The last three hosts weigh two thirds; no brake before four, since one burst elsewhere on a host spoils its audit.
constexpr double audit_weight = 0.3;
constexpr unsigned least_audits = 4;
// Less than a quarter of the promise is no help; above half, moves are worth their cost again.
constexpr double brake_below = 0.25;
constexpr double release_above = 0.5;
// Where moves begin to prove themselves: one that brings all it promised releases the brake, two that bring nothing set
// it again.
constexpr double proving_from = 0.35;
// As many as there have to be audits before the brake is set at all.
constexpr std::size_t proving_moves = least_audits;

// In an hour the load is another one. Where moves were in vain again it is twice that, and at most a night: so moves
// that never help cost four a night, and what made them fail for once does not cost the night.
constexpr Duration first_hold = std::chrono::hours{1};
constexpr unsigned most_doublings = 3;

// The prediction had the old factor in it already.
double corrected(double factor, double ratio) {
    if (!std::isfinite(ratio) || ratio <= 0) return factor;
    return std::clamp(factor * std::pow(ratio, learning), least_factor, most_factor);
}

void correct_predictions(Memory& memory, const PastMove& move) {
    const auto vm = memory.vms.find(move.vm);
    if (!move.experience || vm == memory.vms.end()) return;
    vm->second.duration_factor = corrected(vm->second.duration_factor, move.experience->duration);
    if (move.experience->downtime)
        vm->second.downtime_factor = corrected(vm->second.downtime_factor, *move.experience->downtime);
}

// Demand is what VMs use and what they wait for: with a host's worth of it, or with vCPUs that wait, there is more to
// be had for those that stay when others leave.
bool is_full(const HostMemory& memory, const Host& host, const OverloadOptions& options) {
    return memory.cpu_demand_cores >= host.facts.cpus || memory.ready_ratio > options.ready.below;
}

void open_audit(Memory& memory, const Inventory& inventory, const PastMove& move, const Options& options) {
    const auto vm = memory.vms.find(move.vm);
    const auto source = memory.hosts.find(move.from);
    const auto host = inventory.hosts.find(move.from);
    if (!move.succeeded || vm == memory.vms.end() || !vm->second.last_sample) return;
    const double cores = known(vm->second.cpu_demand_cores).value_or(0);
    // What came to a host under audit is no fault of the moves away from it.
    if (const auto target = memory.audit.open.find(move.to); target != memory.audit.open.end())
        target->second.before_cores += cores;
    if (move.by_hand || source == memory.hosts.end() || host == inventory.hosts.end() || !source->second.cpu_known)
        return;
    auto [open, is_new] = memory.audit.open.try_emplace(move.from);
    if (is_new) {
        open->second.before_cores = source->second.cpu_demand_cores;
        open->second.was_full = is_full(source->second, host->second, options.overload);
    }
    open->second.moved[move.vm] += cores;
    open->second.last_move = std::max(open->second.last_move, move.ended);
}

struct Relief {
    double promised = 0, brought = 0;  // CPUs
};

// By what the moved VMs themselves want now: that is what the host would have on top without their moves, however its
// own level rises with the hour. One that is not measured, or gone, tells nothing.
Relief taken_along(const Memory& memory, const Inventory& inventory, const HostId& from, const OpenAudit& open) {
    Relief relief;
    for (const auto& [id, cores] : open.moved) {
        const auto vm = inventory.vms.find(id);
        const auto seen = memory.vms.find(id);
        if (vm == inventory.vms.end() || seen == memory.vms.end() || seen->second.last_sample < open.last_move)
            continue;
        relief.promised += cores;
        if (vm->second.host != from) relief.brought += known(seen->second.cpu_demand_cores).value_or(0);
    }
    return relief;
}

// Of a host that was full the level counts: what others took at once is no relief.
Relief relief_of(const Memory& memory, const Inventory& inventory, const HostId& from, const OpenAudit& open) {
    if (!open.was_full) return taken_along(memory, inventory, from, open);
    Relief relief;
    for (const auto& [id, cores] : open.moved) relief.promised += cores;
    relief.brought = open.before_cores - memory.hosts.at(from).cpu_demand_cores;
    return relief;
}

void set_brake(Audit& audit, Instant now) {
    audit.brake = Audit::Brake::holding;
    audit.until = now + first_hold * (1 << std::min(audit.holds, most_doublings));
    ++audit.holds;
}

void close_audit(Audit& audit, const Relief& relief, Instant now) {
    if (relief.promised < least_audited_cores) return;
    const double share = std::clamp(relief.brought / relief.promised, -1.0, 2.0);
    audit.effect = blend(audit.effect, share, audit_weight);
    ++audit.audited;
    const bool is_held = audit.brake == Audit::Brake::holding;
    if (audit.effect < brake_below && audit.audited >= least_audits && !is_held) set_brake(audit, now);
    if (audit.effect <= release_above) return;
    audit.brake = Audit::Brake::released;
    audit.holds = 0;
}

void end_hold(Audit& audit, Instant now) {
    if (audit.brake != Audit::Brake::holding || now < audit.until) return;
    audit.brake = Audit::Brake::proving;
    audit.effect = std::max(audit.effect, proving_from);
}

}  // namespace

void learn(Memory& memory, const Inventory& inventory, const Options& options) {
    std::optional<Instant> latest = memory.learned_until;
    for (const PastMove& move : inventory.past_moves) {
        if (memory.learned_until && move.ended <= *memory.learned_until) continue;
        correct_predictions(memory, move);
        open_audit(memory, inventory, move, options);
        latest = std::max(latest.value_or(move.ended), move.ended);
    }
    memory.learned_until = latest;
}

void audit_moves(Memory& memory, const Inventory& inventory, const Options& options, Instant now) {
    // After two time constants 86 % of a smoothed value are from after the move.
    const Duration settling = 2 * smoothing_time(options.overload);
    end_hold(memory.audit, now);
    std::erase_if(memory.audit.open, [&](const auto& entry) {
        const auto host = memory.hosts.find(entry.first);
        if (host == memory.hosts.end() || !host->second.cpu_known) return true;
        if (host->second.last_sample < entry.second.last_move + settling) return false;
        close_audit(memory.audit, relief_of(memory, inventory, entry.first, entry.second), now);
        return true;
    });
}

std::string to_string(Audit::Brake brake) {
    switch (brake) {
        case Audit::Brake::released: return "released";
        case Audit::Brake::holding: return "holding";
        case Audit::Brake::proving: break;
    }
    return "proving";
}

std::size_t moves_allowed(const Audit& audit, std::size_t wanted, std::size_t in_flight) {
    if (audit.brake == Audit::Brake::released) return wanted;
    if (in_flight > 0) return 0;
    const bool one_only = audit.brake == Audit::Brake::holding || !audit.open.empty();
    return std::min(wanted, one_only ? 1 : proving_moves);
}

bool may_improve(const Audit& audit) {
    return audit.brake == Audit::Brake::released || (audit.brake == Audit::Brake::proving && audit.open.empty());
}

std::size_t improvements_allowed(const Audit& audit, std::size_t wanted) {
    return audit.brake == Audit::Brake::released ? wanted : std::min(wanted, proving_moves);
}

std::string brake_text(const Memory& memory) {
    const Audit& audit = memory.audit;
    if (audit.brake == Audit::Brake::released) return "";
    if (audit.brake == Audit::Brake::proving)
        return "moves have brought too little of the relief they promised: a few at a time have to prove themselves";
    return "moves have brought only " + percent(std::max(0.0, audit.effect)) +
           " of the relief they promised lately: one at a time, for overload only, for " +
           to_string(first_hold * (1 << std::min(audit.holds - 1, most_doublings))) + " or until they bring " +
           percent(release_above);
}

}  // namespace ballast::policy
