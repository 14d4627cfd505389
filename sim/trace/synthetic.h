// A made-up cluster whose load moves as that of real ones does: services of several VMs with a daily rhythm in common,
// noise of their own, and bursts. Everything follows from the seed, on any machine.
#pragma once

#include <cstdint>
#include <vector>

#include "model/inventory.h"

namespace ballast::sim::trace {

struct SyntheticOptions {
    unsigned hosts = 16;  // 32 CPUs and 256 GiB each
    unsigned vms = 160;
    unsigned days = 7;
    std::uint64_t seed = 1;
    double noise = 0.10;         // standard deviation of each sample, of the VM's demand
    double shared_noise = 0.05;  // of all VMs of a service together, for ten minutes at a time
    double bursts_per_day = 1;   // of each VM: it wants all its vCPUs for 1 to 15 minutes
    double mean_load = 0.5;      // of all CPUs, mean over the day
    double phase_spread = 0.25;  // standard deviation of the time at which services peak, radians of a day: 0.26 is 1 h
    double steepness = 0;  // 0: load rises and falls as a sine; k: k times as steep in the morning and the evening
    double weekend = 1;    // of a working day's load; the first day is a Monday
    // Share of a VM's load that does not go with it but to those that are on the host it leaves, as where somebody
    // hands work out host by host: with much of it no move helps.
    double stays = 0;
    Duration boot = std::chrono::seconds{150};    // of a host that is switched on, until it takes VMs
    Duration shutdown = std::chrono::minutes{1};  // of one that is switched off
};

/// The load of each VM at any minute. Immutable once made.
class SyntheticLoad {
public:
    explicit SyntheticLoad(const SyntheticOptions& options);

    /// CPUs the VM wants in that minute.
    double wanted(unsigned vm, unsigned minute) const;
    /// Its mean, for a balanced start.
    double mean(unsigned vm) const { return vms_[vm].mean; }
    unsigned vcpus(unsigned vm) const { return vms_[vm].vcpus; }

private:
    struct Burst {
        unsigned from, to;  // minutes
    };
    struct Vm {
        unsigned service = 0, vcpus = 1;
        double mean = 0;
        std::vector<Burst> bursts;
    };
    struct Service {
        double phase = 0, swing = 0;
    };

    SyntheticOptions options_;
    std::vector<Service> services_;
    std::vector<Vm> vms_;
};

/// Hosts and VMs as the policy sees them, nothing measured yet; VMs dealt out so that hosts are about equally loaded.
Inventory balanced_inventory(const SyntheticOptions& options, const SyntheticLoad& load);

}  // namespace ballast::sim::trace
