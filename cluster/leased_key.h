// A key of the store that is this process's while it keeps it alive: an agent's registration, the leadership. A lease
// alone proves nothing: etcd may revoke one early and answer its keepalive all the same [etcd issues 15247, 20813], so
// each beat also puts the key anew, guarded by its create revision. One io_context thread.
#pragma once

#include <optional>
#include <string>

#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::cluster {

/// Whose the key is. Not a bool: a Result<bool> that is handed on as a constant becomes true, whatever it was.
enum class Hold { ours, not_ours };

class LeasedKey {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    LeasedKey(Clock& clock, Store& store, std::string key, Duration time_to_live)
        : clock_(clock), store_(store), key_(std::move(key)), time_to_live_(time_to_live) {}

    /// Puts the key when nobody has it and the other guards hold, together with the other changes; not ours: a guard
    /// did not hold. Errors: the store's; it may be ours then all the same, and the next take() or its lease sees to
    /// it.
    Task<Hold> take(std::string value, Transaction together = {});
    /// Keeps it, unless it is not ours any more. Errors: the store's; it is ours until the time is over.
    Task<Hold> beat();
    /// Beats until it is not ours any more, or cannot be kept in time.
    boost::asio::awaitable<void> keep();
    /// Gives it up. Errors: the store's.
    Task<void> give_up();

    /// The key's create revision while it is certain that it is ours: its time, counted from before the last beat was
    /// sent, is not over.
    std::optional<Revision> held() const;
    /// Until when, unless it is kept; requires that it was taken.
    Instant until() const { return until_; }
    Duration time_to_live() const { return time_to_live_; }

private:
    Clock& clock_;
    Store& store_;
    std::string key_;
    std::string value_;
    Duration time_to_live_;
    LeaseId lease_ = 0;
    Revision created_ = 0;  // 0: not ours
    Instant until_{};
};

/// How often a key is kept: two beats may be lost [safety: TTL/3].
inline Duration beat_every(Duration time_to_live) {
    return time_to_live / 3;
}

}  // namespace ballast::cluster
