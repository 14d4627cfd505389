// A shutdown of this daemon's own machine waits, by a lock of logind's, until the VMs have left it as for maintenance:
// for no longer than it takes, nor than it is allowed. One io_context thread.
#pragma once

#include <boost/asio.hpp>

#include "daemon/controller.h"
#include "ports/shutdown.h"

namespace ballast::daemon {

class ShutdownGuard {
public:
    /// `own` is the host that this daemon runs on. The others have to outlive it.
    ShutdownGuard(boost::asio::any_io_executor executor, Clock& clock, Shutdown& shutdown, Controller& controller,
                  HostId own, Duration patience);
    ShutdownGuard(const ShutdownGuard&) = delete;
    ShutdownGuard& operator=(const ShutdownGuard&) = delete;

    /// Takes the lock, again and again should it be lost, and ends the maintenance that a shutdown before has begun.
    /// Call it after the controller's start(); it runs as long as the io_context.
    boost::asio::awaitable<void> run();

private:
    boost::asio::awaitable<void> connect();
    boost::asio::awaitable<void> check_patience();
    boost::asio::awaitable<void> take_lock();
    void begin();
    void tell_users();
    boost::asio::awaitable<void> leave();
    boost::asio::awaitable<void> wait_until_left();
    boost::asio::awaitable<void> call_off();
    boost::asio::awaitable<void> end_maintenance();
    std::string nothing_leaves() const;

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Shutdown& shutdown_;
    Controller& controller_;
    HostId own_;
    Duration patience_;
    bool connected_ = false;
    bool told_ = false;  // that there is no logind
    bool going_down_ = false;
};

}  // namespace ballast::daemon
