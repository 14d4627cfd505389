// A coroutine's pause that others can end. One io_context thread; it has to outlive the pause.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "ports/clock.h"

namespace ballast::executor {

class Pause {
public:
    explicit Pause(const boost::asio::any_io_executor& executor)
        : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

    /// Ends the pause, or the next one where there is none.
    void end() {
        ended_ = true;
        timer_.cancel();
    }
    boost::asio::awaitable<void> take(Clock& clock, Duration duration) {
        using namespace boost::asio::experimental::awaitable_operators;
        if (!ended_) co_await (clock.sleep_for(duration) || ended());
        ended_ = false;
    }

private:
    boost::asio::awaitable<void> ended() {
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        if (!ended_) co_await timer_.async_wait(token);
    }

    bool ended_ = false;
    boost::asio::steady_timer timer_;
};

}  // namespace ballast::executor
