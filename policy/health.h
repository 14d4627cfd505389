// Hosts that fail although they answer: what the operator wants done about each problem, and what is done about each
// host when all of them are looked at together. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/inventory.h"
#include "model/plan.h"
#include "policy/options.h"

namespace ballast::policy {

/// What is wanted about one problem; a check that the policy names has an action of its own.
HealthAction action_of(const HealthOptions& options, const HealthProblem& problem);
/// The most that any problem of the host asks for, whatever the other hosts are like.
HealthAction wanted_action(const HealthOptions& options, const Host& host);

struct HealthVerdict {
    HealthAction wanted = HealthAction::nothing;  // by its own problems
    HealthAction action = HealthAction::nothing;  // what is done, the other hosts being as they are
    std::string text;                             // the problems that ask for it

    /// It would be emptied, were it not for the others.
    bool is_held() const { return wanted >= HealthAction::evacuate && action < HealthAction::evacuate; }
};

/// All hosts that report, together. Two rails: where half of them or more, and at least two, would have to be emptied,
/// none is, for that would move everything onto nobody; they are closed only. And where no host would be left that
/// takes VMs, those that would merely be closed take them all the same.
struct HealthVerdicts {
    std::map<HostId, HealthVerdict> hosts;  // those with problems
    std::vector<std::string> warnings;      // rails that hold

    HealthAction action(const Host& host) const;
    /// Has to be left: in maintenance, or failing so badly.
    bool leaves(const Host& host) const { return host.maintenance || action(host) >= HealthAction::evacuate; }
    /// No VM comes: in maintenance, or failing.
    bool closed(const Host& host) const { return host.maintenance || action(host) >= HealthAction::cordon; }
};
HealthVerdicts judge_health(const Inventory& inventory, const HealthOptions& options);

/// By host, whoever would have to leave because it is degraded, but cannot: one refusal for each VM.
std::map<HostId, std::vector<Rejection>> stranded_vms(const Plan& plan, const Inventory& inventory);

/// Its VMs leave because it fails, not because a person works on it: those come home afterwards.
bool is_left_for_health(const HealthVerdicts& verdicts, const Host& host);

/// "h1 is in maintenance", or "h1 is degraded: eth1 has lost its carrier". Requires: verdicts.leaves(host).
std::string leaving_text(const HealthVerdicts& verdicts, const Host& host);

}  // namespace ballast::policy
