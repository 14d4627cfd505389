// A policy tried on the cluster's own history: the recorded demand, but placements as this policy would have made them,
// beside what happened. Pure: the same history and policy give the same report.
#pragma once

#include <map>
#include <optional>

#include "interchange/history.h"
#include "policy/policy.h"

namespace ballast::interchange {

/// Of what happened, and of the trial.
struct TrialFigures {
    std::size_t moves = 0;
    double overload_minutes = 0;  // host-minutes in which demand is above the tried policy's upper CPU limit
    double empty_host_hours = 0;  // hosts without a running VM: they could be off
    double energy_kwh = 0;        // with empty hosts off
};

struct TrialReport {
    Duration covered{};  // time between snapshots at most `longest_step` apart; what lies in gaps counts nowhere
    std::size_t snapshots = 0;
    std::size_t gaps = 0;
    TrialFigures happened, trial;
};

/// Time between two snapshots beyond which nothing is concluded.
inline constexpr Duration longest_step = std::chrono::minutes{5};

class PolicyTrial {
public:
    /// As if in mode automatic, whatever the policy's mode. Moves succeed, and take effect with the next snapshot.
    explicit PolicyTrial(policy::Options options) : options_(std::move(options)) {}
    /// Requires: snapshots come in the order of their times; one that does not is taken for a gap.
    void add(const Snapshot& snapshot);
    const TrialReport& report() const { return report_; }

private:
    void follow_history(const Inventory& seen);
    Inventory as_tried(const Inventory& seen) const;
    void forget_all_but_seasons();
    void decide(Inventory tried, Instant now);

    policy::Options options_;
    policy::Memory memory_;
    TrialReport report_;
    std::optional<WallTime> last_at_;
    std::map<VmId, HostId> happened_, tried_;  // placements of running VMs
    std::vector<PastMove> past_;
};

}  // namespace ballast::interchange
