// Whether a host was booted while nobody looked: what its CPUs have counted since its boot is kept in the store, two
// numbers of nanoseconds a host, /ballast/boots/<host>: "<busy> <busy and idle>". A host that has counted less of
// either by now was booted; a container may count its own busy time and its machine's idle time. It takes no clock. One
// io_context thread.
#pragma once

#include <map>

#include "collectors/rates.h"
#include "model/ids.h"
#include "ports/store.h"

namespace ballast::daemon {

class Boots {
public:
    explicit Boots(Store& store) : store_(store) {}

    /// Reads what the store has. Error: the store's, or corrupt, which names the record.
    Store::Task<void> load();

    /// What a host has counted by now. True when it was booted since it was last told, be it to a daemon before this
    /// one. A host that had counted less then than it has by now was not seen to have booted: so soon after another
    /// boot that the second one is missed.
    bool is_booted(const HostId& host, collectors::CpuCounted counted);

    /// Writes what has changed enough: twice as much, an hour of all its CPUs more, or a boot. After an error it is
    /// tried again with the next call.
    Store::Task<void> keep();

private:
    std::map<HostId, collectors::CpuCounted> counted_, kept_;
    Store& store_;
};

}  // namespace ballast::daemon
