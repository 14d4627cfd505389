// A bound on how many do something at once, and on how many wait for it, in the order they came. One thread.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <memory>
#include <optional>

namespace ballast::power {

class Gate {
public:
    Gate(std::size_t places, std::size_t waiters) : state_(std::make_shared<State>()) {
        state_->free = places;
        state_->waiters = waiters;
    }

    /// Given back when the last copy is gone, after the gate itself if need be.
    using Place = std::shared_ptr<void>;

    /// Nothing: too many wait already.
    boost::asio::awaitable<std::optional<Place>> enter() { return enter(state_); }

    /// Nobody is in and nobody waits.
    bool idle() const { return state_.use_count() == 1; }

private:
    struct Waiter {
        explicit Waiter(const boost::asio::any_io_executor& executor) : turn(executor) {
            turn.expires_at(boost::asio::steady_timer::time_point::max());
        }
        boost::asio::steady_timer turn;
        bool admitted = false;
    };
    struct State {
        std::size_t free = 0;
        std::size_t waiters = 0;
        std::deque<std::weak_ptr<Waiter>> queue;

        void leave() {
            ++free;
            while (free > 0 && !queue.empty()) {
                const auto next = queue.front().lock();
                queue.pop_front();
                if (!next) continue;
                --free;
                next->admitted = true;
                next->turn.cancel();
            }
        }
    };

    static boost::asio::awaitable<std::optional<Place>> enter(std::shared_ptr<State> state) {
        if (state->free > 0) {
            --state->free;
            co_return place_in(state);
        }
        if (state->queue.size() >= state->waiters) co_return std::nullopt;
        auto executor = co_await boost::asio::this_coro::executor;
        auto waiter = std::make_shared<Waiter>(executor);
        state->queue.push_back(waiter);
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await waiter->turn.async_wait(token);
        if (!waiter->admitted) co_return std::nullopt;
        co_return place_in(state);
    }
    static std::optional<Place> place_in(const std::shared_ptr<State>& state) {
        return Place(nullptr, [state](void*) { state->leave(); });
    }

    std::shared_ptr<State> state_;
};

}  // namespace ballast::power
