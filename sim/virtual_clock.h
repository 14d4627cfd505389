// A Clock for tests and simulations: time stands still until it is advanced, and every sleep that is due then ends, in
// the order of due times (equal ones: in the order they began). Single-threaded, like the io_contexts it is used with,
// of which there may be several: a sleep ends on the one on which it began, when that runs next.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <map>
#include <memory>
#include <optional>

#include "model/result.h"
#include "ports/clock.h"

namespace ballast::sim {

class VirtualClock : public Clock {
public:
    /// Not at zero, so that "a time never set" and "now" differ.
    explicit VirtualClock(Instant start = Instant(std::chrono::hours(1)),
                          WallTime wall_start = WallTime(std::chrono::seconds(1'790'000'000)))
        : state_(std::make_shared<State>()) {
        state_->now = start;
        wall_ahead_ = wall_start.time_since_epoch() - start.time_since_epoch();
    }

    Instant now() const override { return state_->now; }
    WallTime wall_now() const override { return WallTime(state_->now.time_since_epoch() + wall_ahead_); }

    /// As an administrator or NTP would: `now()` does not notice.
    void step_wall_clock(Duration by) { wall_ahead_ += by; }

    boost::asio::awaitable<void> sleep_until(Instant when) override { return sleep(state_, when, nullptr); }
    /// The same; `woken`, which lives longer than the sleep, becomes true when it is over.
    boost::asio::awaitable<void> sleep_until(Instant when, bool& woken) { return sleep(state_, when, &woken); }

    /// Never backwards. The sleepers go on when the io_context runs next.
    void advance_to(Instant when) {
        BALLAST_ASSERT(when >= state_->now);
        state_->now = when;
        while (!state_->sleepers.empty() && state_->sleepers.begin()->first <= when) {
            Sleeper* const sleeper = state_->sleepers.begin()->second;
            state_->sleepers.erase(state_->sleepers.begin());
            sleeper->due = true;
            if (sleeper->woken != nullptr) *sleeper->woken = true;
            sleeper->event.cancel();
        }
    }
    void advance(Duration by) { advance_to(now() + by); }

    /// When the next sleep ends; nothing when nobody sleeps.
    std::optional<Instant> next_wake() const {
        if (state_->sleepers.empty()) return std::nullopt;
        return state_->sleepers.begin()->first;
    }
    std::size_t sleepers() const { return state_->sleepers.size(); }

    /// Runs what is ready, then goes from one sleep's end to the next up to `end`, running what becomes ready at
    /// each. For code that only waits for this clock; other threads' results are not waited for.
    void run_until(boost::asio::io_context& io, Instant end) {
        for (run_ready(io); next_wake() && *next_wake() <= end; run_ready(io)) advance_to(*next_wake());
        advance_to(end);
        run_ready(io);
    }
    void run_for(boost::asio::io_context& io, Duration duration) { run_until(io, now() + duration); }

private:
    struct Sleeper {
        boost::asio::steady_timer event;  // never expires by itself
        bool* woken;
        bool due = false;
    };
    using Sleepers = std::multimap<Instant, Sleeper*>;
    struct State {
        Instant now;
        Sleepers sleepers;
    };
    /// Also ends with the coroutine's frame, when the io_context is destroyed during a sleep.
    struct Registration {
        std::shared_ptr<State> state;
        Sleeper& sleeper;
        Sleepers::iterator at;
        ~Registration() {
            if (!sleeper.due) state->sleepers.erase(at);
        }
    };

    static void run_ready(boost::asio::io_context& io) {
        io.restart();
        io.poll();
    }

    static boost::asio::awaitable<void> sleep(std::shared_ptr<State> state, Instant when, bool* woken) {
        if (when <= state->now) co_return;
        auto executor = co_await boost::asio::this_coro::executor;
        Sleeper sleeper{boost::asio::steady_timer(executor, boost::asio::steady_timer::time_point::max()), woken};
        const auto at = state->sleepers.emplace(when, &sleeper);
        const Registration registration{state, sleeper, at};
        boost::system::error_code error;
        co_await sleeper.event.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
        if (!sleeper.due) throw boost::system::system_error(error);
    }

    std::shared_ptr<State> state_;
    Duration wall_ahead_{};
};

}  // namespace ballast::sim
