#include "service/real_clock.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

using namespace ballast;
using std::chrono::milliseconds;

namespace {

Duration boot_time() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::floor<Duration>(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

/// How long a sleep took, on the clock itself.
Duration sleep(RealClock& clock, Duration duration) {
    boost::asio::io_context io;
    const Instant start = clock.now();
    boost::asio::co_spawn(io, clock.sleep_for(duration), [](std::exception_ptr bug) { REQUIRE_FALSE(bug); });
    io.run();
    return clock.now() - start;
}

/// No descriptor can be opened while this lives.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::dup(0);
        ::close(next);
        const rlimit none{static_cast<rlim_t>(next), before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("A sleep after a connection to nobody is as long as any other") {
    RealClock clock;
    boost::asio::io_context io;
    const Instant start = clock.now();
    const auto visit = [&]() -> boost::asio::awaitable<void> {
        for (int i = 0; i < 5; ++i) {
            boost::system::error_code refused;
            {
                boost::asio::local::stream_protocol::socket socket(io);
                auto token = boost::asio::redirect_error(boost::asio::use_awaitable, refused);
                const boost::asio::local::stream_protocol::endpoint nobody("/nonexistent/socket");
                co_await socket.async_connect(nobody, token);
            }
            CHECK(refused);
            co_await clock.sleep_for(milliseconds(40));
        }
    };
    boost::asio::co_spawn(io, visit, [](std::exception_ptr bug) { REQUIRE_FALSE(bug); });
    io.run();
    CHECK(clock.now() - start >= milliseconds(200));
}

TEST_CASE("The real clock is CLOCK_BOOTTIME, and UTC for people") {
    const RealClock clock;
    const auto before = boot_time();
    const auto now = clock.now().time_since_epoch();
    CHECK(now >= before);
    CHECK(now <= boot_time());
    CHECK(clock.wall_now() <= std::chrono::system_clock::now());
    CHECK(clock.wall_now() > WallTime(std::chrono::seconds(1'700'000'000)));
}

TEST_CASE("A real sleep never ends early, and a sleep into the past at once") {
    RealClock clock;
    CHECK(sleep(clock, milliseconds(20)) >= milliseconds(20));
    CHECK(sleep(clock, milliseconds(-1000)) < std::chrono::seconds(10));
    CHECK(sleep(clock, milliseconds(0)) < std::chrono::seconds(10));
}

TEST_CASE("A real sleep can be cancelled by the coroutine's slot") {
    RealClock clock;
    boost::asio::io_context io;
    boost::asio::cancellation_signal cancel;
    std::exception_ptr ended_by;
    boost::asio::co_spawn(
        io, clock.sleep_for(std::chrono::hours(1)),
        boost::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error) { ended_by = error; }));
    io.poll();
    cancel.emit(boost::asio::cancellation_type::terminal);
    io.run();
    REQUIRE(ended_by);
    CHECK_THROWS_AS(std::rethrow_exception(ended_by), boost::system::system_error);
}

TEST_CASE("A process without a free descriptor still sleeps") {
    RealClock clock;
    boost::asio::io_context io;
    // A daemon's io_context has had its own descriptors for long when the others run out.
    boost::asio::steady_timer first(io, milliseconds(0));
    first.async_wait([](boost::system::error_code) {});
    io.run();
    io.restart();
    const Instant start = clock.now();
    bool done = false;
    boost::asio::co_spawn(io, clock.sleep_for(milliseconds(20)), [&](std::exception_ptr bug) { done = !bug; });
    {
        const NoDescriptors none;
        io.run();
    }
    CHECK(done);
    CHECK(clock.now() - start >= milliseconds(20));
}
