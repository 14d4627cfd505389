#include "cluster/election.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <memory>

#include "cluster/keys.h"

namespace ballast::cluster {

Election::Election(boost::asio::any_io_executor executor, Clock& clock, Store& store, std::string member,
                   Duration time_to_live)
    : executor_(std::move(executor)),
      clock_(clock),
      store_(store),
      member_(std::move(member)),
      key_(clock, store, leader_key, time_to_live) {}

boost::asio::awaitable<Revision> Election::win() {
    for (;;) {
        const bool free = co_await seems_free();
        Result<Hold> taken = Hold::not_ours;
        if (free) {
            Transaction together;  // nobody leads from a store that is being filled
            together.guards.push_back({Compare::Kind::absent, closed_key, 0, {}});
            taken = co_await key_.take(member_, std::move(together));
        }
        const auto term = key_.held();
        if (taken && *taken == Hold::ours && term) co_return *term;
        co_await until_free();
    }
}

// To try writes three times, and the members that do not lead would all day long. What is read may be old: that delays
// an election by a beat, and gives nobody a term.
boost::asio::awaitable<bool> Election::seems_free() {
    std::string key = leader_key;
    const auto there = co_await store_.get(std::move(key));
    co_return !there || !*there;
}

// The watch makes it quick, the clock makes it certain: a lost event delays an election by a beat.
boost::asio::awaitable<void> Election::until_free() {
    using namespace boost::asio::experimental::awaitable_operators;
    auto gone = std::make_shared<boost::asio::steady_timer>(executor_, boost::asio::steady_timer::time_point::max());
    std::function<void(const std::vector<WatchEvent>&)> changed = [gone](const std::vector<WatchEvent>& events) {
        if (!events.empty() && events.back().kind == WatchEvent::Kind::erase) gone->cancel();
    };
    std::function<void()> compacted = [] {};
    const auto revision = co_await store_.revision();
    std::unique_ptr<WatchHandle> watching;
    if (revision) watching = store_.watch(leader_key, *revision, std::move(changed), std::move(compacted));
    auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    const Duration beat = beat_every(key_.time_to_live());
    co_await (gone->async_wait(token) || clock_.sleep_for(beat));
}

boost::asio::awaitable<Result<void>> Election::resign() {
    const auto given_up = co_await key_.give_up();
    co_return given_up;
}

}  // namespace ballast::cluster
