// The one bus and memory of Ballast, with etcd v3's semantics: a flat key space, one revision per transaction,
// guarded transactions, watches, leases. Two implementations pass one shared test suite: the embedded store
// (SQLite, one daemon) and etcd (clusters).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/result.h"
#include "model/units.h"

namespace ballast {

using Revision = std::int64_t;
using LeaseId = std::int64_t;

struct KeyValue {
    std::string key;
    std::string value;
    Revision create_revision = 0;  // of the put that created the key
    Revision mod_revision = 0;     // of the last put
    std::int64_t version = 0;      // puts since creation, 1 for a new key
    LeaseId lease = 0;             // 0: none
};

/// A guard. All guards of a transaction must hold or none of its changes happen.
struct Compare {
    enum class Kind { absent, present, mod_revision_is, create_revision_is, value_is } kind = Kind::absent;
    std::string key;
    Revision revision = 0;
    std::string value;
};

struct Change {
    enum class Kind { put, erase, erase_prefix } kind = Kind::put;
    std::string key;
    std::string value;
    LeaseId lease = 0;
};

struct Transaction {
    std::vector<Compare> guards;
    std::vector<Change> changes;
};

/// `committed` false: a guard did not hold, nothing changed. `revision` is the store's after the call.
struct Commit {
    bool committed = false;
    Revision revision = 0;
};

struct WatchEvent {
    enum class Kind { put, erase } kind = Kind::put;
    KeyValue entry;  // of an erase: key and mod_revision only
};

/// Ends the watch when destroyed.
class WatchHandle {
public:
    virtual ~WatchHandle() = default;
};

/// All calls from the io_context's thread. Errors: unavailable and timed_out (outcome unknown: read again),
/// no_space, corrupt, cancelled (the store is closing), not_found (a put names a lease that is gone), invalid (empty
/// key or prefix to erase, key > 1 KiB, value > 1 MiB, more than 128 guards or changes, more than 1.25 MiB in all, one
/// key put twice or both put and erased). A guard that does not hold is not an error. Both revisions of an absent key
/// are 0, and its value equals nothing. Keys and values are bytes.
class Store {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~Store() = default;

    virtual Task<std::optional<KeyValue>> get(std::string key) = 0;
    /// Ordered by key. An empty prefix lists everything.
    virtual Task<std::vector<KeyValue>> list(std::string prefix) = 0;
    virtual Task<Commit> commit(Transaction transaction) = 0;
    virtual Task<Revision> revision() = 0;
    /// Every change under the prefix after `after`, in order, on the io_context's thread. `compacted` is called
    /// instead when the history since then is gone: list again. Events are hints.
    virtual std::unique_ptr<WatchHandle> watch(std::string prefix, Revision after,
                                               std::function<void(const std::vector<WatchEvent>&)> changed,
                                               std::function<void()> compacted) = 0;
    virtual Task<LeaseId> grant(Duration time_to_live) = 0;
    /// Error not_found: the lease is gone, and the keys with it.
    virtual Task<void> keep_alive(LeaseId lease) = 0;
    virtual Task<void> revoke(LeaseId lease) = 0;
};

}  // namespace ballast
