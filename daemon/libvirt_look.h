// `ballastd --look-at URI...`: which of these libvirt daemons answer, and who they are. `ballastctl init` and `doctor`
// ask this, because they do not know libvirt.
#pragma once

#include <string>
#include <vector>

namespace ballast::daemon {

/// Asks all of them at once, each for at most 12 s, and prints {"hosts": [{"uri", "answers", "problem", "hostname",
/// "libvirt_version", "hypervisor_version", "vms", "pools": {name: path}}]} in their order. Returns the exit status: 0
/// when all of them answered, else 1.
int look_at(const std::vector<std::string>& uris);

}  // namespace ballast::daemon
