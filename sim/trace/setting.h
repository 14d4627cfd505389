// The machines of the published experiment and the rules it is run under. Sources: the SPECpower_ssj2008 results of the
// two HP ProLiant servers, and the set-up of A. Beloglazov, R. Buyya, "Optimal online deterministic algorithms and
// adaptive heuristics for energy and performance efficient dynamic consolidation of virtual machines in cloud data
// centers", CCPE 24(13), 2012, as CloudSim 3.0.3 ships it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ballast::sim::trace {

/// Watts at 0, 10, ... 100 % CPU.
using PowerTable = std::array<double, 11>;

/// Linear between the points of the table. Requires: 0 <= utilisation <= 1.
double watts_at(const PowerTable& table, double utilisation);

struct HostType {
    std::string name;
    unsigned cores;
    double core_mips;
    double ram_mb;
    PowerTable watts;

    double mips() const { return cores * core_mips; }
};

struct VmType {
    double mips;  // of its one vCPU
    double ram_mb;
};

/// What the cluster does by itself.
struct Rules {
    bool vanish = true;            // a VM whose demand is exactly 0 at a measurement is gone for ever
    bool free_memory = true;       // memory limits the initial placement only
    bool shared_link = false;      // migrations at the same time share the bandwidth of their hosts
    bool idle_power = false;       // a host that is on and empty draws what the table says for 0 %
    double boot_s = 0;             // from power-on until it can receive VMs, at the power of a full host
    double migration_mb_s = 62.5;  // half of 1 Gbit/s, in CloudSim's decimal units
};

/// CloudSim's: what all published figures were made under.
Rules published_rules();
/// What a real cluster does: VMs stay, memory is finite, links are shared, machines take time and energy to start.
Rules honest_rules();

struct Setting {
    std::vector<HostType> host_types;
    std::vector<VmType> vm_types;
    std::vector<std::uint8_t> type_of_host;
    Rules rules;

    const HostType& host_type(std::size_t host) const { return host_types[type_of_host[host]]; }
    /// VMs come in as many equal blocks as there are types, the last one shorter: i / ceil(n / types).
    const VmType& vm_type(std::size_t vm, std::size_t vms) const;
};

/// 800 hosts, of two types in turn.
Setting planetlab_setting(const Rules& rules);

}  // namespace ballast::sim::trace
