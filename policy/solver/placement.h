// Where every VM of a problem is, while a solver tries things out. Testing or making a move touches two hosts only: its
// cost does not depend on the size of the cluster. A value: copy it to keep a state.
#pragma once

#include <span>
#include <utility>

#include "policy/solver/problem.h"

namespace ballast::policy::solver {

class Placement {
public:
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

    static constexpr VmIndex no_vm = std::numeric_limits<VmIndex>::max();

private:
    struct Sums {
        Amounts sum{}, squares{};
    };
    // Members of a group on a host or in a domain: few hosts hold any, so each place keeps a short list.
    using Counts = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // group, members

    std::size_t place_of(const Group& group, HostIndex host) const;
    void count(std::uint32_t group, HostIndex host, int by);
    bool is_member(VmIndex vm, std::uint32_t group) const;
    bool fits_groups(const VmSlot& vm, HostIndex from, HostIndex host, VmIndex leaving) const;
    void shift(Sums& sums, HostIndex host, const Amounts& by, double sign) const;
    double score_of(const Sums& sums) const;
    double penalty_change(VmIndex vm, HostIndex from, HostIndex to) const;

    const Problem* problem_;
    std::vector<HostIndex> host_of_;
    std::vector<std::vector<VmIndex>> vms_on_;
    std::vector<std::uint32_t> position_;  // of each VM in vms_on_ of its host
    std::vector<Amounts> used_;
    std::vector<Counts> on_host_, in_domain_;
    Sums sums_;
    double penalty_ = 0;
    std::size_t counted_hosts_ = 0;
    std::size_t moved_ = 0;
};

}  // namespace ballast::policy::solver
