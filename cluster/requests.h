// What operators ask of the leader at any other member: a request is a leased key, which the leader takes away in its
// term before it acts, so that it acts at most once. One io_context thread.
//   /ballast/cluster/requests/<id>   leased; JSON
//   /ballast/cluster/replies/<id>        leased likewise; of a long one: how many parts it has
//   /ballast/cluster/replies/<id>/<part> leased likewise (parts.h)
#pragma once

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::cluster {

/// Who asks. `member` makes its ids its own.
class Requests {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    Requests(boost::asio::any_io_executor executor, Clock& clock, Store& store, std::string member)
        : executor_(std::move(executor)), clock_(clock), store_(store), member_(std::move(member)) {}

    /// The leader's reply within this time. Errors: timed_out (it may have been acted on), and the store's.
    Task<boost::json::value> ask(boost::json::value request, Duration within);

private:
    Task<boost::json::value> whole(KeyValue reply);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    std::string member_;
    std::uint64_t last_ = 0;
};

/// The leader's side.
class Desk {
public:
    using Handler = std::function<boost::asio::awaitable<boost::json::value>(boost::json::value)>;

    /// `store` is the term's.
    Desk(boost::asio::any_io_executor executor, Clock& clock, Store& store, Handler handler)
        : executor_(std::move(executor)), clock_(clock), store_(store), handler_(std::move(handler)) {}

    /// Serves until the executor stops.
    boost::asio::awaitable<void> run();

private:
    boost::asio::awaitable<void> serve(KeyValue entry);
    boost::asio::awaitable<std::string> put_parts(std::string key, std::string text, LeaseId lease);
    boost::asio::awaitable<bool> put(std::string key, std::string value, LeaseId lease);
    void begin(const KeyValue& entry);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Store& store_;
    Handler handler_;
    std::set<std::string> serving_;
    std::unique_ptr<WatchHandle> watching_;
};

}  // namespace ballast::cluster
