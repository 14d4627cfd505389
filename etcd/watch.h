// One watch: a stream of its own to whichever member is fit, begun again after the last revision that was told of
// whenever it breaks. On the io_context's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "etcd/connection.h"
#include "etcd/keyspace.h"

namespace ballast::etcd {

struct Watch {
    using WatchStream = Stream<api::WatchRequest, api::WatchResponse>;

    std::string prefix;
    Revision seen = 0;  // everything up to here was told
    std::function<void(const std::vector<WatchEvent>&)> changed;
    std::function<void()> compacted;
    bool open = true;
    std::vector<WatchEvent> begun{};      // fragments of an answer whose rest has not come yet
    std::weak_ptr<WatchStream> stream{};  // what it is served by at present

    /// Nothing is told any more.
    void close();
};

/// Serves the watch until it is closed, or the history it needs is gone. `keeps` is what the references are a part of.
boost::asio::awaitable<void> follow(std::shared_ptr<void> keeps, Completions& completions, Connection& connection,
                                    const Keyspace& keyspace, std::shared_ptr<Watch> watch);

}  // namespace ballast::etcd
