// What the policy wants done and why. A plan is data: it acts on nothing by itself.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/reason.h"
#include "model/units.h"

namespace ballast {

/// What asked for it. host_loss asks for restarts and never for a migration.
enum class Trigger {
    overload,
    maintenance,
    rule_violation,
    return_home,
    balance,
    consolidation,
    host_loss,
    degraded,
    manual
};
inline constexpr Trigger all_triggers[] = {Trigger::overload,    Trigger::maintenance, Trigger::rule_violation,
                                           Trigger::return_home, Trigger::balance,     Trigger::consolidation,
                                           Trigger::host_loss,   Trigger::degraded,    Trigger::manual};
std::string to_string(Trigger trigger);

/// Expected cost of a migration, from memory, dirty rate and bandwidth.
struct Prediction {
    Duration duration{};
    Duration downtime{};
    Bytes transferred;
    bool converges = true;  // false: the guest dirties memory faster than the link carries it
    Bytes disk{};           // the part of what is transferred that is disks
};

/// Demand over usable capacity of one host, before and after the move (ratio; 1.0 is full).
struct Effect {
    double source_cpu_before = 0, source_cpu_after = 0;
    double target_cpu_before = 0, target_cpu_after = 0;
    double source_memory_before = 0, source_memory_after = 0;
    double target_memory_before = 0, target_memory_after = 0;
};

struct Move {
    VmId vm;
    HostId from;
    HostId to;
    Trigger trigger = Trigger::overload;
    unsigned wave = 0;   // moves of wave n+1 start only when those of wave n have freed their slots
    std::string reason;  // one sentence, e.g. "host1 is at 93 % CPU for 2 min (limit 80 %); ..."
    Prediction prediction;
    Effect effect;
    std::vector<Rejection> refused_targets;  // why not the others
    std::vector<std::string> disks{};        // names of those that are copied along
};

/// A VM of a lost host that is to be started anew on another one: nothing of it runs any more.
struct Restart {
    VmId vm;
    HostId from;
    HostId to;
    unsigned wave = 0;   // VMs of a higher wished priority are started in an earlier wave
    std::string reason;  // one sentence, e.g. "host1 is lost; web (4 GiB, 1.20 CPU) is started on host2, then at ..."
    std::vector<Rejection> refused_targets;  // why not the others
};

/// A host that needs relief or is to be emptied, and what was found.
struct Finding {
    HostId host;  // empty: of the cluster, not of one host
    Trigger trigger = Trigger::overload;
    std::string text;               // "CPU demand 93 % of usable, above 80 % for 2 min"
    bool resolved_by_plan = false;  // the plan's moves bring it below its limits (or empty it)
};

/// A host to be switched on or off.
struct PowerChange {
    HostId host;
    bool on = false;     // what it shall be
    unsigned wave = 0;   // when all moves of the waves before this one have ended and, to be off, no VM is left on it
    std::string reason;  // one sentence for people

    friend bool operator==(const PowerChange&, const PowerChange&) = default;
};

/// Scores and load of one host as the policy saw them; kept for status, metrics and explain.
struct HostView {
    double cpu_demand = 0;  // demand / usable capacity
    double memory_demand = 0;
    double ready = 0;         // mean ready ratio over its vCPUs
    bool overloaded = false;  // by a detector that persisted
    // "ok" | "hot" | "overloaded" | "stale" | "down" | "lost" | "maintenance" | "draining" | "degraded", or
    // a PowerState but on
    std::string state;
};

struct Plan {
    std::vector<Finding> findings;
    std::vector<Restart> restarts;      // of the VMs of lost hosts, in the order of starting
    std::vector<Move> moves;            // in order; see Move::wave
    std::vector<PowerChange> power;     // hosts to be switched on, then those to be switched off
    std::vector<Rejection> immovable;   // VMs that had to leave (or be restarted) but cannot: listed first to people
    std::vector<Rejection> rejections;  // further refusals worth telling
    std::vector<std::string> warnings;  // rules that cannot all be kept, room that is missing: not of one host alone
    std::map<HostId, HostView> hosts;
    std::string brake;        // why fewer moves are planned than could be; empty when nothing brakes
    double score_before = 0;  // imbalance: population standard deviation of CPU demand
    double score_after = 0;
};

/// How many VMs these are of: a VM has one for each of its reasons, and for each host where it cannot go.
inline std::size_t vms_in(const std::vector<Rejection>& rejections) {
    std::set<VmId> vms;
    for (const Rejection& rejection : rejections) vms.insert(rejection.vm);
    return vms.size();
}

}  // namespace ballast
