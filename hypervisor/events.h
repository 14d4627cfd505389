// libvirt's callbacks, carried from its event thread to the io_context's thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <libvirt/libvirt.h>

#include "model/result.h"
#include "ports/hypervisor.h"

namespace ballast::hypervisor {

/// Registers for lifecycle, job, migration-iteration, device, metadata and block job events of all domains and for
/// the end of the connection; each is posted to `executor`. The registration ends with the connection.
Result<void> subscribe_events(virConnectPtr connection, HostId host, boost::asio::any_io_executor executor,
                              std::function<void(const HypervisorEvent&)> listener);

}  // namespace ballast::hypervisor
