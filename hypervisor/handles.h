// RAII over libvirt's C objects, and its errors as ours. Any thread; a handle belongs to one thread at a time.
#pragma once

#include <cstdlib>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <memory>
#include <string>

#include "model/ids.h"
#include "model/result.h"

namespace ballast::hypervisor {

struct Free {
    void operator()(virConnectPtr p) const { virConnectClose(p); }
    void operator()(virDomainPtr p) const { virDomainFree(p); }
    void operator()(virNetworkPtr p) const { virNetworkFree(p); }
    void operator()(virStoragePoolPtr p) const { virStoragePoolFree(p); }
    void operator()(virStorageVolPtr p) const { virStorageVolFree(p); }
    void operator()(virNodeDevicePtr p) const { virNodeDeviceFree(p); }
    void operator()(char* p) const { std::free(p); }
};

using ConnectHandle = std::unique_ptr<virConnect, Free>;
using DomainHandle = std::unique_ptr<virDomain, Free>;
using NetworkHandle = std::unique_ptr<virNetwork, Free>;
using PoolHandle = std::unique_ptr<virStoragePool, Free>;
using VolumeHandle = std::unique_ptr<virStorageVol, Free>;
using NodeDeviceHandle = std::unique_ptr<virNodeDevice, Free>;
using Text = std::unique_ptr<char, Free>;

/// libvirt's last error in this thread, as ours. `subject` says on what. A domain that does not exist is
/// not_found; a dead connection is unavailable; an aborted operation is cancelled.
Error last_error(const std::string& subject);

VmId id_of(virDomainPtr domain);

/// Error not_found when this host does not know the domain.
Result<DomainHandle> find_domain(virConnectPtr connection, const VmId& vm);

}  // namespace ballast::hypervisor
