#include "sim/sim_store.h"

#include <algorithm>

namespace ballast::sim {

namespace {
constexpr Duration call_takes{1};
constexpr Duration call_timeout = std::chrono::seconds{5};  // the embedded store's default

Error lease_gone() {
    return {ErrorCode::not_found, "lease", "no such lease"};
}
}  // namespace

struct SimStore::Watched {
    std::string prefix;
    Revision told = 0;  // everything up to it was told, or was none of its business
    std::function<void(const std::vector<WatchEvent>&)> changed;
    std::function<void()> compacted;
};

struct SimStore::Handle : WatchHandle {
    explicit Handle(std::shared_ptr<Watched> keep) : watched(std::move(keep)) {}
    std::shared_ptr<Watched> watched;
};

SimStore::SimStore(boost::asio::io_context& io, Clock& clock, StoreData& data, CrashPoints& crashes)
    : io_(io), clock_(clock), data_(data), crashes_(crashes) {
    data_.clients.push_back(this);
}

SimStore::~SimStore() {
    std::erase(data_.clients, static_cast<StoreClient*>(this));
}

Store::Task<void> SimStore::reach() {
    co_await crashes_.pass(io_);
    co_await clock_.sleep_for(call_takes);
    data_.run_due(clock_.now());
    if (clock_.now() < data_.unavailable_until) co_return Error{ErrorCode::unavailable, "store", "no connection"};
    co_return Result<void>();
}

Store::Task<std::optional<KeyValue>> SimStore::get(std::string key) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const auto found = data_.entries.find(key);
    if (found == data_.entries.end()) co_return std::optional<KeyValue>();
    co_return std::optional<KeyValue>(found->second);
}

Store::Task<std::vector<KeyValue>> SimStore::list(std::string prefix) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    std::vector<KeyValue> entries;
    for (auto at = data_.entries.lower_bound(prefix); at != data_.entries.end() && at->first.starts_with(prefix); ++at)
        entries.push_back(at->second);
    co_return entries;
}

Store::Task<Revision> SimStore::revision() {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    co_return data_.revision;
}

Store::Task<Commit> SimStore::commit(Transaction transaction) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const bool puts = std::any_of(transaction.changes.begin(), transaction.changes.end(),
                                  [](const Change& change) { return change.kind == Change::Kind::put; });
    if (puts && clock_.now() < data_.full_until) co_return Error{ErrorCode::no_space, "store", "the quota is used up"};
    if (data_.lose_replies > 0) {
        --data_.lose_replies;
        data_.under_way.emplace(clock_.now() + data_.late, transaction);
        data_.run_due(clock_.now());
        co_await clock_.sleep_for(call_timeout);
        co_return Error{ErrorCode::timed_out, "store", "no answer within 5 s"};
    }
    auto result = data_.commit(transaction, clock_.now());
    co_await crashes_.pass(io_);
    co_return result;
}

std::unique_ptr<WatchHandle> SimStore::watch(std::string prefix, Revision after,
                                             std::function<void(const std::vector<WatchEvent>&)> changed,
                                             std::function<void()> compacted) {
    auto watched =
        std::make_shared<Watched>(Watched{std::move(prefix), after, std::move(changed), std::move(compacted)});
    watches_.push_back(watched);
    tell(watched);
    return std::make_unique<Handle>(std::move(watched));
}

void SimStore::tell(Instant) {
    watches_.remove_if([](const auto& watched) { return watched.expired(); });
    for (const auto& watched : watches_) tell(watched.lock());
}

void SimStore::tell(const std::shared_ptr<Watched>& watched) {
    const auto since =
        std::upper_bound(data_.history.begin(), data_.history.end(), watched->told,
                         [](Revision told, const WatchEvent& event) { return told < event.entry.mod_revision; });
    std::vector<WatchEvent> wanted;
    std::copy_if(since, data_.history.end(), std::back_inserter(wanted),
                 [&](const WatchEvent& event) { return event.entry.key.starts_with(watched->prefix); });
    watched->told = std::max(watched->told, data_.revision);
    if (wanted.empty()) return;
    boost::asio::post(io_, [weak = std::weak_ptr<Watched>(watched), wanted = std::move(wanted)] {
        if (const auto alive = weak.lock()) alive->changed(wanted);
    });
}

Store::Task<LeaseId> SimStore::grant(Duration time_to_live) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    co_return data_.grant(time_to_live, clock_.now());
}

Store::Task<void> SimStore::keep_alive(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    if (!data_.keep_alive(lease, clock_.now())) co_return lease_gone();
    co_return Result<void>();
}

Store::Task<void> SimStore::revoke(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    if (!data_.revoke(lease, clock_.now())) co_return lease_gone();
    co_return Result<void>();
}

}  // namespace ballast::sim
