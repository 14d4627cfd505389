// The store of a single daemon: SQLite in a directory of its own, with etcd's semantics (ports/store.h).
//
// All calls on the io_context's thread, which never waits for the disk: one worker thread owns the database and
// takes the calls in their order. The executor's context and the clock outlive the store. When it is destroyed,
// calls under way end as `cancelled`, watches fall silent, and a commit the worker is at is completed.
// docs/store.md has the files, the durability and what happens when the database is damaged.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/store.h"
#include "store/watch_hub.h"

namespace ballast {

struct EmbeddedStoreOptions {
    /// After this a call returns timed_out. Far above an fsync of a busy disk, below the lease times in use.
    Duration call_timeout = std::chrono::seconds(5);
    /// More calls than this at a time return unavailable.
    std::size_t most_waiting_calls = 1024;
    store::HistoryLimits history;
    /// The database may not grow beyond this (no_space). etcd's default quota is 2 GiB; we keep far less in it.
    Bytes largest_database = gib(1);
    /// The last good copy is renewed after this time when anything changed, or after this many commits.
    Duration copy_interval = std::chrono::minutes(5);
    std::size_t copy_after_commits = 1000;
};

class EmbeddedStore : public Store {
public:
    /// Blocks while it opens and checks the database; creates the directory (not its parents) and the files if need
    /// be. Errors: conflict (another process uses the directory), refused (written by a newer Ballast), corrupt
    /// (damaged, and no usable copy), no_space, unavailable.
    static Result<std::unique_ptr<EmbeddedStore>> open(boost::asio::any_io_executor executor, Clock& clock,
                                                       std::string directory, EmbeddedStoreOptions options = {});

    /// What opening had to mend, for the operator; empty when all was well. Never ignore it: data may be lost.
    virtual std::vector<std::string> notes() const = 0;
    /// `listener` hears of later trouble that no caller is told (the copy could not be written, a lease not erased).
    virtual void on_note(std::function<void(const std::string&)> listener) = 0;
    /// `listener` hears when a call found the database damaged: opening it again is what mends it.
    virtual void on_damage(std::function<void(const Error&)> listener) = 0;
};

}  // namespace ballast
