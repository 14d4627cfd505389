// Where every VM of a problem is, while a solver tries things out. Testing or making a move touches two hosts only: its
// cost does not depend on the size of the cluster. A value: copy it to keep a state.
#pragma once

#include <span>
#include <utility>

#include "policy/solver/problem.h"

namespace ballast::policy::solver {

class Placement {
public:
    static constexpr VmIndex no_vm = std::numeric_limits<VmIndex>::max();

    /// Every VM at home. Requires: `problem` outlives the placement.
    explicit Placement(const Problem& problem);

    const Problem& problem() const { return *problem_; }
    HostIndex host_of(VmIndex vm) const { return host_of_[vm]; }
    std::span<const VmIndex> vms_on(HostIndex host) const { return vms_on_[host]; }
    const Amounts& used(HostIndex host) const { return used_[host]; }  // base and VMs
    /// VMs that are not at home.
    std::size_t moved() const { return moved_; }
    /// Members of a group on this host, or in its domain where the group counts by domains.
    std::uint32_t members(std::uint32_t group, HostIndex host) const;

    /// May the VM come to this host: class, target, capacity and hard groups. False for the host it is on.
    bool fits(VmIndex vm, HostIndex host) const { return fits_without(vm, host, no_vm); }
    /// The same once `leaving`, which is on that host, has gone.
    bool fits_without(VmIndex vm, HostIndex host, VmIndex leaving) const;

    /// Puts the VM there, whether it fits or not; no_host takes it off.
    void move(VmIndex vm, HostIndex host);

    /// Lower is better; see Resource and Group.
    double score() const;
    double score_after(VmIndex vm, HostIndex host) const;
    double score_after_swap(VmIndex one, VmIndex other) const;
    /// The part of the score that is no deviation: soft groups, hosts that ought to be empty.
    double penalty() const { return penalty_; }
    /// By how much it changes when this VM moves; with `swapped`, one half of the change when the two swap places.
    double penalty_change(VmIndex vm, HostIndex from, HostIndex to, VmIndex swapped = no_vm) const;
    /// What of it would go if this VM disappeared.
    double penalty_of(VmIndex vm) const;

    /// Population variance of a resource over the hosts that count.
    double variance(std::size_t resource) const;
    /// used / scale of a host, as the deviation from a mean that was right a while ago; mean_deviation is what the mean
    /// has changed by since. 0 where the host or the resource does not count.
    const Amounts& deviation(HostIndex host) const { return deviation_[host]; }
    double mean_deviation(std::size_t resource) const;
    /// 1 / scale, 0 where the host or the resource does not count.
    const Amounts& per_unit(HostIndex host) const { return per_unit_[host]; }

private:
    struct Sums {
        Amounts sum{}, squares{};
    };
    // Members of a group on a host or in a domain: few hosts hold any, so each place keeps a short, sorted list.
    using Counts = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // group, members

    std::size_t place_of(const Group& group, HostIndex host) const;
    void count(std::uint32_t group, HostIndex host, int by);
    bool is_member(VmIndex vm, std::uint32_t group) const;
    bool fits_groups(const VmSlot& vm, HostIndex from, HostIndex host, VmIndex leaving) const;
    void shift(Sums& sums, HostIndex host, const Amounts& by, double sign) const;
    void add(VmIndex vm, HostIndex host);
    void enter(VmIndex vm, HostIndex host);
    void take_off(VmIndex vm, HostIndex host);
    void recompute();
    double score_of(const Sums& sums) const;

    const Problem* problem_;
    std::vector<HostIndex> host_of_;
    std::vector<std::vector<VmIndex>> vms_on_;
    std::vector<std::uint32_t> position_;  // of each VM in vms_on_ of its host
    std::vector<Amounts> used_, deviation_, per_unit_;
    std::vector<Counts> on_host_, in_domain_;
    Sums sums_;
    Amounts weight_{};
    double penalty_ = 0;
    std::size_t counted_hosts_ = 0;
    std::size_t moved_ = 0;
    unsigned since_recomputed_ = 0;  // changes of the running sums
};

}  // namespace ballast::policy::solver
