#include "service/real_clock.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/timerfd.h>
#include <time.h>

#include "model/result.h"

namespace ballast {
namespace {

namespace asio = boost::asio;

/// How late a sleep may end after the machine was suspended when there is no timerfd to be had.
constexpr Duration longest_blind_sleep = std::chrono::seconds(1);

Instant boot_now() {
    timespec time{};
    BALLAST_ASSERT(::clock_gettime(CLOCK_BOOTTIME, &time) == 0);
    const auto since_boot = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    return Instant(std::chrono::floor<Duration>(since_boot));
}

/// A descriptor that becomes readable at `when`; -1 when the process or the system has too many already.
int timer_descriptor(Instant when) {
    const int descriptor = ::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (descriptor < 0) return -1;
    const auto since_boot = when.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
    itimerspec alarm{};
    alarm.it_value.tv_sec = seconds.count();
    alarm.it_value.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
    BALLAST_ASSERT(::timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &alarm, nullptr) == 0);
    return descriptor;
}

/// asio's own timer stands still while the machine is suspended, so it is only trusted for a short time.
asio::awaitable<void> sleep_blindly(Instant when) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (Instant now = boot_now(); now < when; now = boot_now()) {
        timer.expires_after(std::min(when - now, longest_blind_sleep));
        co_await timer.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> sleep(Instant when) {
    if (when <= boot_now()) co_return;
    const int descriptor = timer_descriptor(when);
    if (descriptor < 0) {
        co_await sleep_blindly(when);
        co_return;
    }
    auto executor = co_await asio::this_coro::executor;
    asio::posix::stream_descriptor timer(executor, descriptor);
    // An event that asio had fetched for a descriptor closed just before may end the wait early: its state is used
    // again.
    while (boot_now() < when) co_await timer.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
}

}  // namespace

Instant RealClock::now() const {
    return boot_now();
}

WallTime RealClock::wall_now() const {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

asio::awaitable<void> RealClock::sleep_until(Instant when) {
    return sleep(when);
}

}  // namespace ballast
