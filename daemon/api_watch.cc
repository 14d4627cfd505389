#include "daemon/api_watch.h"

namespace ballast::daemon {

namespace asio = boost::asio;

void ChangeCounter::bump() {
    ++state_->revision;
    for (asio::steady_timer* timer : state_->waiting) timer->cancel();
}

asio::awaitable<std::uint64_t> ChangeCounter::wait(std::uint64_t since, Duration patience) const {
    const auto state = state_;
    if (state->revision != since) co_return state->revision;
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, patience);
    struct Registration {
        std::set<asio::steady_timer*>& waiting;
        asio::steady_timer* timer;
        ~Registration() { waiting.erase(timer); }
    };
    state->waiting.insert(&timer);
    const Registration registration{state->waiting, &timer};
    auto token = asio::as_tuple(asio::use_awaitable);
    co_await timer.async_wait(token);
    co_return state->revision;
}

}  // namespace ballast::daemon
