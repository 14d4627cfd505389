// The shutdown of this daemon's own machine, as systemd-logind announces and delays it. Implemented by service/logind
// on D-Bus. Called on the io_context's thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "model/result.h"
#include "model/units.h"

namespace ballast {

class Shutdown {
public:
    template <class T>
    using Task = boost::asio::awaitable<Result<T>>;

    virtual ~Shutdown() = default;

    /// `preparing` hears of the begin (true) and the calling off (false) of a shutdown; `lost` that nobody tells any
    /// more, and a lock taken is worth nothing. Set them before connect().
    std::function<void(bool)> preparing = [](bool) {};
    std::function<void()> lost = [] {};

    /// Listens from now on. Error unavailable: there is no logind.
    virtual Task<void> connect() = 0;
    /// Takes a lock that delays a shutdown from now on; `why` is for people (systemd-inhibit --list). One that is held
    /// is kept. Errors: unavailable, refused.
    virtual Task<void> delay(std::string why) = 0;
    /// Gives it back: a shutdown that waits goes on.
    virtual void release() = 0;
    /// Tells this to everybody who is logged in on this machine, if it can be done. Returns at once.
    virtual void tell_users(const std::string& text) = 0;
    /// How long a shutdown waits at most, whoever holds a lock (InhibitDelayMaxSec). Errors: unavailable.
    virtual Task<Duration> longest_delay() = 0;
    /// A shutdown is under way: it was announced before anybody listened. Errors: unavailable.
    virtual Task<bool> is_preparing() = 0;
};

}  // namespace ballast
