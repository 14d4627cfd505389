#include "model/reason.h"

namespace ballast {

namespace {
struct Row {
    Reason reason;
    const char* name;
    const char* sentence;
};

// One row a reason, in declaration order.
constexpr Row rows[] = {
    {Reason::opted_out, "opted_out", "a rule or its own metadata says that it must not be moved"},
    {Reason::not_running, "not_running", "it is not running, so there is nothing to move live"},
    {Reason::host_device, "host_device", "a device of the host is passed through to it"},
    {Reason::local_storage, "local_storage", "one of its disks or boot files is not on shared storage"},
    {Reason::unsafe_cache, "unsafe_cache", "a disk's cache mode makes live migration unsafe"},
    {Reason::shared_folder, "shared_folder", "it uses a folder of the host (virtiofs or 9p)"},
    {Reason::block_job, "block_job", "a block job (backup, commit, copy) is running on it"},
    {Reason::snapshots, "snapshots", "it has snapshots, and libvirt does not migrate a VM that has any"},
    {Reason::already_moving, "already_moving", "it is already being moved"},
    {Reason::cooldown, "cooldown", "it was moved too recently"},
    {Reason::window, "window", "it may not be moved at this time"},
    {Reason::facts_unknown, "facts_unknown", "its definition could not be read"},
    {Reason::autostart, "autostart", "its lost host starts it again when it comes back"},
    {Reason::memory, "memory", "not enough memory would be left there"},
    {Reason::cpu, "cpu", "the host would be too busy after the move"},
    {Reason::overcommit, "overcommit", "the host would have more vCPUs than the policy allows"},
    {Reason::reservation, "reservation", "the host cannot keep what is reserved for its VMs"},
    {Reason::huge_pages, "huge_pages", "not enough huge pages of the size it needs are free there"},
    {Reason::numa, "numa", "CPUs or NUMA cells it is pinned to do not exist there"},
    {Reason::cpu_model, "cpu_model", "the host cannot offer the CPU this guest was started with"},
    {Reason::machine_type, "machine_type", "the host lacks the emulator, architecture or machine type"},
    {Reason::network, "network", "a network or bridge it needs is not active there"},
    {Reason::storage, "storage", "storage it needs is not present there"},
    {Reason::disk_space, "disk_space", "there is no room for a copy of its disks"},
    {Reason::site, "site", "the host is in another site, and nobody asked for it to leave its own"},
    {Reason::pinned, "pinned", "a rule allows it on certain hosts only"},
    {Reason::keep_apart, "keep_apart", "a VM it must be kept apart from runs there"},
    {Reason::keep_together, "keep_together", "a VM it must be kept together with runs elsewhere"},
    {Reason::spread, "spread", "too many of its group would share a failure domain"},
    {Reason::admission, "admission", "the move would use up room that is kept for the loss of a host"},
    {Reason::same_host, "same_host", "it runs there already"},
    {Reason::host_stale, "host_stale", "the host has not reported recently enough"},
    {Reason::host_unreachable, "host_unreachable", "the host's libvirt does not answer"},
    {Reason::host_maintenance, "host_maintenance", "the host is in maintenance"},
    {Reason::host_degraded, "host_degraded", "the host is failing, though it still answers"},
    {Reason::host_excluded, "host_excluded", "the host is excluded as a target"},
    {Reason::host_off, "host_off", "the host's power is off, or not certain"},
    {Reason::limit_outgoing, "limit_outgoing", "as many migrations as allowed already leave its host"},
    {Reason::limit_incoming, "limit_incoming", "as many migrations as allowed already reach the host"},
    {Reason::limit_cluster, "limit_cluster", "as many migrations as allowed already run in the cluster"},
    {Reason::limit_sites, "limit_sites", "as many migrations as allowed already run between the two sites"},
    {Reason::no_benefit, "no_benefit", "the move would not help enough"},
    {Reason::no_target, "no_target", "no host can take it"},
    {Reason::mode_observe, "mode_observe", "the mode allows recommendations only"},
    {Reason::paused, "paused", "an operator paused all action"},
};

const Row& row(Reason reason) {
    for (const Row& r : rows)
        if (r.reason == reason) return r;
    return rows[0];
}
}  // namespace

std::string to_string(Reason reason) {
    return row(reason).name;
}
std::string explain(Reason reason) {
    return row(reason).sentence;
}

const std::vector<Reason>& all_reasons() {
    static const std::vector<Reason> reasons = [] {
        std::vector<Reason> all;
        for (const Row& r : rows) all.push_back(r.reason);
        return all;
    }();
    return reasons;
}

}  // namespace ballast
