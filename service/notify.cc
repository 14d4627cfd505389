#include "service/notify.h"

#include <boost/asio.hpp>
#include <chrono>
#include <ctime>
#include <systemd/sd-daemon.h>

namespace ballast::service {

void notify_ready() {
    sd_notify(0, "READY=1");
}

void notify_reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto microseconds = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", microseconds);
}

void notify_stopping() {
    sd_notify(0, "STOPPING=1");
}

void notify_status(const std::string& line) {
    sd_notifyf(0, "STATUS=%s", line.c_str());
}

boost::asio::awaitable<void> run_watchdog() {
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) co_return;
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    for (;;) {
        sd_notify(0, "WATCHDOG=1");
        timer.expires_after(std::chrono::microseconds(microseconds / 2));
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
}

}  // namespace ballast::service
