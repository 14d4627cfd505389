// A counter of changes that clients can wait on: GET /v1/watch. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <cstdint>
#include <memory>
#include <set>

#include "model/units.h"

namespace ballast::daemon {

class ChangeCounter {
public:
    ChangeCounter() : state_(std::make_shared<State>()) {}

    std::uint64_t revision() const { return state_->revision; }
    /// Something a client may want to look at happened: everybody who waits goes on.
    void bump();
    /// Returns at once when the revision is not `since`, else with the next change or after `patience`.
    boost::asio::awaitable<std::uint64_t> wait(std::uint64_t since, Duration patience) const;

private:
    struct State {
        std::uint64_t revision = 1;
        std::set<boost::asio::steady_timer*> waiting;
    };
    // Shared with those who wait: their coroutines may be destroyed after this object.
    std::shared_ptr<State> state_;
};

}  // namespace ballast::daemon
