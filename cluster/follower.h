// What stands under a prefix of the store, followed: all of it is read, changes are heard of, and as events are hints
// it is read again now and then. What is read may be older than what was heard; of each key nothing is told that is not
// newer than what was told before. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::cluster {

/// How a change was noticed: it was there when the following began, an event told of it, or it was read later.
enum class Noticed { at_first, by_event, by_reading };

/// What a follower tells. `erased` may be empty.
struct FollowerListener {
    std::function<void(const KeyValue&, Noticed)> put;
    std::function<void(const std::string& key, Revision at)> erased = {};
};

class Follower {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    struct Pace {
        Duration read_again;  // after a reading that the store answered
        Duration retry = std::chrono::seconds{1};
    };

    /// `prefix` may be a whole key.
    Follower(Clock& clock, Store& store, std::string prefix, Pace pace, FollowerListener listener)
        : clock_(clock), store_(store), prefix_(std::move(prefix)), pace_(pace), listener_(std::move(listener)) {}

    /// Reads all of it and listens from then on. Errors: the store's; nothing was told then.
    Task<void> read();
    /// Reads and listens until the executor stops; at once, unless it was read already.
    boost::asio::awaitable<void> run();

    /// All of it was read at least once.
    bool was_read() const { return was_read_; }
    /// The store answered when it was asked last, or has told of a change since: what was told is the case still.
    bool answers() const { return answers_; }

private:
    struct Seen {
        Revision at = 0;
        bool there = false;
        Instant erased_at{};
    };

    Error unanswered(Error why);
    void heard(const std::vector<WatchEvent>& events);
    void put(const KeyValue& entry, Noticed how);
    void erased(const std::string& key, Revision at);
    void miss(const std::vector<KeyValue>& there, Revision at);
    void watch_from(Revision revision);

    Clock& clock_;
    Store& store_;
    std::string prefix_;
    Pace pace_;
    FollowerListener listener_;
    std::map<std::string, Seen> seen_;
    bool was_read_ = false, answers_ = false;
    std::unique_ptr<WatchHandle> watching_;
};

}  // namespace ballast::cluster
