// One request in, one reply out: who may ask it, which route answers it, and the audit of what changes something.
// Knows nothing of sockets. One io_context thread.
#pragma once

#include <boost/asio.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "daemon/api_change.h"
#include "daemon/api_look.h"
#include "daemon/api_routes.h"
#include "daemon/api_watch.h"
#include "daemon/controller.h"

namespace ballast::daemon {

class ApiService {
public:
    /// `watch_patience`: how long GET /v1/watch waits for a change.
    ApiService(Controller& controller, const Clock& clock, ApiHooks hooks, Duration watch_patience);
    ApiService(const ApiService&) = delete;
    ApiService& operator=(const ApiService&) = delete;

    /// `target` is the request's, as it came. Always a reply, never an exception.
    boost::asio::awaitable<Reply> answer(std::string method, std::string target, std::string body, Caller caller);
    ChangeCounter& changes() { return changes_; }

private:
    boost::asio::awaitable<Reply> answer_route(const Route* route, ApiRequest request);
    boost::asio::awaitable<Reply> change(const Route* route, ApiRequest request);
    boost::asio::awaitable<Reply> look_in_turn(const Route* route, ApiRequest request);

    ChangeCounter changes_;
    ApiLook look_;
    ApiChange change_;
    std::vector<Route> routes_;
    std::size_t waiting_ = 0;                          // viewers, for their turn
    std::chrono::steady_clock::time_point free_at_{};  // for the next of them
};

}  // namespace ballast::daemon
