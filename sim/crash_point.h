// Counts the points at which a daemon could die (just before and just after everything it asks of the world), and dies
// at a chosen one: nothing of it runs on from there, and what it asked for has happened or not. Or something else
// happens to it there.
#pragma once

#include <boost/asio.hpp>
#include <cstdint>
#include <functional>
#include <utility>

namespace ballast::sim {

class CrashPoints {
public:
    /// Dies at the n-th point from now; 0: never.
    void arm(std::uint64_t n) { arm(n, nullptr); }
    /// Calls `instead` at the n-th point from now; it goes on from there when its io_context runs the next time.
    void arm(std::uint64_t n, std::function<void()> instead) {
        reached_ = 0;
        armed_ = n;
        dead_ = false;
        instead_ = std::move(instead);
    }
    std::uint64_t reached() const { return reached_; }
    bool dead() const { return dead_; }

    boost::asio::awaitable<void> pass(boost::asio::io_context& io) {
        if (passes()) co_await happens(io);
    }
    /// The same without a coroutine for each point. True: this is one at which something `happens`.
    bool passes() { return dead_ || ++reached_ == armed_; }
    /// Where it dies the io_context is stopped and the caller never goes on.
    boost::asio::awaitable<void> happens(boost::asio::io_context& io) {
        if (!dead_ && instead_) {
            instead_();
            co_await boost::asio::post(io, boost::asio::use_awaitable);
            co_return;
        }
        dead_ = true;
        io.stop();
        boost::asio::steady_timer never(io, boost::asio::steady_timer::time_point::max());
        co_await never.async_wait(boost::asio::use_awaitable);
    }

private:
    std::uint64_t reached_ = 0, armed_ = 0;
    std::function<void()> instead_;
    bool dead_ = false;
};

}  // namespace ballast::sim
