#include "cluster/requests.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "cluster/keys.h"

namespace ballast::cluster {

namespace json = boost::json;

namespace {
// Events are hints: what none told of is found by reading.
constexpr Duration read_again = std::chrono::seconds{2};
constexpr std::size_t largest_reply = 1000 * 1000;  // a value has at most 1 MiB

Error no_reply() {
    return {ErrorCode::timed_out, "leader", "no reply: there may be no leader just now"};
}
}  // namespace

Requests::Task<json::value> Requests::ask(json::value request, Duration within) {
    using namespace boost::asio::experimental::awaitable_operators;
    const Instant until = clock_.now() + within;
    const auto lease = co_await store_.grant(within * 2);
    if (!lease) co_return lease.error();
    const std::string id = member_ + "-" + std::to_string(*lease) + "-" + std::to_string(++last_);
    auto wake = std::make_shared<boost::asio::steady_timer>(executor_, boost::asio::steady_timer::time_point::max());
    Transaction put;
    put.changes.push_back({Change::Kind::put, requests_prefix + id, json::serialize(request), *lease});
    const auto placed = co_await store_.commit(std::move(put));
    if (!placed) co_return placed.error();
    const std::string reply_key = replies_prefix + id;
    std::function<void(const std::vector<WatchEvent>&)> changed = [wake](const auto&) { wake->cancel(); };
    std::function<void()> compacted = [wake] { wake->cancel(); };
    const auto watching = store_.watch(reply_key, placed->revision, std::move(changed), std::move(compacted));
    while (clock_.now() < until) {
        const Instant next = std::min(until, clock_.now() + read_again);
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await (wake->async_wait(token) || clock_.sleep_until(next));
        std::string key = reply_key;
        const auto reply = co_await store_.get(std::move(key));
        if (!reply || !*reply) continue;
        const LeaseId done = *lease;
        boost::asio::co_spawn(executor_, store_.revoke(done), boost::asio::detached);  // takes the reply along
        boost::system::error_code failure;
        json::value value = json::parse((*reply)->value, failure);
        if (failure) co_return Error{ErrorCode::corrupt, "leader", failure.message()};
        co_return value;
    }
    const LeaseId given_up = *lease;
    boost::asio::co_spawn(executor_, store_.revoke(given_up),
                          boost::asio::detached);  // nobody is to act on it any more
    co_return no_reply();
}

boost::asio::awaitable<void> Desk::run() {
    for (;;) {
        const auto revision = co_await store_.revision();
        std::string prefix = requests_prefix;
        const auto entries = co_await store_.list(std::move(prefix));
        if (entries)
            for (const KeyValue& entry : *entries) begin(entry);
        if (revision && !watching_) {
            prefix = requests_prefix;
            std::function<void(const std::vector<WatchEvent>&)> changed = [this](const auto& events) {
                for (const WatchEvent& event : events)
                    if (event.kind == WatchEvent::Kind::put) begin(event.entry);
            };
            std::function<void()> compacted = [this] { watching_.reset(); };
            watching_ = store_.watch(std::move(prefix), *revision, std::move(changed), std::move(compacted));
        }
        co_await clock_.sleep_for(read_again);
    }
}

void Desk::begin(const KeyValue& entry) {
    if (serving_.insert(entry.key).second) boost::asio::co_spawn(executor_, serve(entry), boost::asio::detached);
}

boost::asio::awaitable<void> Desk::serve(KeyValue entry) {
    Transaction take;
    take.guards.push_back({Compare::Kind::mod_revision_is, entry.key, entry.mod_revision, {}});
    take.changes.push_back({Change::Kind::erase, entry.key, {}, 0});
    const auto taken = co_await store_.commit(std::move(take));
    boost::system::error_code failure;
    json::value request = json::parse(entry.value, failure);
    if (taken && taken->committed && !failure) {
        const auto reply = co_await handler_(std::move(request));
        std::string text = json::serialize(reply);
        if (text.size() > largest_reply) text = json::serialize(json::object{{"too_large", true}});
        Transaction put;
        const std::string id = entry.key.substr(std::string(requests_prefix).size());
        put.changes.push_back({Change::Kind::put, replies_prefix + id, std::move(text), entry.lease});
        const auto told = co_await store_.commit(std::move(put));
        (void)told;  // who asked has given up by then, or will
    }
    serving_.erase(entry.key);
}

}  // namespace ballast::cluster
