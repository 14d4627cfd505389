#include "cluster/calls.h"
#include "cluster/keys.h"

namespace ballast::cluster {

namespace {
// Events are hints: a call that none told of is found by reading.
constexpr Duration calls_read_again = std::chrono::seconds{5};
constexpr Duration store_retry = std::chrono::milliseconds{500};
constexpr int claim_tries = 4;

Error no_answer(const HostId& host) {
    return {ErrorCode::timed_out, host.value, "its agent ended before it had answered"};
}
}  // namespace

struct Callee::Serving {
    KeyValue entry;  // as last read or written
    Call call;
};

Callee::Callee(boost::asio::any_io_executor executor, Clock& clock, Store& store, HostId host,
               std::function<std::optional<Revision>()> incarnation, Handler handler)
    : executor_(std::move(executor)),
      clock_(clock),
      store_(store),
      host_(std::move(host)),
      incarnation_(std::move(incarnation)),
      handler_(std::move(handler)) {}

boost::asio::awaitable<void> Callee::run() {
    bool fresh = true;  // what is claimed by now was claimed by a process that is dead
    for (;;) {
        const auto revision = co_await read_all(fresh);
        if (revision) fresh = false;
        if (revision && !watching_) {
            std::string prefix = calls_of(host_);
            std::function<void(const std::vector<WatchEvent>&)> changed = [this](const auto& events) {
                for (const WatchEvent& event : events)
                    if (event.kind == WatchEvent::Kind::put) begin(event.entry);
            };
            std::function<void()> compacted = [this] { watching_.reset(); };  // read again below, and watched anew
            watching_ = store_.watch(std::move(prefix), *revision, std::move(changed), std::move(compacted));
        }
        const Duration pause = revision ? calls_read_again : store_retry;
        co_await clock_.sleep_for(pause);
    }
}

boost::asio::awaitable<Result<Revision>> Callee::read_all(bool fresh) {
    Result<Revision> revision = Revision{};
    if (!watching_) revision = co_await store_.revision();
    if (!revision) co_return revision.error();
    std::string prefix = calls_of(host_);
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    for (const KeyValue& entry : *entries) {
        const auto call = call_from(entry.value);
        if (!fresh || !call || call->claimed_by == 0) {
            begin(entry);
            continue;
        }
        const auto serving = std::make_shared<Serving>(Serving{entry, *call});
        serving_[entry.key] = serving;
        Answer lost = no_answer(host_);
        co_await answer(serving, std::move(lost));
    }
    co_return *revision;
}

void Callee::begin(const KeyValue& entry) {
    const auto call = call_from(entry.value);
    if (!call || call->claimed_by != 0 || serving_.contains(entry.key)) return;
    const auto serving = std::make_shared<Serving>(Serving{entry, *call});
    serving_[entry.key] = serving;
    boost::asio::co_spawn(executor_, serve(serving), boost::asio::detached);
}

boost::asio::awaitable<void> Callee::serve(ServingPtr serving) {
    Claim claim_it = [this, serving](std::vector<Compare> also) { return claim(serving, std::move(also)); };
    Call call = serving->call;
    auto result = co_await handler_(std::move(call), std::move(claim_it));
    co_await answer(serving, std::move(result));
}

boost::asio::awaitable<bool> Callee::claim(ServingPtr serving, std::vector<Compare> also) {
    for (int i = 0; i < claim_tries; ++i) {
        const auto incarnation = incarnation_();
        if (!incarnation) co_return false;
        serving->call.claimed_by = *incarnation;
        std::string text = to_text(serving->call);
        const auto claimed = co_await claim_once(serving, std::move(text), also);
        if (claimed) co_return *claimed&& incarnation_() == incarnation;
        co_await clock_.sleep_for(store_retry);
    }
    co_return false;
}

// Nothing: it is not known whether it was.
boost::asio::awaitable<std::optional<bool>> Callee::claim_once(ServingPtr serving, std::string text,
                                                               std::vector<Compare> also) {
    Transaction claim;
    claim.guards = std::move(also);
    claim.guards.push_back({Compare::Kind::mod_revision_is, serving->entry.key, serving->entry.mod_revision, {}});
    claim.guards.push_back({Compare::Kind::create_revision_is, leader_key, serving->call.term, {}});
    claim.guards.push_back({Compare::Kind::create_revision_is, agent_key(host_), serving->call.claimed_by, {}});
    if (const auto& condition = serving->call.only_while)
        claim.guards.push_back({Compare::Kind::value_is, condition->key, 0, condition->value});
    claim.changes.push_back({Change::Kind::put, serving->entry.key, text, 0});
    const auto commit = co_await store_.commit(std::move(claim));
    if (commit && commit->committed) {
        serving->entry.mod_revision = commit->revision;
        co_return true;
    }
    // An earlier try of ours may have come through whose answer was lost.
    std::string key = serving->entry.key;
    const auto found = co_await store_.get(std::move(key));
    if (!found) co_return std::nullopt;
    if (*found && (*found)->value == text) {
        serving->entry.mod_revision = (*found)->mod_revision;
        co_return true;
    }
    if (commit) co_return false;
    co_return std::nullopt;
}

// Until it is there: whoever asked waits for it, and what was claimed counts as under way. The call goes with it.
boost::asio::awaitable<void> Callee::answer(ServingPtr serving, Answer answer) {
    const std::string id = serving->entry.key.substr(calls_of(host_).size());
    std::string text = to_text(answer);
    for (;;) {
        Transaction put;
        put.guards.push_back({Compare::Kind::mod_revision_is, serving->entry.key, serving->entry.mod_revision, {}});
        put.changes.push_back({Change::Kind::put, answers_of(host_) + id, text, 0});
        put.changes.push_back({Change::Kind::erase, serving->entry.key, {}, 0});
        const auto commit = co_await store_.commit(std::move(put));
        if (commit) break;  // or it was taken back, or answered by a try whose answer was lost
        if (commit.error().code == ErrorCode::invalid)
            text = to_text(Error{ErrorCode::no_space, host_.value, "its agent's answer is too large for the store"});
        co_await clock_.sleep_for(store_retry);
    }
    serving_.erase(serving->entry.key);
}

}  // namespace ballast::cluster
