// What a client does in a thread of its own while the daemon's io_context runs in the test's.
#pragma once

#include <boost/asio.hpp>
#include <chrono>
#include <future>

#include "model/result.h"

namespace ballast::test {

/// Runs the io_context until the work is done, and returns what the work returned. A work that takes a minute is a
/// fault.
template <class Work>
auto run_beside(boost::asio::io_context& io, Work work) {
    using namespace std::chrono_literals;
    auto result = std::async(std::launch::async, std::move(work));
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    while (result.wait_for(0s) != std::future_status::ready) {
        BALLAST_ASSERT(std::chrono::steady_clock::now() < give_up);
        io.restart();
        io.run_for(2ms);
    }
    return result.get();
}

}  // namespace ballast::test
