// libvirt's callbacks, carried from its event thread to the io_context's thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <libvirt/libvirt.h>
#include <memory>

#include "model/result.h"
#include "ports/hypervisor.h"

namespace ballast::hypervisor {

/// Registers for lifecycle, job, migration-iteration, device, metadata and block job events of all domains, for those
/// of storage pools and networks, and for the end of the connection; each is posted to `executor`. The registration
/// lasts as long as what is returned, which must go before the connection is closed: each callback holds a reference,
/// so libvirt would keep it open for ever.
Result<std::shared_ptr<void>> subscribe_events(virConnectPtr connection, HostId host,
                                               boost::asio::any_io_executor executor,
                                               std::function<void(const HypervisorEvent&)> listener);

}  // namespace ballast::hypervisor
