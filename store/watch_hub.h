// The watches of one store and the recent history they are served from. On the io_context's thread only.
//
// Callbacks are called from a handler of their own, in the order of revisions, a revision never split, and may do
// anything: end their own or another watch, begin one, call the store. Shared, because handles and handlers that are
// under way may outlive the store.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/store.h"

namespace ballast::store {

struct HistoryLimits {
    // Enough for a watcher to be away for minutes; both are bounds on memory, not on correctness.
    std::size_t revisions = 10'000;
    std::size_t bytes = 32 * 1024 * 1024;
};

class WatchHub : public std::enable_shared_from_this<WatchHub> {
public:
    using Changed = std::function<void(const std::vector<WatchEvent>&)>;
    using Compacted = std::function<void()>;

    /// Knows nothing of what happened up to `now`.
    WatchHub(boost::asio::any_io_executor executor, HistoryLimits limits, Revision now);

    std::unique_ptr<WatchHandle> watch(std::string prefix, Revision after, Changed changed, Compacted compacted);
    /// Events of one revision, higher than every one before.
    void publish(Revision revision, std::vector<WatchEvent> events);
    /// No callback is called any more.
    void close();

private:
    struct Watcher {
        std::string prefix;
        Revision seen = 0;
        Changed changed;
        Compacted compacted;
        bool open = true;
    };
    struct Record {
        Revision revision = 0;
        std::size_t bytes = 0;
        std::vector<WatchEvent> events;
    };
    class Handle;

    void trim();
    void schedule();
    void deliver();
    void serve(Watcher& watcher);
    std::vector<WatchEvent> events_for(const Watcher& watcher) const;
    void forget_closed();

    boost::asio::any_io_executor executor_;
    HistoryLimits limits_;
    Revision last_;       // the newest revision known
    Revision forgotten_;  // everything up to here is gone from the history
    std::deque<Record> history_;
    std::size_t bytes_ = 0;
    std::vector<std::shared_ptr<Watcher>> watchers_;
    bool scheduled_ = false;
    bool closed_ = false;
};

}  // namespace ballast::store
