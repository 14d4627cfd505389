#include "sim/trace/cluster.h"

#include <algorithm>
#include <cmath>

#include "model/result.h"

namespace ballast::sim::trace {
namespace {

// CloudSim's model of pre-copy: the source loses a tenth of the VM's CPU, the target spends a tenth of it.
constexpr double kept_by_source = 0.9;
constexpr double spent_by_target = 0.1;

constexpr double joules_per_kwh = 3.6e6;

}  // namespace

Cluster::Cluster(const Setting& setting, const Workload& workload) : setting_(&setting), workload_(&workload) {
    const std::size_t vms = workload.vms.size();
    for (std::size_t vm = 0; vm < vms; ++vm) {
        const auto& type = setting.vm_type(vm, vms);
        vms_.push_back({type.mips, type.ram_mb});
    }
    hosts_.resize(setting.type_of_host.size());
    vm_frames_.resize(vms);
    host_frames_.resize(hosts_.size());
    was_active_.assign(hosts_.size(), 1);
}

double Cluster::ram_used(HostIndex host) const {
    double sum = 0;
    for (const auto vm : hosts_[host].vms) sum += vms_[vm].ram_mb;
    return sum;
}

bool Cluster::is_incoming(HostIndex host, VmIndex vm) const {
    return std::ranges::find(hosts_[host].incoming, vm) != hosts_[host].incoming.end();
}

double Cluster::utilisation(double mips, HostIndex host) const {
    const double ratio = mips / type(host).mips();
    return ratio > 1 && ratio < 1.01 ? 1 : ratio;  // rounding of 0.9 * x / 0.9
}

void Cluster::place(VmIndex vm, HostIndex host) {
    vms_[vm].host = host;
    hosts_[host].vms.push_back(vm);
    hosts_[host].power = PowerState::on;
}

void Cluster::update(double time_s) {
    const double seconds = time_s - now_;
    BALLAST_ASSERT(seconds >= 0);
    now_ = time_s;
    for (VmIndex vm = 0; vm < vms_.size(); ++vm) {
        if (vms_[vm].alive) vms_[vm].request = demand(vm, time_s);
    }
    for (HostIndex host = 0; host < hosts_.size(); ++host) measure(host);
    if (seconds > 0) charge(seconds);
    if (setting_->rules.vanish) let_vanish();
}

void Cluster::measure(HostIndex index) {
    auto& host = hosts_[index];
    host.previous_mips = host.used_mips;
    share_out(index);
    double used = 0, request = 0, own_request = 0;
    for (std::size_t i = 0; i < host.vms.size(); ++i) {
        const auto& vm = vms_[host.vms[i]];
        double allocated = share_[i];
        if (!is_incoming(index, host.vms[i])) {
            record_vm(host.vms[i], allocated);
            if (vm.in_migration) allocated /= kept_by_source;
            own_request += vm.request;
        }
        used += allocated;
        request += vm.request;
    }
    host.used_mips = used;
    host.request = request;
    record_host(index, used, request, own_request > type(index).mips());
}

/// Fills share_ for the host's VMs in their order: what each asks for if all fits, else the same fraction of it.
void Cluster::share_out(HostIndex index) {
    const auto& host = hosts_[index];
    const double core = type(index).core_mips;
    double available = type(index).mips(), total = 0;
    share_.assign(host.vms.size(), 0);
    for (std::size_t i = 0; i < host.vms.size(); ++i) {
        const auto& vm = vms_[host.vms[i]];
        const bool incoming = is_incoming(index, host.vms[i]);
        const double wanted = std::min(vm.request, core);
        const double reserved = incoming ? wanted * spent_by_target : wanted;
        total += reserved;
        if (available >= reserved) {
            share_[i] = incoming ? wanted * spent_by_target : vm.in_migration ? wanted * kept_by_source : wanted;
            available -= reserved;
        } else {
            scale_down(index, i + 1, total);
            available = 0;
        }
    }
}

void Cluster::scale_down(HostIndex index, std::size_t vms, double total) {
    const auto& host = hosts_[index];
    const double core = type(index).core_mips;
    const double factor = type(index).mips() / total;
    for (std::size_t i = 0; i < vms; ++i) {
        const auto& vm = vms_[host.vms[i]];
        const double wanted = std::min(vm.request, core);
        if (is_incoming(index, host.vms[i])) {
            share_[i] = std::floor(wanted * spent_by_target * factor);
        } else {
            share_[i] = std::floor(vm.in_migration ? wanted * factor * kept_by_source : wanted * factor);
        }
    }
}

void Cluster::charge(double seconds) {
    for (HostIndex host = 0; host < hosts_.size(); ++host) energy_j_ += power_of(host, seconds) * seconds;
}

/// Mean watts over the time since the update before.
double Cluster::power_of(HostIndex index, double seconds) const {
    const auto& host = hosts_[index];
    const auto& table = type(index).watts;
    if (maximum_power_) return table.back();
    const auto at = [&](double mips) { return watts_at(table, std::min(1.0, utilisation(mips, index))); };
    if (!setting_->rules.idle_power) {
        return host.previous_mips == 0 ? 0 : (at(host.previous_mips) + at(host.used_mips)) / 2;
    }
    if (host.power == PowerState::off) return 0;
    const double booting = std::clamp(host.boots_until - (now_ - seconds), 0.0, seconds) / seconds;
    return booting * table.back() + (1 - booting) * (at(host.previous_mips) + at(host.used_mips)) / 2;
}

void Cluster::close(Metrics& metrics, const VmFrame& frame, double until) {
    const double seconds = until - frame.time;
    metrics.requested += frame.request * seconds;
    metrics.allocated += frame.allocated * seconds;
    if (frame.in_migration) metrics.lost_in_migration += (frame.request - frame.allocated) * seconds;
}

void Cluster::record_vm(VmIndex vm, double allocated) {
    auto& frame = vm_frames_[vm];
    if (frame.time >= 0 && now_ > frame.time) close(metrics_, frame, now_);
    frame = {now_, allocated, vms_[vm].request, vms_[vm].in_migration};
}

void Cluster::close(Metrics& metrics, const HostFrame& frame, double until) {
    const double seconds = until - frame.time;
    if (!frame.active) return;
    metrics.active_s += seconds;
    if (frame.allocated < frame.request) metrics.violation_s += seconds;
    if (frame.overloaded) metrics.overload_s += seconds;
}

void Cluster::record_host(HostIndex host, double allocated, double request, bool overloaded) {
    auto& frame = host_frames_[host];
    if (frame.time >= 0 && now_ > frame.time) {
        close(metrics_, frame, now_);
        if (was_active_[host] && !frame.active) ++metrics_.shutdowns;
        was_active_[host] = frame.active;
    }
    frame = {now_, allocated, request, allocated > 0, overloaded};
}

void Cluster::let_vanish() {
    for (auto& host : hosts_) {
        std::erase_if(host.vms, [this](VmIndex index) {
            auto& vm = vms_[index];
            if (vm.in_migration || vm.request != 0) return false;
            vm.alive = false;
            ++metrics_.vanished_vms;
            return true;
        });
    }
}

void Cluster::start_transfer(VmIndex vm, HostIndex target) {
    vms_[vm].in_migration = true;
    vms_[vm].target = target;
    if (!is_incoming(target, vm)) {
        hosts_[target].incoming.push_back(vm);
        hosts_[target].vms.push_back(vm);
    }
    measure(target);
    measure(vms_[vm].host);
}

void Cluster::finish_transfer(VmIndex vm, HostIndex target) {
    auto& to = hosts_[target];
    std::erase(to.incoming, vm);
    std::erase(to.vms, vm);
    vms_[vm].in_migration = false;
    std::erase(hosts_[vms_[vm].host].vms, vm);
    vms_[vm].host = target;
    to.vms.push_back(vm);
}

void Cluster::power_on(HostIndex host) {
    if (hosts_[host].power == PowerState::on) return;
    hosts_[host].power = PowerState::on;
    hosts_[host].boots_until = now_ + setting_->rules.boot_s;
}

void Cluster::power_off(HostIndex host) {
    hosts_[host].power = PowerState::off;
}

Metrics Cluster::metrics() const {
    Metrics total = metrics_;
    total.energy_kwh = energy_j_ / joules_per_kwh;
    for (HostIndex host = 0; host < hosts_.size(); ++host) {
        if (was_active_[host] && host_frames_[host].time >= 0 && !host_frames_[host].active) ++total.shutdowns;
    }
    return total;
}

}  // namespace ballast::sim::trace
