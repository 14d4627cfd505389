// What hosts offer, kept in the store so that a daemon that never saw a host on knows what it could carry while it is
// off: /ballast/facts/<host>, JSON by interchange's table of HostFacts. What is left in its pools is not kept: that
// changes all the time, and is told anew once the host is on. One io_context thread.
#pragma once

#include <map>
#include <string>

#include "model/host.h"
#include "model/ids.h"
#include "ports/store.h"

namespace ballast::daemon {

class KnownFacts {
public:
    explicit KnownFacts(Store& store) : store_(store) {}

    /// What the store has. A record that cannot be read, another version's perhaps, is left out and told in the log: it
    /// is written anew when the host is on. Error: the store's.
    Store::Task<std::map<HostId, HostFacts>> load();

    /// Writes them where they changed. Error: the store's, or invalid where they are more than a record of the store
    /// holds; it is tried again with the next call.
    Store::Task<void> keep(HostId host, HostFacts facts);

private:
    std::map<HostId, std::string> kept_;  // as written
    Store& store_;
};

}  // namespace ballast::daemon
