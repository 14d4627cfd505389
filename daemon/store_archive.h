// Backups of the store, their restoring, and its move from one store to another (docs/store.md). What is filled is
// closed meanwhile: one key says why, and while it is there no daemon uses the store, registers in it or leads from it
// (cluster/registration.h, cluster/election.h, open_store.h). So what was cut short is seen, and is done again from its
// beginning. One io_context thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "interchange/store_backup.h"
#include "ports/store.h"

namespace ballast::daemon {

using Entries = std::map<std::string, std::string>;

/// What outlives the daemons: neither leased keys nor what they tell each other. `store` says where from, for people.
/// Errors: the store's.
Store::Task<interchange::StoreBackup> back_up(Store& store, std::string name, WallTime now);

/// The same as the control API answers it. Errors: invalid, which names the entry that cannot be told, and the store's.
Store::Task<boost::json::value> backup_as_json(Store& store, std::string name, WallTime now);

/// What of a backup holds still, later: what operators set, the accounts, and what hosts are. The rest is unproven:
/// nothing that was under way goes on, no host counts as lost or as being cut off, and VMs are known by name and host
/// only, so that none is started before it was seen again on a host. Everything is paused. Pure.
struct Restorable {
    Entries entries;
    std::size_t vms = 0;
    std::vector<std::string> left_out;  // for people: what does not come back
};
/// Error corrupt: a record of it cannot be read, or is of a later version; nothing is guessed.
Result<Restorable> restorable(const interchange::StoreBackup& backup);

/// Puts what is restorable in the place of everything in the store. Errors: conflict (daemons are registered; moved
/// away), corrupt (it does not read back as written), and the store's. After an error the store is closed or unchanged;
/// repeat it then.
Store::Task<void> restore(Store& store, Restorable content, std::string what);

/// Copies all that outlives the daemons to an empty store, reads it back, and closes `from` for good. Errors: not_found
/// (`from` is empty), conflict (daemons are registered, or `to` is not empty), corrupt, and the stores'. After an error
/// `from` is as it was; after a crash both are closed, and it is to be repeated. Returns the number of entries.
Store::Task<std::size_t> move(Store& from, std::string from_name, Store& to, std::string to_name);

/// Error refused: the store is closed, and why.
Store::Task<void> check_not_closed(Store& store);

}  // namespace ballast::daemon
