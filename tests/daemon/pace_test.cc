// Turns that come at once up to an allowance, and at a pace from then on.
#include "daemon/pace.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>
#include <vector>

#include "sim/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;

namespace {
struct Taker {
    boost::asio::io_context io;
    sim::VirtualClock clock;
    daemon::Pace pace{clock, 10ms, 5};
    std::vector<int> turns;  // whose, in the order in which they came

    void takes(int who) {
        boost::asio::co_spawn(
            io,
            [](Taker& self, int name) -> boost::asio::awaitable<void> {
                co_await self.pace.take();
                self.turns.push_back(name);
            }(*this, who),
            boost::asio::detached);
    }
    void run_for(Duration duration) { clock.run_for(io, duration); }
};
}  // namespace

TEST_CASE("A few turns come at once, the others one by one in the order in which they were asked for") {
    Taker taker;
    for (int who = 0; who < 8; ++who) taker.takes(who);
    taker.run_for(9ms);
    CHECK(taker.turns == std::vector{0, 1, 2, 3, 4});
    taker.run_for(1ms);
    CHECK(taker.turns == std::vector{0, 1, 2, 3, 4, 5});
    taker.run_for(20ms);
    CHECK(taker.turns == std::vector{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("What was used of the turns that come at once grows again while nobody asks, and no further") {
    Taker taker;
    for (int who = 0; who < 5; ++who) taker.takes(who);
    taker.run_for(30ms);
    for (int who = 5; who < 10; ++who) taker.takes(who);
    taker.run_for(0ms);
    CHECK(taker.turns.size() == 8);
    taker.run_for(24h);
    for (int who = 10; who < 20; ++who) taker.takes(who);
    taker.run_for(0ms);
    CHECK(taker.turns.size() == 15);
}
