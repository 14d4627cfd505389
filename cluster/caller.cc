#include <cstdio>

#include "cluster/calls.h"
#include "cluster/keys.h"

namespace ballast::cluster {

namespace json = boost::json;

namespace {
// Events are hints: an answer that none told of is found by reading.
constexpr Duration look_again = std::chrono::seconds{5};
constexpr Duration settle_again = std::chrono::milliseconds{500};
constexpr int settle_tries = 4;

Change erase(std::string key) {
    return {Change::Kind::erase, std::move(key), {}, 0};
}

Error not_begun(const HostId& host, const std::string& why) {
    return {ErrorCode::unavailable, host.value, why};
}
}  // namespace

struct Caller::Pending {
    Pending(const boost::asio::any_io_executor& executor, HostId of, const std::string& id)
        : host(std::move(of)),
          call_key(calls_of(host) + id),
          answer_key(answers_of(host) + id),
          wake(executor, boost::asio::steady_timer::time_point::max()) {}
    HostId host;
    std::string call_key, answer_key;
    std::optional<Answer> answer;
    boost::asio::steady_timer wake;
};

Caller::Task<void> Caller::start() {
    const auto revision = co_await store_.revision();
    if (!revision) co_return revision.error();
    for (const char* prefix : {calls_prefix, answers_prefix}) {
        std::string all = prefix;
        const auto swept = co_await sweep(std::move(all));
        if (!swept) co_return swept.error();
    }
    watch_answers(*revision);
    co_return Result<void>();
}

// What was missed meanwhile is no loss: whoever waits reads again by himself.
void Caller::watch_answers(Revision after) {
    std::function<void(const std::vector<WatchEvent>&)> changed = [this](const auto& events) { heard(events); };
    std::function<void()> compacted = [this] { watching_.reset(); };  // the next call watches anew
    watching_ = store_.watch(answers_prefix, after, std::move(changed), std::move(compacted));
}

// Calls of earlier terms that nobody has claimed cannot be any more, and nobody waits for their answers. What has been
// claimed is its agent's to end.
Caller::Task<void> Caller::sweep(std::string prefix) {
    std::string all = prefix;
    const auto entries = co_await store_.list(std::move(all));
    if (!entries) co_return entries.error();
    for (const KeyValue& entry : *entries) {
        const auto call = call_from(entry.value);
        if (prefix == calls_prefix && call && call->claimed_by != 0) continue;
        Transaction remove;
        remove.guards.push_back({Compare::Kind::mod_revision_is, entry.key, entry.mod_revision, {}});
        remove.changes.push_back(erase(entry.key));
        const auto removed = co_await store_.commit(std::move(remove));
        if (!removed) co_return removed.error();
    }
    co_return Result<void>();
}

void Caller::heard(const std::vector<WatchEvent>& events) {
    for (const WatchEvent& event : events) {
        const auto found = pending_.find(event.entry.key);
        if (found == pending_.end() || event.kind != WatchEvent::Kind::put) continue;
        found->second->answer = answer_from(event.entry.value);
        found->second->wake.cancel();
    }
}

Caller::Task<json::value> Caller::call(HostId host, std::string method, json::object arguments, bool changes,
                                       Duration within) {
    return send(std::move(host), Call{std::move(method), std::move(arguments), changes, term_, 0, {}}, within);
}

Caller::Task<json::value> Caller::call_while(Condition condition, HostId host, std::string method,
                                             json::object arguments, Duration within) {
    Call call{std::move(method), std::move(arguments), true, term_, 0, std::move(condition)};
    return send(std::move(host), std::move(call), within);
}

Caller::Task<json::value> Caller::send(HostId host, Call call, Duration within) {
    const Instant until = clock_.now() + within;
    if (!watching_) {
        const auto revision = co_await store_.revision();
        if (revision && !watching_) watch_answers(*revision);
    }
    const bool clear = co_await settle_all(host);
    if (!clear) co_return not_begun(host, "it is not known yet what became of an earlier call");
    char id[48];
    std::snprintf(id, sizeof id, "%012lld-%08llu", static_cast<long long>(term_),
                  static_cast<unsigned long long>(++last_));
    const auto pending = std::make_shared<Pending>(executor_, host, id);
    pending_[pending->answer_key] = pending;
    std::string text = to_text(call);
    const bool may_be_there = co_await place(pending, std::move(text));
    if (may_be_there) co_await await_answer(pending, until);
    Fate fate = pending->answer ? Fate::answered : may_be_there ? Fate::unknown : Fate::void_;
    if (fate == Fate::unknown) fate = co_await settle(pending);
    pending_.erase(pending->answer_key);
    if (fate == Fate::answered) {
        forget(pending);
        co_return *pending->answer;
    }
    if (fate == Fate::void_) co_return not_begun(host, "its agent did not begin it in time");
    if (fate == Fate::unknown) unsettled_[host].push_back(pending);
    co_return Error{ErrorCode::timed_out, host.value, "its agent has begun it and did not answer in time"};
}

// False: it is not there and never will be.
boost::asio::awaitable<bool> Caller::place(PendingPtr pending, std::string text) {
    Transaction put;
    put.guards.push_back({Compare::Kind::absent, pending->call_key, 0, {}});
    put.guards.push_back({Compare::Kind::absent, pending->answer_key, 0, {}});
    put.changes.push_back({Change::Kind::put, pending->call_key, std::move(text), 0});
    const auto commit = co_await store_.commit(std::move(put));
    if (commit) co_return commit->committed;
    const ErrorCode code = commit.error().code;
    co_return code != ErrorCode::no_space&& code != ErrorCode::invalid;
}

boost::asio::awaitable<void> Caller::await_answer(PendingPtr pending, Instant until) {
    using namespace boost::asio::experimental::awaitable_operators;
    while (!pending->answer && clock_.now() < until) {
        const Instant next = std::min(until, clock_.now() + look_again);
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await (pending->wake.async_wait(token) || clock_.sleep_until(next));
        if (!pending->answer) co_await read_answer(pending);
    }
}

boost::asio::awaitable<bool> Caller::read_answer(PendingPtr pending) {
    std::string key = pending->answer_key;
    const auto found = co_await store_.get(std::move(key));
    if (!found) co_return false;
    if (*found && !pending->answer) pending->answer = answer_from((*found)->value);
    co_return true;
}

boost::asio::awaitable<Caller::Fate> Caller::settle(PendingPtr pending) {
    for (int i = 0; i < settle_tries; ++i) {
        const Fate fate = co_await settle_once(pending);
        if (fate != Fate::unknown) co_return fate;
        co_await clock_.sleep_for(settle_again);
    }
    co_return Fate::unknown;
}

// What is read may be old: only what is committed counts. The call is taken back; where it is not there, its answer's
// key is taken instead, so that a placing which is still on its way fails.
boost::asio::awaitable<Caller::Fate> Caller::settle_once(PendingPtr pending) {
    const bool read = co_await read_answer(pending);
    if (pending->answer) co_return Fate::answered;
    if (!read) co_return Fate::unknown;
    std::string key = pending->call_key;
    const auto call = co_await store_.get(std::move(key));
    if (!call) co_return Fate::unknown;
    const auto found = *call ? call_from((*call)->value) : Result<Call>(Call{});
    if (found && found->claimed_by != 0) co_return Fate::claimed;
    Transaction withdraw;
    withdraw.guards.push_back(
        {Compare::Kind::mod_revision_is, pending->call_key, *call ? (*call)->mod_revision : 0, {}});
    withdraw.guards.push_back({Compare::Kind::absent, pending->answer_key, 0, {}});
    if (*call) withdraw.changes.push_back(erase(pending->call_key));
    const Answer taken_back = not_begun(pending->host, "taken back");
    if (!*call) withdraw.changes.push_back({Change::Kind::put, pending->answer_key, to_text(taken_back), 0});
    const auto commit = co_await store_.commit(std::move(withdraw));
    co_return commit && commit->committed ? Fate::void_ : Fate::unknown;
}

// True: of every call to this host it is known what became of it, or that its agent will see to it.
boost::asio::awaitable<bool> Caller::settle_all(HostId host) {
    while (!unsettled_[host].empty()) {
        const PendingPtr pending = unsettled_[host].back();
        const Fate fate = co_await settle_once(pending);
        if (fate == Fate::unknown) co_return false;
        if (fate == Fate::answered) forget(pending);
        std::erase(unsettled_[host], pending);
    }
    co_return true;
}

void Caller::forget(PendingPtr pending) {
    Transaction remove;
    remove.changes.push_back(erase(pending->answer_key));
    boost::asio::co_spawn(executor_, store_.commit(std::move(remove)), boost::asio::detached);
}

}  // namespace ballast::cluster
