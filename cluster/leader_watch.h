// Who leads, as any member sees it. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <memory>
#include <optional>
#include <string>

#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::cluster {

struct SeenLeader {
    std::string member;
    Revision term = 0;
};

class LeaderWatch {
public:
    LeaderWatch(Clock& clock, Store& store) : clock_(clock), store_(store) {}

    /// Follows until the executor stops.
    boost::asio::awaitable<void> run();
    /// Nothing: nobody leads, or the store does not answer.
    const std::optional<SeenLeader>& leader() const { return leader_; }

private:
    boost::asio::awaitable<std::optional<Revision>> read();
    void take(const KeyValue& entry, bool there);

    Clock& clock_;
    Store& store_;
    std::optional<SeenLeader> leader_;
    Revision seen_ = 0;
    std::unique_ptr<WatchHandle> watching_;
};

}  // namespace ballast::cluster
