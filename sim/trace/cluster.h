// The simulated hosts and VMs: how CPU is shared out, what that costs, and what a migration does to both ends. It
// follows CloudSim 3.0.3's HostDynamicWorkload and its over-subscribing scheduler in what they compute, so that
// published figures can be reproduced to the digit. One thread; time only moves forward.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/trace/metrics.h"
#include "sim/trace/setting.h"
#include "sim/trace/workload.h"

namespace ballast::sim::trace {

using HostIndex = std::uint32_t;
using VmIndex = std::uint32_t;

enum class PowerState { off, on };

class Cluster {
public:
    struct Vm {
        double mips = 0, ram_mb = 0;
        HostIndex host = 0;
        HostIndex target = 0;       // where it goes, while it is under way
        bool alive = true;          // false: vanished
        bool in_migration = false;  // until the (first) transfer under way ends
        double request = 0;         // MIPS wanted at the last update
    };
    struct Host {
        std::vector<VmIndex> vms;       // in the order they came, those coming included
        std::vector<VmIndex> incoming;  // of these, the ones under way to it
        double used_mips = 0;           // as of the last update
        double previous_mips = 0;       // as of the one before
        double request = 0;             // what all its VMs asked for
        PowerState power = PowerState::off;
        double boots_until = 0;
    };

    /// Requires: both outlive the cluster.
    Cluster(const Setting& setting, const Workload& workload);

    const Setting& setting() const { return *setting_; }
    const Workload& workload() const { return *workload_; }
    double now() const { return now_; }
    std::span<const Vm> vms() const { return vms_; }
    std::span<const Host> hosts() const { return hosts_; }
    const HostType& type(HostIndex host) const { return setting_->host_type(host); }
    /// Demand of a VM at any time, in MIPS.
    double demand(VmIndex vm, double time_s) const { return workload_->vms[vm].at(time_s) * vms_[vm].mips; }
    /// Memory of the VMs there and of those coming.
    double ram_used(HostIndex host) const;
    bool is_incoming(HostIndex host, VmIndex vm) const;
    double utilisation(double mips, HostIndex host) const;

    /// Puts a VM on a host before the day begins.
    void place(VmIndex vm, HostIndex host);
    /// Moves the clock: charges the time since the last update, measures every host, lets VMs without demand vanish.
    /// With the clock where it is, it measures again.
    void update(double time_s);
    /// A migration begins now: the VM is listed on both hosts, which are measured again.
    void start_transfer(VmIndex vm, HostIndex target);
    /// It ends: the VM runs on the target. Call update() after the last one of an instant.
    void finish_transfer(VmIndex vm, HostIndex target);
    /// Under rules without idle power nothing but emptiness counts, and these have no effect.
    void power_on(HostIndex host);
    void power_off(HostIndex host);

    /// All hosts draw their maximum whatever they do: CloudSim's NonPowerAware.
    void charge_maximum_power() { maximum_power_ = true; }
    /// Figures up to the last update.
    Metrics metrics() const;
    void count_migration() { ++metrics_.migrations; }
    void count_refused_move() { ++metrics_.refused_moves; }

private:
    // The last measurement; its figures hold until the next one at a later time.
    struct VmFrame {
        double time = -1, allocated = 0, request = 0;
        bool in_migration = false;
    };
    struct HostFrame {
        double time = -1, allocated = 0, request = 0;
        bool active = false, overloaded = false;
    };

    void measure(HostIndex host);
    void share_out(HostIndex host);
    void scale_down(HostIndex host, std::size_t vms, double total);
    void charge(double seconds);
    double power_of(HostIndex host, double seconds) const;
    void record_vm(VmIndex vm, double allocated);
    void record_host(HostIndex host, double allocated, double request, bool overloaded);
    static void close(Metrics& metrics, const VmFrame& frame, double until);
    static void close(Metrics& metrics, const HostFrame& frame, double until);
    void let_vanish();

    const Setting* setting_;
    const Workload* workload_;
    double now_ = 0;
    bool maximum_power_ = false;
    double energy_j_ = 0;
    std::vector<Vm> vms_;
    std::vector<Host> hosts_;
    std::vector<double> share_;  // of each VM of the host being measured, MIPS
    std::vector<VmFrame> vm_frames_;
    std::vector<HostFrame> host_frames_;
    std::vector<std::uint8_t> was_active_;  // before the frame that is open
    Metrics metrics_;
};

}  // namespace ballast::sim::trace
