// Names of users for logs and answers, from the system's user database (which may be a directory service that does not
// answer) without waiting for it. One io_context thread; the look-ups run in threads of their own.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <sys/types.h>

namespace ballast::service {

class UserNames {
public:
    /// `look_up` blocks for as long as it likes, in any thread.
    explicit UserNames(boost::asio::any_io_executor executor, std::function<std::string(uid_t)> look_up);

    /// Within a second: "?" when the system knows none for this uid, or does not say by then. Known for ten minutes.
    boost::asio::awaitable<std::string> of(uid_t uid);

private:
    using Steady = std::chrono::steady_clock;
    struct Look;
    /// False: no thread can be had.
    bool begin(uid_t uid, const std::shared_ptr<Look>& look);

    boost::asio::any_io_executor executor_;
    std::function<std::string(uid_t)> look_up_;
    std::map<uid_t, std::shared_ptr<Look>> looks_;  // those under way, and what came of the others
};

}  // namespace ballast::service
