// The tests' own clock, as so much rests on it.
#include "tests/support/virtual_clock.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::test;
using boost::asio::awaitable;
using std::chrono::seconds;

namespace {

awaitable<void> sleep_and_say(VirtualClock& clock, Duration duration, std::string name,
                              std::vector<std::string>& said) {
    co_await clock.sleep_for(duration);
    said.push_back(name);
}

awaitable<void> tick(VirtualClock& clock, std::vector<Instant>& ticks) {
    for (;;) {
        co_await clock.sleep_for(seconds(2));
        ticks.push_back(clock.now());
    }
}

}  // namespace

TEST_CASE("Virtual sleeps end in the order of their ends, equal ones in the order they began") {
    VirtualClock clock;
    boost::asio::io_context io;
    std::vector<std::string> said;
    const std::pair<int, const char*> sleeps[] = {{3, "c"}, {1, "a"}, {2, "b1"}, {2, "b2"}, {9, "never"}, {0, "now"}};
    for (const auto& [length, name] : sleeps)
        boost::asio::co_spawn(io, sleep_and_say(clock, seconds(length), name, said), boost::asio::detached);
    io.poll();
    CHECK(said == std::vector<std::string>{"now"});
    CHECK(clock.sleepers() == 5);
    CHECK(clock.next_wake() == clock.now() + seconds(1));
    clock.advance(seconds(3));
    io.poll();
    CHECK(said == std::vector<std::string>{"now", "a", "b1", "b2", "c"});
    CHECK(clock.sleepers() == 1);
}

TEST_CASE("Running for a time stops at every sleep's end on the way") {
    VirtualClock clock;
    boost::asio::io_context io;
    std::vector<Instant> ticks;
    const Instant start = clock.now();
    boost::asio::co_spawn(io, tick(clock, ticks), boost::asio::detached);
    clock.run_for(io, seconds(7));
    CHECK(ticks == std::vector<Instant>{start + seconds(2), start + seconds(4), start + seconds(6)});
    CHECK(clock.now() == start + seconds(7));
}

TEST_CASE("A cancelled virtual sleep throws and is forgotten") {
    VirtualClock clock;
    boost::asio::io_context io;
    boost::asio::cancellation_signal cancel;
    std::exception_ptr ended_by;
    boost::asio::co_spawn(
        io, clock.sleep_for(seconds(5)),
        boost::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error) { ended_by = error; }));
    io.poll();
    cancel.emit(boost::asio::cancellation_type::terminal);
    io.poll();
    CHECK(clock.sleepers() == 0);
    REQUIRE(ended_by);
    CHECK_THROWS_AS(std::rethrow_exception(ended_by), boost::system::system_error);
}

TEST_CASE("A step of the wall clock moves no deadline") {
    VirtualClock clock;
    const Instant now = clock.now();
    const WallTime wall = clock.wall_now();
    clock.step_wall_clock(-std::chrono::hours(1));
    CHECK(clock.now() == now);
    CHECK(clock.wall_now() == wall - std::chrono::hours(1));
}

TEST_CASE("Sleeps may be under way when the io_context is destroyed") {
    VirtualClock clock;
    {
        boost::asio::io_context io;
        std::vector<Instant> ticks;
        boost::asio::co_spawn(io, tick(clock, ticks), boost::asio::detached);
        io.poll();
        CHECK(clock.sleepers() == 1);
    }
    CHECK(clock.sleepers() == 0);
    clock.advance(seconds(10));
}
