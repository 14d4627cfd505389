// Where one VM could go: the targets nothing forbids, best first, and the words for the others.
#pragma once

#include <string>
#include <vector>

#include "policy/constraints/constraint.h"

namespace ballast::policy {

struct TargetChoice {
    HostId host;
    double cpu_after = 0;
    double memory_after = 0;
    Bytes memory_left;                // above the reserve
    std::vector<std::string> broken;  // soft rules that speak against it
};

/// Targets without any refusal: those that break the fewest soft rules first, of those the one with the most headroom
/// after the move (its tighter of CPU and memory).
std::vector<TargetChoice> choices_for(const ClusterView& view, const Vm& vm, Purpose purpose);

/// Every refusal of every other host.
std::vector<Rejection> refusals_everywhere(const ClusterView& view, const Vm& vm, Purpose purpose);

/// Why not the others: the refused, and those that would be fuller than the first of `choices`.
std::vector<Rejection> not_chosen(const ClusterView& view, const Vm& vm, Purpose purpose,
                                  const std::vector<TargetChoice>& choices);

/// What soft rules had to say about the choice: why this one is better than others, or what it breaks for want of a
/// better one. Empty when they had no say.
std::string preference(const std::vector<TargetChoice>& choices, const TargetChoice& chosen);

/// "host2: memory (needs 4 GiB, 1 GiB left above the reserve); host3: network (...)": the first refusal of each host.
std::string summary(const std::vector<Rejection>& refusals);

}  // namespace ballast::policy
