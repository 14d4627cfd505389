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

void open_audit(Memory& memory, const PastMove& move) {
    const auto vm = memory.vms.find(move.vm);
    const auto source = memory.hosts.find(move.from);
    if (!move.succeeded || vm == memory.vms.end() || !vm->second.last_sample) return;
    const double cores = known(vm->second.cpu_demand_cores).value_or(0);
    // What came to a host under audit is no fault of the moves away from it.
    if (const auto target = memory.audit.open.find(move.to); target != memory.audit.open.end())
        target->second.before_cores += cores;
    if (move.by_hand || source == memory.hosts.end() || !source->second.cpu_known) return;
    auto [open, is_new] = memory.audit.open.try_emplace(move.from);
    if (is_new) open->second.before_cores = source->second.cpu_demand_cores;
    open->second.expected_cores += cores;
    open->second.last_move = std::max(open->second.last_move, move.ended);
}

void close_audit(Audit& audit, const OpenAudit& open, double now_cores) {
    if (open.expected_cores < least_audited_cores) return;
    const double share = std::clamp((open.before_cores - now_cores) / open.expected_cores, -1.0, 2.0);
    audit.effect = blend(audit.effect, share, audit_weight);
    ++audit.audited;
    if (audit.effect < brake_below && audit.audited >= least_audits) audit.braked = true;
    if (audit.effect > release_above) audit.braked = false;
}

}  // namespace

void learn(Memory& memory, const Inventory& inventory) {
    std::optional<Instant> latest = memory.learned_until;
    for (const PastMove& move : inventory.past_moves) {
        if (memory.learned_until && move.ended <= *memory.learned_until) continue;
        correct_predictions(memory, move);
        open_audit(memory, move);
        latest = std::max(latest.value_or(move.ended), move.ended);
    }
    memory.learned_until = latest;
}

void audit_moves(Memory& memory, const Options& options) {
    // After two time constants 86 % of a smoothed value are from after the move.
    const Duration settling = 2 * smoothing_time(options.overload);
    std::erase_if(memory.audit.open, [&](const auto& entry) {
        const auto host = memory.hosts.find(entry.first);
        if (host == memory.hosts.end() || !host->second.cpu_known) return true;
        if (host->second.last_sample < entry.second.last_move + settling) return false;
        close_audit(memory.audit, entry.second, host->second.cpu_demand_cores);
        return true;
    });
}

std::string brake_text(const Memory& memory) {
    const Audit& audit = memory.audit;
    if (!audit.braked) return "";
    return "moves have brought only " + percent(std::max(0.0, audit.effect)) +
           " of the relief they promised lately: one at a time, for overload only, until they bring " +
           percent(release_above);
}

}  // namespace ballast::policy
