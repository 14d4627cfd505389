// Runs a coroutine on an io_context of its own thread until it ends: for code whose answers come from other threads.
#pragma once

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace ballast::test {

/// The bound is a guard against tests that never end, not something to be waited for.
inline constexpr std::chrono::seconds patience{20};

/// Never destroyed, as the daemon's parts are not: threads that hang in a call may still refer to them.
template <class T, class... Arguments>
T& immortal(Arguments&&... arguments) {
    static auto& kept = *new std::vector<std::unique_ptr<T>>;
    return *kept.emplace_back(std::make_unique<T>(std::forward<Arguments>(arguments)...));
}

inline boost::asio::io_context& immortal_io() {
    return immortal<boost::asio::io_context>(1);
}

template <class T>
T await(boost::asio::io_context& io, boost::asio::awaitable<T> coroutine) {
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr failure, T value) {
        if (failure) std::rethrow_exception(failure);
        result = std::move(value);
    });
    io.restart();
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!result && io.run_one_until(until) > 0) {
    }
    if (!result) FAIL("the coroutine did not end");
    return std::move(*result);
}

/// Runs the io_context until `holds`; fails the test when it does not come to that.
template <class Condition>
void run_until(boost::asio::io_context& io, Condition holds) {
    io.restart();
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!holds() && std::chrono::steady_clock::now() < until) io.run_one_for(std::chrono::milliseconds(20));
    REQUIRE(holds());
}

}  // namespace ballast::test
