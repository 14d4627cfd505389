// Who leads, as any member sees it. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <optional>
#include <string>

#include "cluster/follower.h"

namespace ballast::cluster {

struct SeenLeader {
    std::string member;
    Revision term = 0;
};

class LeaderWatch {
public:
    LeaderWatch(Clock& clock, Store& store);

    /// Follows until the executor stops.
    boost::asio::awaitable<void> run() { return follower_.run(); }
    /// Nothing: nobody leads, or the store does not answer.
    std::optional<SeenLeader> leader() const { return follower_.answers() ? leader_ : std::nullopt; }

private:
    std::optional<SeenLeader> leader_;
    Follower follower_;
};

}  // namespace ballast::cluster
