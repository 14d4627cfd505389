#include "cluster/follower.h"

#include <set>

namespace ballast::cluster {

namespace {
// What was erased is remembered for longer than any reading is late.
constexpr Duration erased_remembered = std::chrono::minutes{10};
}  // namespace

boost::asio::awaitable<void> Follower::run() {
    if (!was_read_) co_await read();
    for (;;) {
        const Duration pause = answers_ ? pace_.read_again : pace_.retry;
        co_await clock_.sleep_for(pause);
        co_await read();
    }
}

// Listening begins with the revision before the reading: what comes in between is heard of, if it was not read.
Follower::Task<void> Follower::read() {
    const auto revision = co_await store_.revision();
    if (!revision) co_return unanswered(revision.error());
    std::string prefix = prefix_;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return unanswered(entries.error());
    answers_ = true;
    const Noticed how = std::exchange(was_read_, true) ? Noticed::by_reading : Noticed::at_first;
    for (const KeyValue& entry : *entries) put(entry, how);
    miss(*entries, *revision);
    watch_from(*revision);
    co_return Result<void>();
}

Error Follower::unanswered(Error why) {
    answers_ = false;
    return why;
}

void Follower::watch_from(Revision revision) {
    if (watching_) return;
    auto changed = [this](const std::vector<WatchEvent>& events) { heard(events); };
    auto compacted = [this] { watching_.reset(); };  // the next reading listens anew
    watching_ = store_.watch(prefix_, revision, std::move(changed), std::move(compacted));
}

void Follower::heard(const std::vector<WatchEvent>& events) {
    answers_ = true;
    for (const WatchEvent& event : events)
        if (event.kind == WatchEvent::Kind::put)
            put(event.entry, Noticed::by_event);
        else
            erased(event.entry.key, event.entry.mod_revision);
}

void Follower::put(const KeyValue& entry, Noticed how) {
    Seen& seen = seen_[entry.key];
    if (entry.mod_revision <= seen.at) return;
    seen = {entry.mod_revision, true, {}};
    listener_.put(entry, how);
}

void Follower::erased(const std::string& key, Revision at) {
    Seen& seen = seen_[key];
    if (at <= seen.at) return;
    const bool was_there = seen.there;
    seen = {at, false, clock_.now()};
    if (was_there && listener_.erased) listener_.erased(key, at);
}

// No event has told that they are gone, or not yet.
void Follower::miss(const std::vector<KeyValue>& there, Revision at) {
    std::set<std::string_view> keys;
    for (const KeyValue& entry : there) keys.insert(entry.key);
    std::vector<std::string> missing;
    for (const auto& [key, seen] : seen_)
        if (seen.there && !keys.contains(key)) missing.push_back(key);
    for (const std::string& key : missing) erased(key, at);
    const Instant now = clock_.now();
    std::erase_if(
        seen_, [now](const auto& one) { return !one.second.there && now - one.second.erased_at > erased_remembered; });
}

}  // namespace ballast::cluster
