// What the policy sees of hosts' power.
#include "daemon/power_overlay.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_power.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::test;
using namespace ballast::daemon;
using namespace std::chrono_literals;

TEST_CASE("When a host was off is told on the clock that the policy counts by, and never in the future") {
    VirtualClock clock;
    FakePower power(clock);
    Inventory inventory;
    for (const char* name : {"host1", "host2"}) inventory.hosts[{name}].id = {name};
    const Instant now = Instant{} + 1000h;
    const WallTime wall = WallTime{} + 500'000h;
    PowerRecord record;
    record.host = {"host1"};
    record.since = wall - 2h;
    record.came_back = wall - 2h;
    record.went_off = wall - 30h;
    show_power(inventory, {record}, power, now, wall);
    CHECK(inventory.hosts.at({"host1"}).went_off == now - 30h);
    CHECK(inventory.hosts.at({"host1"}).came_back == now - 2h);
    CHECK(inventory.hosts.at({"host1"}).power_since == now - 2h);
    CHECK_FALSE(inventory.hosts.at({"host2"}).went_off);
    record.went_off = wall + 1h;  // the clock was set back since
    show_power(inventory, {record}, power, now, wall);
    CHECK(inventory.hosts.at({"host1"}).went_off == now);
}
