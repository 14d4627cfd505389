// How far VMs have left a host in maintenance: for those who wait for it. Looks only; one io_context thread.
#pragma once

#include <string>
#include <vector>

#include "daemon/controller.h"

namespace ballast::daemon {

/// VMs that will not leave, each as a text with its first reason; nothing while anything leaves the host, or is planned
/// to.
std::vector<std::string> stuck_on(const Controller& controller, const HostId& host);
/// Names of active VMs on it, those on their way included.
std::vector<std::string> left_on(const Controller& controller, const HostId& host);

}  // namespace ballast::daemon
