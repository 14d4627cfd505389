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
    Revision told = 0;     // everything up to it was told, or was none of its business
    std::size_t next = 0;  // of the history: the first one after that
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
    if (crashes_.passes()) co_await crashes_.happens(io_);
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

// Never of before what it has told already: the client would not take that.
Revision SimStore::read_at() {
    if (link_.stale <= Duration{}) return data_.revision;
    const Duration age(std::uniform_int_distribution<Duration::rep>(0, link_.stale.count())(data_.dice));
    return std::max(data_.revision_at(clock_.now() - age), told_);
}

std::vector<KeyValue> SimStore::read(const std::string& prefix) {
    const Revision then = read_at();
    const auto past = then < data_.revision ? data_.at(then, prefix) : std::map<std::string, KeyValue>();
    const auto& state = then < data_.revision ? past : data_.entries;
    std::vector<KeyValue> found;
    for (auto at = state.lower_bound(prefix); at != state.end() && at->first.starts_with(prefix); ++at)
        found.push_back(at->second);
    return found;
}

std::optional<KeyValue> SimStore::read_one(const std::string& key) {
    const Revision then = read_at();
    const auto past = then < data_.revision ? data_.at(then, key) : std::map<std::string, KeyValue>();
    const auto& state = then < data_.revision ? past : data_.entries;
    const auto found = state.find(key);
    return found == state.end() ? std::nullopt : std::optional(found->second);
}

Store::Task<std::optional<KeyValue>> SimStore::get(std::string key) {
    const auto fine = store::check_key(key);
    if (!fine) co_return fine.error();
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const auto found = read_one(key);
    if (!answers_at_once()) {
        const auto answered = co_await answer();
        if (!answered) co_return answered.error();
    }
    co_return found;
}

Store::Task<std::vector<KeyValue>> SimStore::list(std::string prefix) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    auto found = read(prefix);
    if (!answers_at_once()) {
        const auto answered = co_await answer();
        if (!answered) co_return answered.error();
    }
    co_return found;
}

Store::Task<Revision> SimStore::revision() {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const Revision revision = read_at();
    if (!answers_at_once()) {
        const auto answered = co_await answer();
        if (!answered) co_return answered.error();
    }
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
    if (crashes_.passes()) co_await crashes_.happens(io_);
    if (!answers_at_once()) {
        const auto answered = co_await answer();
        if (!answered) co_return answered.error();
    }
    if (result) told_ = std::max(told_, result->revision);
    co_return result;
}

// ---- watches

std::unique_ptr<WatchHandle> SimStore::watch(std::string prefix, Revision after,
                                             std::function<void(const std::vector<WatchEvent>&)> changed,
                                             std::function<void()> compacted) {
    const auto& history = data_.history;
    const auto next =
        std::upper_bound(history.begin(), history.end(), after,
                         [](Revision told, const WatchEvent& later) { return told < later.entry.mod_revision; });
    auto watched =
        std::make_shared<Watched>(Watched{std::move(prefix), after, static_cast<std::size_t>(next - history.begin()),
                                          std::move(changed), std::move(compacted)});
    watches_.push_back(watched);
    all_told_ = 0;
    tell(watched);
    return std::make_unique<Handle>(std::move(watched));
}

std::size_t SimStore::next_wanted(const Watched& watched) const {
    const auto& history = data_.history;
    std::size_t at = watched.next;
    while (at < history.size() && !history[at].entry.key.starts_with(watched.prefix)) ++at;
    return at;
}

void SimStore::tell(Instant) {
    if (all_told_ == data_.revision) return;
    bool all = true;
    for (auto at = watches_.begin(); at != watches_.end();) {
        const auto watched = at->lock();
        if (!watched || watched->over) {
            at = watches_.erase(at);
            continue;
        }
        ++at;
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
    const auto& history = data_.history;
    const auto wanted = std::make_shared<std::vector<WatchEvent>>();
    std::size_t& next = watched->next;
    for (; next < history.size() && history[next].entry.mod_revision <= until; ++next)
        if (history[next].entry.key.starts_with(watched->prefix)) wanted->push_back(history[next]);
    watched->told = std::max(watched->told, until);
    if (wanted->empty() || (link_.lose_events > 0 && link_.lose_events-- > 0)) return;
    if (link_.compact_watches > 0 && link_.compact_watches-- > 0) return compact(watched);
    const bool twice = link_.double_events > 0 && link_.double_events-- > 0;
    ++posts_;
    for (int times = twice ? 2 : 1; times > 0; --times)
        boost::asio::post(io_, [weak = std::weak_ptr<Watched>(watched), wanted] {
            if (const auto alive = weak.lock()) alive->changed(*wanted);
        });
}

void SimStore::compact(const std::shared_ptr<Watched>& watched) {
    watched->over = true;
    ++posts_;
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
        const std::size_t waiting = next_wanted(*watched);
        const bool forgotten = watched->told + 1 < data_.compacted;
        if (waiting == data_.history.size() && !forgotten) continue;
        Instant due = link_.watches_silent_until;
        if (!forgotten)
            due = std::max(due, data_.time_of(data_.history[waiting].entry.mod_revision) + link_.watch_delay);
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
    if (!answers_at_once()) {
        const auto answered = co_await answer();
        if (!answered) co_return answered.error();
    }
    co_return lease;
}

Store::Task<void> SimStore::keep_alive(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const bool kept = data_.keep_alive(lease, clock_.now()) || link_.keepalive_lies;
    if (!answers_at_once()) {
        const auto answered = co_await answer();
        if (!answered) co_return answered.error();
    }
    if (!kept) co_return lease_gone();
    co_return Result<void>();
}

Store::Task<void> SimStore::revoke(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const bool revoked = data_.revoke(lease, clock_.now());
    if (!answers_at_once()) {
        const auto answered = co_await answer();
        if (!answered) co_return answered.error();
    }
    if (!revoked) co_return lease_gone();
    co_return Result<void>();
}

}  // namespace ballast::sim
