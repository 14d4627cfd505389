#include "store/watch_hub.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace ballast::store {

class WatchHub::Handle : public WatchHandle {
public:
    Handle(std::weak_ptr<WatchHub> hub, std::shared_ptr<Watcher> watcher)
        : hub_(std::move(hub)), watcher_(std::move(watcher)) {}
    ~Handle() override {
        watcher_->open = false;
        if (const auto hub = hub_.lock()) hub->forget_closed();
    }

private:
    std::weak_ptr<WatchHub> hub_;
    std::shared_ptr<Watcher> watcher_;
};

WatchHub::WatchHub(boost::asio::any_io_executor executor, HistoryLimits limits, Revision now)
    : executor_(std::move(executor)), limits_(limits), last_(now), forgotten_(now) {}

std::unique_ptr<WatchHandle> WatchHub::watch(std::string prefix, Revision after, Changed changed, Compacted compacted) {
    auto watcher = std::make_shared<Watcher>();
    *watcher = {std::move(prefix), after, std::move(changed), std::move(compacted), true};
    watchers_.push_back(watcher);
    schedule();
    return std::make_unique<Handle>(weak_from_this(), std::move(watcher));
}

void WatchHub::publish(Revision revision, std::vector<WatchEvent> events) {
    if (closed_ || events.empty()) return;
    std::size_t bytes = sizeof(Record);
    for (const auto& event : events) bytes += sizeof(WatchEvent) + event.entry.key.size() + event.entry.value.size();
    history_.push_back({revision, bytes, std::move(events)});
    bytes_ += bytes;
    last_ = revision;
    trim();
    schedule();
}

void WatchHub::trim() {
    while (!history_.empty() && (history_.size() > limits_.revisions || bytes_ > limits_.bytes)) {
        bytes_ -= history_.front().bytes;
        forgotten_ = history_.front().revision;
        history_.pop_front();
    }
}

void WatchHub::close() {
    closed_ = true;
    history_.clear();
    const auto watchers = std::exchange(watchers_, {});
}

void WatchHub::schedule() {
    if (scheduled_ || closed_ || watchers_.empty()) return;
    scheduled_ = true;
    boost::asio::post(executor_, [hub = shared_from_this()] { hub->deliver(); });
}

void WatchHub::deliver() {
    scheduled_ = false;
    const auto watchers = watchers_;  // a callback may begin and end watches
    for (const auto& watcher : watchers)
        if (watcher->open && !closed_) serve(*watcher);
    forget_closed();
}

void WatchHub::serve(Watcher& watcher) {
    // A revision from the future comes from a store that has lost data since: what the watcher knows is void.
    if (watcher.seen < forgotten_ || watcher.seen > last_) {
        watcher.open = false;
        return watcher.compacted();
    }
    const auto events = events_for(watcher);
    watcher.seen = last_;
    if (!events.empty()) watcher.changed(events);
}

std::vector<WatchEvent> WatchHub::events_for(const Watcher& watcher) const {
    const auto later = [](Revision revision, const Record& record) { return revision < record.revision; };
    std::vector<WatchEvent> events;
    for (auto at = std::upper_bound(history_.begin(), history_.end(), watcher.seen, later); at != history_.end(); ++at)
        for (const auto& event : at->events)
            if (event.entry.key.starts_with(watcher.prefix)) events.push_back(event);
    return events;
}

void WatchHub::forget_closed() {
    const auto first = std::stable_partition(watchers_.begin(), watchers_.end(), [](auto& w) { return w->open; });
    // Destroyed only once watchers_ is in order again: a callback may own a handle, and that one comes back here.
    const std::vector<std::shared_ptr<Watcher>> closed(first, watchers_.end());
    watchers_.erase(first, watchers_.end());
}

}  // namespace ballast::store
