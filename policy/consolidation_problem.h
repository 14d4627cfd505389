// A ClusterView as a consolidation problem: demand and its history, memory, and as functions what numbers do not say.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "policy/classes.h"
#include "policy/consolidation/problem.h"
#include "policy/fleet.h"

namespace ballast::policy {

/// Pairs that were refused once a plan was tried out, and hosts that have to keep their VMs.
struct Learned {
    std::set<std::pair<consolidation::VmIndex, consolidation::HostIndex>> refused;
    std::set<std::size_t> kept;
};

/// The problem refers to this object: it stays where it was made.
class ConsolidationProblem {
public:
    /// Requires: both outlive it. VMs under way count where they are going.
    ConsolidationProblem(const ClusterView& view, const Fleet& fleet);
    ConsolidationProblem(const ConsolidationProblem&) = delete;
    ConsolidationProblem& operator=(const ConsolidationProblem&) = delete;

    const consolidation::Problem& problem() const { return problem_; }
    /// VMs count with what is foreseen of them from now on, where that is more; with nothing foreseen, with their past.
    void expect(const std::optional<Foresight>& foreseen);
    /// By index. Hosts are all of the inventory, by id; VMs those that occupy one of them.
    const Host& host(consolidation::HostIndex index) const { return *hosts_[index]; }
    const Vm& vm(consolidation::VmIndex index) const { return *vms_[index]; }
    Learned learned;

private:
    void add_host(const HostUse& use, std::size_t index);
    void add_vm(const Vm& vm, consolidation::HostIndex home, std::uint32_t vm_class);
    void finish_hosts();
    bool allows(consolidation::VmIndex vm, consolidation::HostIndex host,
                std::span<const consolidation::VmIndex> there) const;
    bool may_be_empty(consolidation::HostIndex host, const std::vector<bool>& emptied) const;
    bool joins_its_group(const Vm& vm, const Host& host, std::span<const consolidation::VmIndex> there) const;

    const ClusterView& view_;
    const Fleet& fleet_;
    Classes classes_;
    consolidation::Problem problem_;
    std::vector<const Host*> hosts_;
    std::vector<const Vm*> vms_;
    std::vector<std::size_t> position_;  // of each VM in the inventory
    std::vector<std::uint32_t> class_of_vm_;
    std::vector<std::vector<double>> histories_;
    double most_vcpus_ = 0;
    bool any_hot_ = false;
};

/// Longest known history of demand among the VMs, in slots: how long the cluster has been watched.
std::size_t slots_watched(const Memory& memory);

}  // namespace ballast::policy
