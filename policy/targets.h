// Where one VM could go: the targets nothing forbids, best first, and the words for the others.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "policy/constraints/constraint.h"
#include "policy/draft.h"

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
/// `more`: hosts that refuse too but are not among these.
std::string summary(const std::vector<Rejection>& refusals, std::size_t more = 0);

/// Targets for one VM after the other while relief or balance is planned on a view: what choices_for() has in front,
/// found by looking at the emptiest hosts first and no further than a better one can be. In clusters of more than
/// some dozens of hosts only the emptiest are told why not: nobody reads of thousands, and each can be asked for.
class TargetFinder {
public:
    /// Requires: the view outlives this.
    explicit TargetFinder(const ClusterView& view);

    std::optional<TargetChoice> best(const Vm& vm) const;
    bool has_target(const Vm& vm) const { return best(vm).has_value(); }

    /// What is told of a move there, which nothing forbids: `preference` and `refused_targets` of its draft.
    void explain(const Vm& vm, const HostId& to, Draft& draft) const;
    /// Refusals of a VM without any target, and how many more hosts refuse it.
    std::vector<Rejection> refusals(const Vm& vm, std::size_t& more) const;

    /// The emptiest hosts but the VM's own: those that are told why not.
    std::vector<const HostUse*> emptiest(const Vm& vm) const;

    /// To be called when a move to or from this host was applied to the view.
    void changed(const HostId& host);

private:
    struct Entry {
        double level;        // the fuller of CPU and memory
        std::uint32_t host;  // by id
        friend auto operator<=>(const Entry&, const Entry&) = default;
    };
    double level_of(const HostUse& use) const;

    const ClusterView* view_;
    std::vector<double> levels_;  // by host
    std::set<Entry> by_level_;
};

}  // namespace ballast::policy
