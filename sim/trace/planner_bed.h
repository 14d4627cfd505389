// Where CloudSim's policies try out placements within one tick: which VMs each host would have, what it could still
// give, and its history if it had always had them.
#pragma once

#include <optional>
#include <vector>

#include "sim/trace/cluster.h"

namespace ballast::sim::trace {

class PlannerBed {
public:
    /// What a VM counts as: its size (before the day begins, on empty hosts) or what it asks for now, where it is now.
    enum class Sizes { nominal, measured };
    using Histories = std::vector<std::vector<double>>;  // demand ratios of each VM, newest first

    static constexpr std::size_t history_length = 30;

    PlannerBed(const Cluster& cluster, Sizes sizes, const Histories* histories = nullptr);

    bool is_nominal() const { return sizes_ == Sizes::nominal; }
    const HostType& type(HostIndex host) const { return cluster_->type(host); }
    double demand(VmIndex vm) const;
    /// Sum of what its VMs ask for, and of what they get.
    double request(HostIndex host) const { return hosts_[host].request; }
    double used(HostIndex host) const { return hosts_[host].used; }
    /// MIPS used, and utilisation, at the last measurement, whatever was planned since.
    double stale_used(HostIndex host) const { return cluster_->hosts()[host].used_mips; }
    double stale_ratio(HostIndex host) const;
    bool fits(VmIndex vm, HostIndex host) const;

    /// Utilisation of the host by its VMs of now, newest first, zeros at the old end left out; never empty.
    std::vector<double> history(HostIndex host) const;
    std::vector<double> history_with(HostIndex host, VmIndex vm) const;

    void put(VmIndex vm, HostIndex host);
    void take(VmIndex vm, HostIndex host);
    /// Least memory first, then the order on the host.
    std::optional<VmIndex> smallest_movable(HostIndex host) const;
    std::vector<VmIndex> movable_on(HostIndex host) const;

private:
    struct Host {
        std::vector<VmIndex> vms;
        double request = 0, used = 0, available = 0, ram_mb = 0;
        std::vector<double> history;  // all history_length values; filled when asked for
        bool history_known = false;
    };
    void recount(HostIndex host);
    void add_history(std::vector<double>& sum, VmIndex vm, double host_mips) const;
    const std::vector<double>& full_history(HostIndex host) const;

    const Cluster* cluster_;
    Sizes sizes_;
    const Histories* histories_;
    mutable std::vector<Host> hosts_;  // histories are filled on demand
};

}  // namespace ballast::sim::trace
