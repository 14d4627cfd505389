#include "sim/sim_store.h"

#include <algorithm>

#include "store/rules.h"

namespace ballast::sim {

namespace {
Error lease_gone() {
    return {ErrorCode::not_found, "lease", "no such lease"};
}
Error full() {
    return {ErrorCode::no_space, "store", "the quota is used up"};
}
Error no_answer() {
    return {ErrorCode::timed_out, "store", "no answer"};
}
}  // namespace

struct SimStore::Watched {
    std::string prefix;
    Revision told = 0;  // everything up to it was told, or was none of its business
    std::function<void(const std::vector<WatchEvent>&)> changed;
    std::function<void()> compacted;
    bool over = false;
};

struct SimStore::Handle : WatchHandle {
    explicit Handle(std::shared_ptr<Watched> keep) : watched(std::move(keep)) {}
    std::shared_ptr<Watched> watched;
};

SimStore::SimStore(boost::asio::io_context& io, Clock& clock, StoreData& data, CrashPoints& crashes, StoreLink& link)
    : io_(io), clock_(clock), data_(data), crashes_(crashes), link_(link) {
    data_.clients.push_back(this);
}

SimStore::~SimStore() {
    std::erase(data_.clients, static_cast<StoreClient*>(this));
}

// ---- there and back

Store::Task<void> SimStore::reach() {
    co_await crashes_.pass(io_);
    co_await clock_.sleep_for(link_.request_takes);
    data_.run_due(clock_.now());
    const bool cut = link_.cut;
    if (cut) co_await clock_.sleep_for(link_.timeout);
    if (cut || clock_.now() < data_.unavailable_until)
        co_return Error{ErrorCode::unavailable, "store", "no connection"};
    co_return Result<void>();
}

Store::Task<void> SimStore::answer() {
    co_await clock_.sleep_for(link_.reply_takes);
    if (!link_.cut && !link_.deaf) co_return Result<void>();
    co_await clock_.sleep_for(link_.timeout);
    co_return no_answer();
}

// ---- reading

Revision SimStore::read_at() {
    if (link_.stale <= Duration{}) return data_.revision;
    const Duration age(std::uniform_int_distribution<Duration::rep>(0, link_.stale.count())(data_.dice));
    return data_.revision_at(clock_.now() - age);
}

std::vector<KeyValue> SimStore::read(const std::string& prefix) {
    const Revision then = read_at();
    const auto past = then < data_.revision ? data_.at(then) : std::map<std::string, KeyValue>();
    const auto& state = then < data_.revision ? past : data_.entries;
    std::vector<KeyValue> found;
    for (auto at = state.lower_bound(prefix); at != state.end() && at->first.starts_with(prefix); ++at)
        found.push_back(at->second);
    return found;
}

Store::Task<std::optional<KeyValue>> SimStore::get(std::string key) {
    const auto fine = store::check_key(key);
    if (!fine) co_return fine.error();
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const auto found = read(key);  // the key itself comes first
    const auto answered = co_await answer();
    if (!answered) co_return answered.error();
    if (found.empty() || found.front().key != key) co_return std::optional<KeyValue>();
    co_return std::optional<KeyValue>(found.front());
}

Store::Task<std::vector<KeyValue>> SimStore::list(std::string prefix) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    auto found = read(prefix);
    const auto answered = co_await answer();
    if (!answered) co_return answered.error();
    co_return found;
}

Store::Task<Revision> SimStore::revision() {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const Revision revision = read_at();
    const auto answered = co_await answer();
    if (!answered) co_return answered.error();
    co_return revision;
}

// ---- changing

bool SimStore::loses_reply() {
    unsigned& left = link_.lose_replies > 0 ? link_.lose_replies : data_.lose_replies;
    return left > 0 && left-- > 0;
}

Store::Task<Commit> SimStore::commit(Transaction transaction) {
    const auto fine = store::check_transaction(transaction);
    if (!fine) co_return fine.error();
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const bool puts = std::any_of(transaction.changes.begin(), transaction.changes.end(),
                                  [](const Change& change) { return change.kind == Change::Kind::put; });
    if (puts && clock_.now() < data_.full_until) co_return full();
    const Duration late = link_.lose_replies > 0 ? link_.late : data_.late;
    if (loses_reply()) {
        data_.under_way.emplace(clock_.now() + late, transaction);
        data_.run_due(clock_.now());
        co_await clock_.sleep_for(link_.timeout);
        co_return no_answer();
    }
    auto result = data_.commit(transaction, clock_.now());
    co_await crashes_.pass(io_);
    const auto answered = co_await answer();
    if (!answered) co_return answered.error();
    co_return result;
}

// ---- watches

std::unique_ptr<WatchHandle> SimStore::watch(std::string prefix, Revision after,
                                             std::function<void(const std::vector<WatchEvent>&)> changed,
                                             std::function<void()> compacted) {
    auto watched =
        std::make_shared<Watched>(Watched{std::move(prefix), after, std::move(changed), std::move(compacted)});
    watches_.push_back(watched);
    all_told_ = 0;
    tell(watched);
    return std::make_unique<Handle>(std::move(watched));
}

std::vector<WatchEvent> SimStore::unheard(const Watched& watched, Revision until) const {
    auto event =
        std::upper_bound(data_.history.begin(), data_.history.end(), watched.told,
                         [](Revision told, const WatchEvent& later) { return told < later.entry.mod_revision; });
    std::vector<WatchEvent> wanted;
    for (; event != data_.history.end() && event->entry.mod_revision <= until; ++event)
        if (event->entry.key.starts_with(watched.prefix)) wanted.push_back(*event);
    return wanted;
}

void SimStore::tell(Instant) {
    if (all_told_ == data_.revision) return;
    watches_.remove_if([](const auto& watched) { return watched.expired() || watched.lock()->over; });
    bool all = true;
    for (const auto& weak : watches_) {
        const auto watched = weak.lock();
        tell(watched);
        all = all && watched->told == data_.revision;
    }
    if (all) all_told_ = data_.revision;
}

void SimStore::tell(const std::shared_ptr<Watched>& watched) {
    if (link_.silent(clock_.now())) return;
    if (watched->told + 1 < data_.compacted) return compact(watched);
    const bool late = link_.watch_delay > Duration{};
    const Revision until = late ? data_.revision_at(clock_.now() - link_.watch_delay) : data_.revision;
    const auto wanted = unheard(*watched, until);
    watched->told = std::max(watched->told, until);
    if (wanted.empty() || (link_.lose_events > 0 && link_.lose_events-- > 0)) return;
    if (link_.compact_watches > 0 && link_.compact_watches-- > 0) return compact(watched);
    const bool twice = link_.double_events > 0 && link_.double_events-- > 0;
    ++data_.posts;
    for (int times = twice ? 2 : 1; times > 0; --times)
        boost::asio::post(io_, [weak = std::weak_ptr<Watched>(watched), wanted] {
            if (const auto alive = weak.lock()) alive->changed(wanted);
        });
}

void SimStore::compact(const std::shared_ptr<Watched>& watched) {
    watched->over = true;
    ++data_.posts;
    boost::asio::post(io_, [weak = std::weak_ptr<Watched>(watched)] {
        if (const auto alive = weak.lock()) alive->compacted();
    });
}

std::optional<Instant> SimStore::next_telling() const {
    if (link_.cut || link_.deaf || all_told_ == data_.revision) return std::nullopt;
    std::optional<Instant> next;
    for (const auto& weak : watches_) {
        const auto watched = weak.lock();
        if (!watched || watched->over) continue;
        const auto waiting = unheard(*watched, data_.revision);
        const bool forgotten = watched->told + 1 < data_.compacted;
        if (waiting.empty() && !forgotten) continue;
        Instant due = link_.watches_silent_until;
        if (!forgotten) due = std::max(due, data_.time_of(waiting.front().entry.mod_revision) + link_.watch_delay);
        if (!next || due < *next) next = due;
    }
    return next;
}

// ---- leases

Store::Task<LeaseId> SimStore::grant(Duration time_to_live) {
    const auto fine = store::check_time_to_live(time_to_live);
    if (!fine) co_return fine.error();
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    if (clock_.now() < data_.full_until) co_return full();
    const LeaseId lease = data_.grant(time_to_live, clock_.now());
    const auto answered = co_await answer();
    if (!answered) co_return answered.error();
    co_return lease;
}

Store::Task<void> SimStore::keep_alive(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const bool kept = data_.keep_alive(lease, clock_.now()) || link_.keepalive_lies;
    const auto answered = co_await answer();
    if (!answered) co_return answered.error();
    if (!kept) co_return lease_gone();
    co_return Result<void>();
}

Store::Task<void> SimStore::revoke(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const bool revoked = data_.revoke(lease, clock_.now());
    const auto answered = co_await answer();
    if (!answered) co_return answered.error();
    if (!revoked) co_return lease_gone();
    co_return Result<void>();
}

}  // namespace ballast::sim
