// What systemd is told: readiness, reloads, the status line, and that the loop still turns. Does nothing when the
// daemon was not started by systemd. Source: sd_notify(3).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>

namespace ballast::service {

void notify_ready();
void notify_reloading();
void notify_stopping();
/// One line, shown by `systemctl status`.
void notify_status(const std::string& line);
/// Pets the watchdog twice per WatchdogSec from the io_context itself, so that a hung loop is noticed. Returns at once
/// when no watchdog is set.
boost::asio::awaitable<void> run_watchdog();

}  // namespace ballast::service
