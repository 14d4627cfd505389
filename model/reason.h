// Why something cannot be done, as data: counted in metrics, shown by `ballastctl explain`, documented in
// docs/reasons.md, and each reached by a test.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"

namespace ballast {

enum class Reason {
    // the VM, wherever it should go
    opted_out,       // wish or rule: never move this VM
    not_running,     // paused, shut off or crashed: live migration does not apply
    host_device,     // PCI, USB, SCSI or mdev passed through
    local_storage,   // a disk, ISO or boot file is not on shared storage
    unsafe_cache,    // the disk's cache mode makes live migration unsafe
    shared_folder,   // virtiofs or 9p
    block_job,       // a backup, commit, copy or mirror is running
    snapshots,       // libvirt refuses to migrate a VM with snapshots
    already_moving,  // an operation on this VM is under way
    cooldown,        // moved too recently
    window,          // outside of the time in which it may be moved
    facts_unknown,   // its definition could not be read
    autostart,       // its host, which was lost, starts it when it comes back
    // the VM together with a target
    memory,         // not enough memory after the move
    cpu,            // would be too busy after the move
    overcommit,     // more vCPUs than the policy allows for its CPUs
    reservation,    // what is reserved for VMs would exceed the target
    huge_pages,     // not enough huge pages of the size it needs
    numa,           // CPUs or memory cells it is pinned to do not exist there
    cpu_model,      // the target cannot offer the guest's CPU
    machine_type,   // emulator, architecture or machine type is missing
    network,        // a network or bridge is missing or inactive
    storage,        // a storage path or pool is missing on the target
    disk_space,     // a disk would have to be copied, and the target has no room for it
    site,           // the target is in another site, and nobody asked for that
    pinned,         // rule or wish: only certain hosts
    keep_apart,     // hard anti-affinity
    keep_together,  // hard affinity
    spread,         // too many of its group in one failure domain
    admission,      // would use up the room kept for the loss of a host
    same_host,      // it is there already
    // the target
    host_stale,        // no fresh report: never a target
    host_unreachable,  // libvirt does not answer
    host_maintenance,  // in or entering maintenance
    host_degraded,     // it fails, though it answers: the policy closes it to VMs
    host_excluded,     // the operator excludes it as a target
    host_off,          // switched off, or on its way there or back
    // the act
    limit_outgoing,  // too many migrations leave the source
    limit_incoming,  // too many migrations reach the target
    limit_cluster,   // too many migrations in the cluster
    limit_sites,     // too many migrations between the two sites
    no_benefit,      // would not relieve anything, or would only shift the problem
    no_target,       // every target was refused
    mode_observe,    // the mode allows recommendations only
    paused,          // an operator paused all action
};

/// Stable snake_case name, used in JSON and as a metric label.
std::string to_string(Reason reason);
/// One sentence for an operator, e.g. "not enough memory left there after the move".
std::string explain(Reason reason);
/// Every Reason, in declaration order (metrics export zeros for all of them).
const std::vector<Reason>& all_reasons();

/// One refusal: of a VM altogether (no host) or of a VM on one target.
struct Rejection {
    VmId vm;
    std::optional<HostId> target;
    Reason reason = Reason::no_target;
    std::string detail;  // figures and names, e.g. "needs 4 GiB, 1.2 GiB left above the reserve"

    friend bool operator==(const Rejection&, const Rejection&) = default;
};

}  // namespace ballast
