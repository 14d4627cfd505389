// Looks now and then at how large etcd's database is, and warns before it is full: a full one takes no writes, and who
// compacts it is whoever runs it (docs/cluster.md). One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <optional>
#include <string>

#include "etcd/etcd_store.h"

namespace ballast::daemon {

class StoreWatch {
public:
    using Look = std::function<Store::Task<StoreSize>()>;

    /// `warn` hears once that the database is large, and again after it was not meanwhile.
    StoreWatch(boost::asio::any_io_executor executor, Clock& clock, Look look,
               std::function<void(const std::string&)> warn);

    /// Looks until the executor stops.
    void start();
    /// Of the file; nothing: not known.
    std::optional<Bytes> size() const { return size_; }

private:
    boost::asio::awaitable<void> run();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Look look_;
    std::function<void(const std::string&)> warn_;
    std::optional<Bytes> size_;
    bool warned_ = false;
};

}  // namespace ballast::daemon
