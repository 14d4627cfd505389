// A shutdown of this daemon's own machine waits, by a lock of logind's, until the VMs have left it as for maintenance:
// for no longer than it takes, nor than it is allowed. One io_context thread.
#pragma once

#include <boost/asio.hpp>

#include "daemon/evacuation.h"
#include "ports/clock.h"
#include "ports/shutdown.h"

namespace ballast::daemon {

class ShutdownGuard {
public:
    /// `own` is the host that this daemon runs on. The others have to outlive it.
    ShutdownGuard(boost::asio::any_io_executor executor, Clock& clock, Shutdown& shutdown, Evacuation& evacuation,
                  HostId own, Duration patience);
    ShutdownGuard(const ShutdownGuard&) = delete;
    ShutdownGuard& operator=(const ShutdownGuard&) = delete;

    /// Takes the lock, again and again should it be lost, and ends the maintenance that a shutdown before has begun.
    /// Call it after the controller's start(), if it is asked here; it runs as long as the io_context.
    boost::asio::awaitable<void> run();

private:
    boost::asio::awaitable<void> connect();
    boost::asio::awaitable<void> check_patience();
    boost::asio::awaitable<void> take_lock();
    void begin();
    void tell_users(const Departure& departure);
    boost::asio::awaitable<void> leave();
    bool may_go(const Result<Departure>& departure);
    boost::asio::awaitable<void> call_off();
    boost::asio::awaitable<void> end_maintenance();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Shutdown& shutdown_;
    Evacuation& evacuation_;
    HostId own_;
    Duration patience_;
    bool connected_ = false;
    bool told_ = false;  // that there is no logind
    bool going_down_ = false;
    bool leaving_ = false;  // leave() is under way
    Instant deadline_{}, not_stuck_{}, heard_{};
    bool users_told_ = false;
    unsigned stays_to_tell_ = 0;
};

}  // namespace ballast::daemon
