#include "daemon/store_watch.h"

namespace ballast::daemon {

namespace {
constexpr Duration look_every = std::chrono::minutes{1};
// Three quarters of etcd's default quota, which no etcd before 3.6 tells.
constexpr Bytes large = mib(1536);
}  // namespace

StoreWatch::StoreWatch(boost::asio::any_io_executor executor, Clock& clock, Look look,
                       std::function<void(const std::string&)> warn)
    : executor_(std::move(executor)), clock_(clock), look_(std::move(look)), warn_(std::move(warn)) {}

void StoreWatch::start() {
    boost::asio::co_spawn(executor_, run(), boost::asio::detached);
}

boost::asio::awaitable<void> StoreWatch::run() {
    for (;;) {
        const auto seen = co_await look_();
        size_ = seen ? std::optional(seen->file) : std::nullopt;
        if (seen && seen->file >= large && !warned_)
            warn_("etcd's database has " + to_string(seen->file) + ", " + to_string(seen->in_use) +
                  " of them in use; at its quota, 2 GiB by default, etcd takes no writes: see docs/cluster.md");
        if (seen) warned_ = seen->file >= large;
        co_await clock_.sleep_for(look_every);
    }
}

}  // namespace ballast::daemon
