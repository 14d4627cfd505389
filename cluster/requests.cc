#include "cluster/requests.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "cluster/keys.h"
#include "cluster/parts.h"

namespace ballast::cluster {

namespace json = boost::json;

namespace {
// Events are hints: what none told of is found by reading.
constexpr Duration requests_read_again = std::chrono::seconds{2};
constexpr std::size_t most_parts = 100;  // a reply is for people, and passes through the memory of two members

std::string part_key(const std::string& reply_key, std::size_t number) {
    char digits[8];
    std::snprintf(digits, sizeof digits, "/%03zu", number);
    return reply_key + digits;
}

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
        const Instant next = std::min(until, clock_.now() + requests_read_again);
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await (wake->async_wait(token) || clock_.sleep_until(next));
        std::string key = reply_key;
        const auto reply = co_await store_.get(std::move(key));
        if (!reply || !*reply) continue;
        auto value = co_await whole(**reply);
        if (!value && value.error().code == ErrorCode::not_found) continue;
        const LeaseId done = *lease;
        boost::asio::co_spawn(executor_, store_.revoke(done), boost::asio::detached);  // takes the reply along
        co_return value;
    }
    const LeaseId given_up = *lease;
    boost::asio::co_spawn(executor_, store_.revoke(given_up),
                          boost::asio::detached);  // nobody is to act on it any more
    co_return no_reply();
}

// A reply that no value would hold says how many parts it has, which were put before it. Error not_found: they are not
// all to be read yet.
Requests::Task<json::value> Requests::whole(KeyValue reply) {
    boost::system::error_code failure;
    json::value value = json::parse(reply.value, failure);
    const json::object* fields = failure ? nullptr : value.if_object();
    const json::value* count = fields ? fields->if_contains("parts") : nullptr;
    if (count && count->is_int64() && fields->size() == 1) {
        const auto expected = static_cast<std::size_t>(count->get_int64());
        std::string prefix = reply.key + "/";
        const auto parts = co_await store_.list(std::move(prefix));
        if (!parts) co_return parts.error();
        if (parts->size() != expected) co_return Error{ErrorCode::not_found, "leader", "its reply is not whole"};
        json::stream_parser parser;
        for (const KeyValue& part : *parts) {
            const auto text = inflated(part.value);
            if (!text) co_return text.error();
            parser.write(*text, failure);
            if (failure) break;
        }
        if (!failure) parser.finish(failure);
        if (!failure) value = parser.release();
    }
    if (failure) co_return Error{ErrorCode::corrupt, "leader", failure.message()};
    co_return value;
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
        co_await clock_.sleep_for(requests_read_again);
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
        std::string text;
        {
            const auto reply = co_await handler_(std::move(request));
            text = json::serialize(reply);
        }
        const std::string id = entry.key.substr(std::string(requests_prefix).size());
        std::string key = replies_prefix + id;
        if (text.size() > largest_part) text = co_await put_parts(key, std::move(text), entry.lease);
        const auto told = co_await put(std::move(key), std::move(text), entry.lease);
        (void)told;  // who asked has given up by then, or will
    }
    serving_.erase(entry.key);
}

// What says how many there are, and is the reply then. One after the other: while one is written others have their
// turn.
boost::asio::awaitable<std::string> Desk::put_parts(std::string key, std::string text, LeaseId lease) {
    const std::size_t count = (text.size() + largest_part - 1) / largest_part;
    bool whole = count <= most_parts;
    for (std::size_t i = 0; whole && i < count; ++i) {
        std::string part = deflated(std::string_view(text).substr(i * largest_part, largest_part));
        whole = co_await put(part_key(key, i), std::move(part), lease);
    }
    json::object reply{{"too_large", true}};
    if (whole) reply = {{"parts", count}};
    co_return json::serialize(reply);
}

// Who asked and does not get it has given up by then, or will.
boost::asio::awaitable<bool> Desk::put(std::string key, std::string value, LeaseId lease) {
    Transaction put;
    put.changes.push_back({Change::Kind::put, std::move(key), std::move(value), lease});
    const auto done = co_await store_.commit(std::move(put));
    co_return done && done->committed;
}

}  // namespace ballast::cluster
