// A hypervisor host as Ballast knows it: what changes rarely (facts) and what was measured last (load).
// An empty optional means "not known", which is never the same as zero.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/health.h"
#include "model/ids.h"
#include "model/units.h"

namespace ballast {

/// CPUs the host can offer to guests of one virtualisation type ("kvm" or "qemu").
struct CpuSupport {
    std::set<std::string> models;    // named models usable without loss
    std::set<std::string> features;  // features of the host model, expanded
    std::string host_model;          // vendor and model of what host-passthrough gives
    std::set<std::string> machines;  // machine types, canonical names and aliases

    friend bool operator==(const CpuSupport&, const CpuSupport&) = default;
};

/// One NUMA cell [libvirt capabilities XML: host/topology/cells].
struct NumaCell {
    std::set<unsigned> cpus;                    // ids of its CPUs, as the kernel counts them
    Bytes memory;                               // zero: not known
    std::map<Bytes, std::uint64_t> huge_pages;  // page size -> pages set aside, in use or not

    friend bool operator==(const NumaCell&, const NumaCell&) = default;
};

/// What a host is; read when the connection comes up and refreshed now and then.
struct HostFacts {
    std::string uuid;
    std::string hostname;
    double cpus = 0;  // CPUs that guests may use: those online, or what the operator says
    Bytes memory_total;
    std::string arch;
    std::map<std::string, CpuSupport> cpu_by_virt_type;
    std::set<std::string> networks;            // active libvirt networks
    std::set<std::string> bridges;             // host interfaces a guest could be bridged to
    std::map<std::string, std::string> pools;  // active storage pools: name -> target path (may be empty)
    std::map<std::string, Bytes> pool_free;    // what is left in them; a missing one: not known
    std::set<std::string> shared_paths;        // path prefixes that the hosts of its site share, as declared
    std::set<std::string> stretched_paths;     // those of them that the hosts of all sites share
    std::map<unsigned, NumaCell> cells;        // by libvirt's id; empty: not known
    std::string libvirt_version;               // "9.0.0"
    std::string hypervisor_version;            // QEMU's, "7.2.0"

    friend bool operator==(const HostFacts&, const HostFacts&) = default;
};

/// Pressure stall information, avg10 as ratios 0-1 [Linux Documentation/accounting/psi.rst].
struct Pressure {
    std::optional<double> cpu_some;
    std::optional<double> memory_some;
    std::optional<double> memory_full;
    std::optional<double> io_some;
    std::optional<double> io_full;
};

/// What was measured over the last sampling interval.
struct HostLoad {
    std::optional<double> cpu_used_cores;     // busy time of all modes, in CPUs
    std::optional<Bytes> memory_available;    // free + reclaimable
    std::optional<double> swap_in_mib_per_s;  // host swapping
    Pressure pressure;
    std::map<Bytes, std::uint64_t> free_huge_pages;  // by page size, over all cells; a missing size: not known
};

enum class Connection { connecting, up, down };

/// Whether the machine is switched on. One that Ballast switched off is off; one that merely stopped answering is still
/// `on` here, with its connection down. One that is cut off because it is taken to be dead is fencing, and lost as soon
/// as that is certain, until it has come back and nothing of what it ran before can start there by itself.
enum class PowerState { on, switching_off, off, switching_on, fencing, lost };
inline constexpr PowerState all_power_states[] = {PowerState::on,      PowerState::switching_off,
                                                  PowerState::off,     PowerState::switching_on,
                                                  PowerState::fencing, PowerState::lost};

struct Host {
    HostId id;
    HostFacts facts;
    HostLoad load;
    Connection connection = Connection::connecting;
    std::optional<Instant> sampled_at;  // when the last complete sample ended
    bool stale = true;                  // no sample recent enough to act on; set by the inventory's keeper
    bool maintenance = false;           // in or entering maintenance: leave, do not come
    std::string to_site;                // in maintenance its VMs leave for that site only; empty: they stay in theirs
    bool lost = false;                  // dead for certain (fenced): nothing runs there, its VMs may be restarted
    bool accepts_vms = true;            // false: never a target (operator's `target: false`)
    std::string site;                   // data centre it stands in; hosts that name none stand in one
    std::map<std::string, std::string> labels;  // the operator's: failure domains such as rack -> r1
    std::string problem;                        // why it is down or stale, for people; empty when fine
    PowerState power = PowerState::on;
    std::optional<Instant> power_since;  // of that state; absent: for as long as it is known
    bool power_managed = false;          // Ballast may switch it off and knows how to switch it on again
    std::optional<Instant> went_off;     // when Ballast last switched it off, drills aside; absent: never
    std::optional<Instant> came_back;    // when it was on again after one of those times; absent: never
    std::vector<HealthProblem> health;   // what is wrong with it although it answers; by source and subject
    std::uint64_t facts_revision = 0;    // stands for these facts of this host and no others; 0: nobody counts
};

std::string to_string(Connection connection);
std::string to_string(PowerState state);

}  // namespace ballast
