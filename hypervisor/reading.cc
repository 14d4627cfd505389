#include "hypervisor/reading.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "hypervisor/domain_stats.h"
#include "hypervisor/domain_xml.h"
#include "hypervisor/host_facts.h"

namespace ballast::hypervisor {

namespace {

constexpr unsigned stats_wanted = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |
                                  VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK |
                                  VIR_DOMAIN_STATS_DIRTYRATE;

void read_cpu(virConnectPtr connection, HostCounters& host) {
    int count = 0;
    if (virNodeGetCPUStats(connection, VIR_NODE_CPU_STATS_ALL_CPUS, nullptr, &count, 0) < 0 || count == 0) return;
    std::vector<virNodeCPUStats> stats(static_cast<std::size_t>(count));
    if (virNodeGetCPUStats(connection, VIR_NODE_CPU_STATS_ALL_CPUS, stats.data(), &count, 0) < 0) return;
    for (const auto& stat : stats) {
        const std::string_view name = stat.field;
        if (name == VIR_NODE_CPU_STATS_IDLE || name == VIR_NODE_CPU_STATS_IOWAIT)
            host.cpu_idle_ns = host.cpu_idle_ns.value_or(0) + stat.value;
        if (name == VIR_NODE_CPU_STATS_KERNEL || name == VIR_NODE_CPU_STATS_USER || name == VIR_NODE_CPU_STATS_INTR)
            host.cpu_busy_ns = host.cpu_busy_ns.value_or(0) + stat.value;
    }
}

// One call for each size: a size that is missing in one cell would lose the others as well.
void read_free_pages(virConnectPtr connection, const PagePools& pools, HostCounters& host) {
    for (const Bytes size : pools.sizes) {
        unsigned size_kib = static_cast<unsigned>(size.count >> 10U);
        std::vector<unsigned long long> free(pools.cells);
        if (virNodeGetFreePages(connection, 1, &size_kib, 0, pools.cells, free.data(), 0) < 0) continue;
        host.free_huge_pages[size] = std::accumulate(free.begin(), free.end(), std::uint64_t{0});
    }
}

// No statistics and no event tell of it [libvirt 9.0 qemuDomainSetAutostart].
Result<std::set<VmId>> read_autostart(virConnectPtr connection, const std::string& host) {
    virDomainPtr* domains = nullptr;
    const int count = virConnectListAllDomains(connection, &domains,
                                               VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_AUTOSTART);
    if (count < 0) return last_error(host);
    std::set<VmId> ids;
    for (int i = 0; i < count; ++i) {
        const DomainHandle domain(domains[i]);
        ids.insert(id_of(domain.get()));
    }
    std::free(domains);
    return ids;
}

VmCounters counters_of(const virDomainStatsRecord& record) {
    VmCounters vm = counters_from(record.params, record.nparams);
    vm.id = id_of(record.dom);
    vm.name = virDomainGetName(record.dom);
    vm.libvirt_id = static_cast<int>(virDomainGetID(record.dom));
    return vm;
}

Presence::PauseReason pause_reason(int reason) {
    switch (reason) {
        case VIR_DOMAIN_PAUSED_MIGRATION: return Presence::PauseReason::migration;
        case VIR_DOMAIN_PAUSED_STARTING_UP: return Presence::PauseReason::starting_up;
        case VIR_DOMAIN_PAUSED_POSTCOPY: return Presence::PauseReason::post_copy;
        case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED: return Presence::PauseReason::post_copy_failed;
        case VIR_DOMAIN_PAUSED_IOERROR: return Presence::PauseReason::io_error;
        case VIR_DOMAIN_PAUSED_USER: return Presence::PauseReason::user;
        default: return Presence::PauseReason::other;
    }
}

// Of a domain that runs.
Presence::PauseReason half_arrived(int reason) {
    if (reason == VIR_DOMAIN_RUNNING_POSTCOPY) return Presence::PauseReason::post_copy;
    if (reason == VIR_DOMAIN_RUNNING_POSTCOPY_FAILED) return Presence::PauseReason::post_copy_failed;
    return Presence::PauseReason::none;
}

void read_state(Presence& presence, int state, int reason) {
    switch (state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
        case VIR_DOMAIN_SHUTDOWN:
            presence.state = Presence::State::running;
            if (state == VIR_DOMAIN_RUNNING) presence.pause_reason = half_arrived(reason);
            break;
        case VIR_DOMAIN_PAUSED:
            presence.state = Presence::State::paused;
            presence.pause_reason = pause_reason(reason);
            break;
        case VIR_DOMAIN_PMSUSPENDED:  // asleep, by its own will
        case VIR_DOMAIN_CRASHED:      // and its QEMU is kept, as on_crash wants it
            presence.state = Presence::State::paused;
            presence.pause_reason = Presence::PauseReason::user;
            break;
        default:
            presence.state = Presence::State::defined;
            presence.shut_down_by_guest =
                reason == VIR_DOMAIN_SHUTOFF_SHUTDOWN || reason == VIR_DOMAIN_SHUTOFF_DESTROYED;
            presence.end_unknown = reason == VIR_DOMAIN_SHUTOFF_UNKNOWN;
            break;
    }
}

// A backup or dump is no migration, but it keeps the VM from being moved all the same.
bool runs_a_block_job(virDomainPtr domain) {
    int type = VIR_DOMAIN_JOB_NONE, count = 0;
    virTypedParameterPtr parameters = nullptr;
    if (virDomainGetJobStats(domain, &type, &parameters, &count, 0) < 0) return false;
    int operation = 0;
    virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION, &operation);
    virTypedParamsFree(parameters, count);
    return type != VIR_DOMAIN_JOB_NONE &&
           (operation == VIR_DOMAIN_JOB_OPERATION_BACKUP || operation == VIR_DOMAIN_JOB_OPERATION_DUMP ||
            operation == VIR_DOMAIN_JOB_OPERATION_SNAPSHOT || operation == VIR_DOMAIN_JOB_OPERATION_SAVE);
}

// Sizes of disks that could be copied; what cannot be told stays zero.
void read_sizes(virDomainPtr domain, VmFacts& facts) {
    for (VmDisk& disk : facts.requirements.disks) {
        virDomainBlockInfo info{};
        if (disk.type != "file" || disk.read_only) continue;
        if (virDomainGetBlockInfo(domain, disk.target.c_str(), &info, 0) < 0) continue;
        disk.capacity = {info.capacity};
        disk.allocated = {info.allocation};
    }
}

}  // namespace

PagePools page_pools(const HostFacts& facts) {
    PagePools pools;
    for (const auto& [id, cell] : facts.cells) {
        pools.cells = std::max(pools.cells, id + 1);
        for (const auto& [size, count] : cell.huge_pages)
            if (count > 0) pools.sizes.insert(size);
    }
    return pools;
}

Result<HostLook> read_host(virConnectPtr connection, const std::string& host, const PagePools& pools) {
    HostLook look;
    HostReading& reading = look.reading;
    virDomainStatsRecordPtr* records = nullptr;
    // NOWAIT: a domain busy with a job gives what it can instead of delaying all others.
    const int count = virConnectGetAllDomainStats(
        connection, stats_wanted, &records,
        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    if (count < 0) return last_error(host);
    reading.vms.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) reading.vms.push_back(counters_of(*records[i]));
    virDomainStatsRecordListFree(records);
    auto autostart = read_autostart(connection, host);
    if (!autostart) return autostart.error();
    look.autostart = std::move(*autostart);
    read_cpu(connection, reading.host);
    read_free_pages(connection, pools, reading.host);
    if (const auto memory = read_memory(connection)) {
        reading.host.memory_total = memory->total;
        reading.host.memory_available = memory->available;
    }
    virResetLastError();
    return look;
}

Result<VmFacts> read_vm_facts(virDomainPtr domain) {
    const Text xml(virDomainGetXMLDesc(domain, 0));
    if (!xml) return last_error(virDomainGetName(domain));
    auto facts = vm_facts_from_xml(xml.get());
    if (!facts) return facts;
    facts->persistent = virDomainIsPersistent(domain) == 1;
    int autostart = 0;
    facts->autostart = virDomainGetAutostart(domain, &autostart) == 0 && autostart == 1;
    // libvirt refuses such a migration, whatever kind the snapshots are [libvirt 9.0 qemuMigrationSrcIsAllowed].
    if (const int snapshots = virDomainSnapshotNum(domain, 0); snapshots > 0)
        facts->blockers.push_back(
            {Reason::snapshots, std::to_string(snapshots) + (snapshots == 1 ? " snapshot" : " snapshots")});
    read_sizes(domain, *facts);
    if (runs_a_block_job(domain)) facts->blockers.push_back({Reason::block_job, "a backup, dump or save is running"});
    virResetLastError();
    return facts;
}

Result<Presence> read_presence(virDomainPtr domain) {
    int state = 0, reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) return last_error(virDomainGetName(domain));
    Presence presence;
    read_state(presence, state, reason);
    presence.persistent = virDomainIsPersistent(domain) == 1;
    if (const auto progress = read_progress(domain, 0))
        presence.migration_under_way = progress->phase != MigrationPhase::none;
    virResetLastError();
    return presence;
}

Result<MigrationProgress> read_progress(virDomainPtr domain, unsigned flags) {
    int type = VIR_DOMAIN_JOB_NONE, count = 0;
    virTypedParameterPtr parameters = nullptr;
    if (virDomainGetJobStats(domain, &type, &parameters, &count, flags) < 0)
        return last_error(virDomainGetName(domain));
    const MigrationProgress progress = progress_from(type, parameters, count);
    virTypedParamsFree(parameters, count);
    return progress;
}

Result<std::string> migratable_xml(virDomainPtr domain) {
    const Text xml(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE));
    if (!xml) return last_error(virDomainGetName(domain));
    return std::string(xml.get());
}

}  // namespace ballast::hypervisor
