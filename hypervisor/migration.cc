#include "hypervisor/migration.h"

#include "hypervisor/domain_xml.h"
#include "hypervisor/host_facts.h"
#include "hypervisor/images.h"
#include "hypervisor/lane.h"

namespace ballast::hypervisor {

namespace {

// QEMU's own memory beside the guest's: device models, migration buffers.
constexpr Bytes emulator_overhead = mib(64);
constexpr int auto_converge_initial = 20, auto_converge_increment = 10;  // percent, libvirt's and QEMU's defaults

Error refuse(const MigrationRequest& request, std::string why) {
    return {ErrorCode::refused, request.to.value, std::move(why)};
}

// A state that was saved there while the VM ran elsewhere since would come back over disks that are newer.
Result<void> check_identity(virConnectPtr target, const MigrationRequest& request, const VmFacts& facts, bool at_home) {
    if (const DomainHandle same(virDomainLookupByUUIDString(target, request.vm.value.c_str())); same) {
        if (virDomainIsActive(same.get()) == 1)
            return refuse(request, "a domain with this UUID is active there already");
        if (facts.name != virDomainGetName(same.get()))
            return refuse(request, "this UUID is defined there under another name");
        if (!at_home && virDomainHasManagedSaveImage(same.get(), 0) == 1)
            return refuse(request, "a state of it is saved there, and would be restored: virsh managedsave-remove");
        return {};
    }
    if (const DomainHandle other(virDomainLookupByName(target, facts.name.c_str())); other)
        return refuse(request, "another domain named " + facts.name + " exists there");
    return {};
}

Result<void> check_memory(virConnectPtr target, const MigrationRequest& request, const VmFacts& facts) {
    const auto memory = read_memory(target);
    if (!memory) return memory.error();
    const Bytes needed = facts.memory + emulator_overhead;
    if (memory->available < needed)
        return refuse(request,
                      "needs " + to_string(needed) + " of memory, " + to_string(memory->available) + " available");
    return {};
}

Result<void> check_cpu(virConnectPtr target, const MigrationRequest& request, const VmFacts& facts,
                       const std::string& xml) {
    const std::string cpu = cpu_element(xml);
    if (cpu.empty() || facts.requirements.cpu.model.empty()) return {};
    const int result = virConnectCompareHypervisorCPU(target, nullptr, facts.requirements.arch.c_str(), nullptr,
                                                      facts.requirements.virt_type.c_str(), cpu.c_str(), 0);
    if (result == VIR_CPU_COMPARE_INCOMPATIBLE)
        return refuse(request, "cannot offer the guest's CPU " + facts.requirements.cpu.model);
    return {};  // an error means that this libvirt cannot tell; the migration itself checks again
}

// Its state travels in the migration stream, but the emulator has to be there.
Result<void> check_tpm(virConnectPtr target, const MigrationRequest& request, const VmFacts& facts,
                       const std::string& xml) {
    if (!wants_tpm_emulator(xml)) return {};
    const VmRequirements& needs = facts.requirements;
    const Text offered(virConnectGetDomainCapabilities(target, nullptr, needs.arch.c_str(), needs.machine.c_str(),
                                                       needs.virt_type.c_str(), 0));
    if (offered && !offers_tpm_emulator(offered.get()))
        return refuse(request, "has no TPM emulator: install swtpm and swtpm-tools there");
    return {};  // as above
}

Result<void> check_networks(virConnectPtr target, const MigrationRequest& request, const VmFacts& facts) {
    for (const std::string& name : facts.requirements.networks) {
        const NetworkHandle network(virNetworkLookupByName(target, name.c_str()));
        if (!network || virNetworkIsActive(network.get()) != 1)
            return refuse(request, "network " + name + " is not active there");
    }
    return {};
}

Result<void> check_pools(virConnectPtr target, const MigrationRequest& request, const VmFacts& facts) {
    for (const std::string& name : facts.requirements.pools) {
        const PoolHandle pool(virStoragePoolLookupByName(target, name.c_str()));
        if (!pool || virStoragePoolIsActive(pool.get()) != 1)
            return refuse(request, "storage pool " + name + " is not active there");
    }
    return {};
}

class Parameters {
public:
    ~Parameters() { virTypedParamsFree(list_, count_); }
    Parameters() = default;
    Parameters(const Parameters&) = delete;
    Parameters& operator=(const Parameters&) = delete;

    void add(const char* name, unsigned long long value) {
        virTypedParamsAddULLong(&list_, &count_, &capacity_, name, value);
    }
    void add(const char* name, const std::string& value) {
        virTypedParamsAddString(&list_, &count_, &capacity_, name, value.c_str());
    }
    void add(const char* name, int value) { virTypedParamsAddInt(&list_, &count_, &capacity_, name, value); }
    virTypedParameterPtr list() const { return list_; }
    unsigned count() const { return static_cast<unsigned>(count_); }

private:
    virTypedParameterPtr list_ = nullptr;
    int count_ = 0, capacity_ = 0;
};

// QEMU 7.2 cannot recover a post-copy migration that uses several connections.
bool in_parallel(const MigrationRequest& request) {
    return request.parallel_connections > 0 && !request.post_copy;
}

// A migration in post-copy keeps the methods it began with.
bool is_compressed(const MigrationRequest& request) {
    return !request.compression.empty() && !request.resume_post_copy;
}

// libvirt gives as much to each disk as to the memory, and copies all disks at once: so that they keep to it together,
// each gets its share.
unsigned long long bandwidth_of_each(double whole, std::size_t disks) {
    return static_cast<unsigned long long>(std::max(1.0, whole / static_cast<double>(std::max<std::size_t>(1, disks))));
}

void fill(Parameters& parameters, const MigrationRequest& request) {
    if (request.bandwidth_mib_per_s)
        parameters.add(VIR_MIGRATE_PARAM_BANDWIDTH,
                       bandwidth_of_each(*request.bandwidth_mib_per_s, request.disks.size()));
    if (request.bandwidth_mib_per_s && request.post_copy)  // else QEMU sends as fast as it can from the switch on
        parameters.add(VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, bandwidth_of_each(*request.bandwidth_mib_per_s, 1));
    if (is_compressed(request)) parameters.add(VIR_MIGRATE_PARAM_COMPRESSION, request.compression);
    for (const DiskCopy& disk : request.disks) parameters.add(VIR_MIGRATE_PARAM_MIGRATE_DISKS, disk.target);
    if (request.auto_converge && !request.resume_post_copy) {
        parameters.add(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, auto_converge_initial);
        parameters.add(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, auto_converge_increment);
    }
    if (in_parallel(request))  // libvirt refuses the number without the flag
        parameters.add(VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, static_cast<int>(request.parallel_connections));
}

}  // namespace

Result<void> check_target(virConnectPtr target, const MigrationRequest& request, const std::string& domain_xml,
                          bool at_home) {
    const auto facts = vm_facts_from_xml(domain_xml);
    if (!facts) return facts.error();
    auto checked = check_identity(target, request, *facts, at_home);
    if (checked) checked = check_memory(target, request, *facts);
    if (checked) checked = check_cpu(target, request, *facts, domain_xml);
    if (checked) checked = check_tpm(target, request, *facts, domain_xml);
    if (checked) checked = check_networks(target, request, *facts);
    if (checked) checked = check_pools(target, request, *facts);
    if (checked) checked = check_images(target, request);
    virResetLastError();
    return checked;
}

// A definition that was left there is replaced: this one is the newer.
Result<void> start_domain(virConnectPtr target, const StartRequest& request) {
    MigrationRequest arrival;
    arrival.vm = request.vm;
    arrival.to = request.on;
    const auto checked = check_target(target, arrival, request.definition, request.at_home);
    if (!checked) return checked.error();
    if (given_up()) return nobody_waits(request.vm.value);
    if (!request.persistent) {
        const DomainHandle started(virDomainCreateXML(target, request.definition.c_str(), 0));
        return started ? Result<void>() : last_error(request.vm.value);
    }
    const DomainHandle defined(virDomainDefineXML(target, request.definition.c_str()));
    if (!defined) return last_error(request.vm.value);
    if (given_up()) return nobody_waits(request.vm.value);
    if (virDomainCreate(defined.get()) < 0) return last_error(request.vm.value);
    return {};
}

unsigned migration_flags(const MigrationRequest& request) {
    unsigned flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_ABORT_ON_ERROR;
    if (request.persistent) flags |= VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;
    if (request.auto_converge) flags |= VIR_MIGRATE_AUTO_CONVERGE;
    if (request.post_copy) flags |= VIR_MIGRATE_POSTCOPY;
    if (in_parallel(request)) flags |= VIR_MIGRATE_PARALLEL;
    if (is_compressed(request)) flags |= VIR_MIGRATE_COMPRESSED;
    if (request.resume_post_copy) flags |= VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_POSTCOPY_RESUME;
    if (request.tls) flags |= VIR_MIGRATE_TLS;
    if (!request.disks.empty()) flags |= VIR_MIGRATE_NON_SHARED_DISK;
    return flags;
}

Result<void> migrate_peer_to_peer(virConnectPtr source, const MigrationRequest& request, const std::string& peer_uri) {
    auto domain = find_domain(source, request.vm);
    if (!domain) return domain.error();
    // Best effort: the executor raises it step by step anyway once the migration runs.
    if (!request.resume_post_copy)
        virDomainMigrateSetMaxDowntime(domain->get(), static_cast<unsigned long long>(request.max_downtime.count()), 0);
    else  // its connection may hang in the source's kernel for many minutes; when it is broken already this is refused
        virDomainAbortJobFlags(domain->get(), VIR_DOMAIN_ABORT_JOB_POSTCOPY);
    Parameters parameters;
    fill(parameters, request);
    if (given_up()) return nobody_waits(request.vm.value);
    if (virDomainMigrateToURI3(domain->get(), peer_uri.c_str(), parameters.list(), parameters.count(),
                               migration_flags(request)) < 0)
        return last_error(request.vm.value);
    return {};
}

}  // namespace ballast::hypervisor
