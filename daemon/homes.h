// Which VM left which host for its maintenance: kept in the store, so that it can come back when that has ended, and
// forgotten when anybody moves it for another reason. One record a host, /ballast/homes/<host>:
//   {"maintenance_ended_ms": null, "vms": {"<uuid>": "<the host where it is>"}}
// One io_context thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "model/inventory.h"
#include "model/operation.h"
#include "ports/store.h"

namespace ballast::daemon {

class Homes {
public:
    explicit Homes(Store& store) : store_(store) {}

    /// Reads what the store has. Error: the store's, or corrupt, which names the record.
    Store::Task<void> load();

    /// A VM is about to leave a host in maintenance. One that is away from home already keeps its home.
    void leaving(const VmId& vm, const HostId& from, const HostId& to);
    /// Any operation ended: an evacuation tells where the VM is now, any other move that it has no other home.
    void ended(const Operation& operation);
    /// What the store has to be told together with the begin or end of a maintenance; nothing when nobody is away.
    std::optional<Change> change_for(const HostId& host, bool in_maintenance, WallTime now) const;
    /// And what is true from then on.
    void maintenance(const HostId& host, bool on, WallTime now);
    /// Forgets those that somebody moved, and those whose time to come back is over.
    void prune(const Inventory& seen, const std::vector<Operation>& active, WallTime now, Duration within);

    /// Writes what has changed. After an error it is tried again with the next call.
    Store::Task<void> keep();
    /// Puts into the picture who is away from home.
    void show(Inventory& seen, Instant now, WallTime wall_now) const;

private:
    struct Away {
        std::optional<WallTime> ended;  // the maintenance; absent: it lasts
        std::map<VmId, HostId> vms;     // where each was brought
        bool changed = false;
    };
    struct Found {
        const HostId& home;
        Away& away;
        HostId& at;
    };
    std::optional<Found> find(const VmId& vm);
    static Change change_of(const HostId& host, const Away& away);

    Store& store_;
    std::map<HostId, Away> away_;  // by home
};

}  // namespace ballast::daemon
