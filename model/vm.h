// A virtual machine as Ballast knows it. An empty optional means "not known".
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/reason.h"
#include "model/units.h"

namespace ballast {

enum class VmState { running, paused, shut_off, crashed, other };
std::string to_string(VmState state);

/// Something that keeps the VM from being moved anywhere, found in its definition or state.
struct Blocker {
    Reason reason = Reason::facts_unknown;
    std::string detail;  // e.g. "PCI device 0000:3b:00.0"
    friend bool operator==(const Blocker&, const Blocker&) = default;
};

/// What the guest was started with and a target must offer. From the live domain XML.
struct CpuRequirement {
    enum class Mode { custom, host_passthrough, maximum } mode = Mode::custom;
    std::string model;               // empty: the hypervisor's default model
    std::set<std::string> required;  // features the guest sees and needs

    friend bool operator==(const CpuRequirement&, const CpuRequirement&) = default;
};
std::string to_string(CpuRequirement::Mode mode);

/// One disk with a source, as the live definition has it.
struct VmDisk {
    std::string target;         // its name in the guest's definition: "vda"
    std::string type;           // libvirt's: "file", "block", "network", "volume", ...
    std::string source;         // absolute path; for people where it is none: "rbd vms/web"
    std::string format;         // "raw", "qcow2", ...
    bool read_only = false;     // CD-ROMs among them
    bool shareable = false;     // other VMs may write to it as well
    bool has_backing = false;   // its image holds only what differs from another one
    Bytes capacity, allocated;  // as the guest sees it, and what its image occupies; zero: not known

    friend bool operator==(const VmDisk&, const VmDisk&) = default;
};

struct VmRequirements {
    std::string virt_type;  // "kvm" or "qemu"
    std::string arch;
    std::string machine;  // canonical machine type, e.g. "pc-i440fx-7.2"
    CpuRequirement cpu;
    std::set<std::string> networks;  // libvirt networks
    std::set<std::string> bridges;
    std::set<std::string> pools;          // storage pools its disks name
    std::set<std::string> files;          // absolute paths that must be shared (disks, kernel, initrd, nvram)
    std::map<Bytes, Bytes> huge_pages{};  // page size -> memory on such pages; size 0: the host's default size
    std::set<unsigned> pinned_cpus{};     // host CPUs named by its pinning: all have to exist
    std::set<unsigned> strict_cells{};    // host NUMA cells that all its memory has to come from; empty: any
    std::vector<VmDisk> disks{};

    friend bool operator==(const VmRequirements&, const VmRequirements&) = default;
};

/// The owner's wishes, from libvirt metadata (namespace urn:ballast:vm:1): they travel with the VM.
struct VmWishes {
    bool no_migrate = false;
    std::vector<HostId> only_on;             // empty: anywhere
    std::vector<std::string> keep_apart;     // names of groups whose members must not share a host
    std::vector<std::string> keep_together;  // names of groups whose members have to share a host
    std::optional<double> reserved_cpus;     // host CPUs kept for it alone
    std::optional<Bytes> reserved_memory;    // host memory kept for it alone, where memory is overcommitted
    int priority = 0;                        // higher leaves an endangered host first, -1000..1000
    bool post_copy = false;
    bool no_post_copy = false;  // not even where the policy allows it
    std::string problem;        // what could not be understood in the metadata; empty when fine

    friend bool operator==(const VmWishes&, const VmWishes&) = default;
};

/// What changes only when somebody edits the VM or moves it.
struct VmFacts {
    std::string name;
    unsigned vcpus = 1;
    Bytes memory;  // the guest's maximum memory: what the target must have
    bool persistent = false;
    bool autostart = false;
    VmRequirements requirements;
    VmWishes wishes;
    std::vector<Blocker> blockers;

    friend bool operator==(const VmFacts&, const VmFacts&) = default;
};

/// Measured over the last sampling interval.
struct VmLoad {
    std::optional<double> cpu_used_cores;
    std::optional<double> ready_ratio;        // share of wall time a vCPU waited for a CPU, mean over vCPUs, 0-1
    std::optional<Bytes> memory_rss;          // what the guest occupies on the host
    std::optional<Bytes> memory_balloon;      // what the balloon leaves it
    std::optional<Bytes> memory_usable;       // what the guest could still use without swapping
    std::optional<double> swap_in_mib_per_s;  // the guest's own swapping
    std::optional<double> major_faults_per_s;
    std::optional<double> block_read_mib_per_s;
    std::optional<double> block_write_mib_per_s;
    std::optional<double> net_rx_mib_per_s;
    std::optional<double> net_tx_mib_per_s;
    std::optional<double> dirty_rate_mib_per_s;
};

struct Vm {
    VmId id;
    HostId host;  // where it runs now, or where it is being started
    VmState state = VmState::other;
    bool facts_known = false;          // false until its definition was read: then it is not moved
    std::uint64_t facts_revision = 0;  // stands for these facts of this VM and no others; 0: nobody counts
    VmLoad load;
    VmFacts facts;
    std::optional<Instant> started_at;  // when this run of the guest was first seen
    std::optional<HostId> start_after;  // set while it is being started on `host`: the lost host where it ran
};

}  // namespace ballast
