#include "cluster/leader_watch.h"

#include "cluster/keys.h"

namespace ballast::cluster {

namespace {
// Events are hints: what none told of is found by reading.
constexpr Duration read_again = std::chrono::seconds{10};
}  // namespace

boost::asio::awaitable<void> LeaderWatch::run() {
    for (;;) {
        const auto revision = co_await read();
        if (!revision) leader_.reset();
        if (revision && !watching_) {
            std::function<void(const std::vector<WatchEvent>&)> changed = [this](const auto& events) {
                for (const WatchEvent& event : events)
                    if (event.entry.key == leader_key) take(event.entry, event.kind == WatchEvent::Kind::put);
            };
            std::function<void()> compacted = [] {};
            watching_ = store_.watch(leader_key, *revision, std::move(changed), std::move(compacted));
        }
        co_await clock_.sleep_for(read_again);
    }
}

// Nothing: the store did not answer.
boost::asio::awaitable<std::optional<Revision>> LeaderWatch::read() {
    const auto revision = co_await store_.revision();
    if (!revision) co_return std::nullopt;
    std::string key = leader_key;
    const auto found = co_await store_.get(std::move(key));
    if (!found) co_return std::nullopt;
    if (*found)
        take(**found, true);
    else if (*revision > seen_)
        leader_.reset();
    co_return *revision;
}

void LeaderWatch::take(const KeyValue& entry, bool there) {
    if (entry.mod_revision < seen_) return;
    seen_ = entry.mod_revision;
    leader_.reset();
    if (there) leader_ = {entry.value, entry.create_revision};
}

}  // namespace ballast::cluster
