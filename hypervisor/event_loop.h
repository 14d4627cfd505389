// libvirt's own event loop, in its own thread. It must be registered before the first connection is opened:
// without it keepalive never closes a dead connection and no event arrives [libvirt virConnectSetKeepAlive].
#pragma once

namespace ballast::hypervisor {

/// Registers the default implementation and starts its thread, once a process; later calls do nothing.
/// The thread lives as long as the process.
void start_event_loop();

}  // namespace ballast::hypervisor
