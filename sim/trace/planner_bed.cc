#include "sim/trace/planner_bed.h"

#include <algorithm>
#include <cmath>

namespace ballast::sim::trace {
namespace {

void trim_zero_tail(std::vector<double>& values) {
    while (values.size() > 1 && values.back() == 0) values.pop_back();
}

}  // namespace

PlannerBed::PlannerBed(const Cluster& cluster, Sizes sizes, const Histories* histories)
    : cluster_(&cluster), sizes_(sizes), histories_(histories), hosts_(cluster.hosts().size()) {
    for (HostIndex host = 0; host < hosts_.size(); ++host) {
        if (!is_nominal()) {
            for (const auto vm : cluster.hosts()[host].vms) hosts_[host].vms.push_back(vm);
        }
        recount(host);
    }
}

double PlannerBed::demand(VmIndex vm) const {
    return is_nominal() ? cluster_->vms()[vm].mips : cluster_->vms()[vm].request;
}

double PlannerBed::stale_ratio(HostIndex host) const {
    return cluster_->utilisation(cluster_->hosts()[host].used_mips, host);
}

/// CPU shared out as the over-subscribing scheduler does it: a VM has at most one core; if the sum does not fit, each
/// has the same fraction, whole MIPS, and nothing is available.
void PlannerBed::recount(HostIndex index) {
    auto& host = hosts_[index];
    const auto& type_of_host = type(index);
    double wanted_by_all = 0;
    host.request = host.used = host.ram_mb = 0;
    host.available = type_of_host.mips();
    host.history_known = false;
    bool fits_all = true;
    for (const auto vm : host.vms) {
        const double wanted = std::min(demand(vm), type_of_host.core_mips);
        host.request += demand(vm);
        host.used += wanted;
        host.ram_mb += cluster_->vms()[vm].ram_mb;
        wanted_by_all += wanted;
        fits_all = fits_all && host.available >= wanted;
        host.available = host.available >= wanted ? host.available - wanted : 0;
    }
    if (fits_all) return;
    host.available = host.used = 0;
    for (const auto vm : host.vms)
        host.used += std::floor(std::min(demand(vm), type_of_host.core_mips) * (type_of_host.mips() / wanted_by_all));
}

bool PlannerBed::fits(VmIndex vm, HostIndex host) const {
    const double wanted = demand(vm);
    if (type(host).core_mips < wanted || hosts_[host].available < wanted) return false;
    if (!is_nominal() && cluster_->setting().rules.free_memory) return true;
    return hosts_[host].ram_mb + cluster_->vms()[vm].ram_mb <= type(host).ram_mb;
}

void PlannerBed::add_history(std::vector<double>& sum, VmIndex vm, double host_mips) const {
    const auto& own = (*histories_)[vm];
    for (std::size_t i = 0; i < own.size(); ++i) sum[i] += own[i] * cluster_->vms()[vm].mips / host_mips;
}

const std::vector<double>& PlannerBed::full_history(HostIndex index) const {
    auto& host = hosts_[index];
    if (host.history_known) return host.history;
    host.history.assign(history_length, 0);
    for (const auto vm : host.vms) add_history(host.history, vm, type(index).mips());
    host.history_known = true;
    return host.history;
}

std::vector<double> PlannerBed::history(HostIndex host) const {
    auto values = full_history(host);
    trim_zero_tail(values);
    return values;
}

std::vector<double> PlannerBed::history_with(HostIndex host, VmIndex vm) const {
    auto values = full_history(host);
    add_history(values, vm, type(host).mips());
    trim_zero_tail(values);
    return values;
}

void PlannerBed::put(VmIndex vm, HostIndex host) {
    hosts_[host].vms.push_back(vm);
    recount(host);
}

void PlannerBed::take(VmIndex vm, HostIndex host) {
    std::erase(hosts_[host].vms, vm);
    recount(host);
}

std::optional<VmIndex> PlannerBed::smallest_movable(HostIndex host) const {
    std::optional<VmIndex> smallest;
    for (const auto vm : movable_on(host)) {
        if (!smallest || cluster_->vms()[vm].ram_mb < cluster_->vms()[*smallest].ram_mb) smallest = vm;
    }
    return smallest;
}

std::vector<VmIndex> PlannerBed::movable_on(HostIndex host) const {
    std::vector<VmIndex> movable;
    for (const auto vm : hosts_[host].vms) {
        if (!cluster_->vms()[vm].in_migration) movable.push_back(vm);
    }
    return movable;
}

}  // namespace ballast::sim::trace
