// The energy account: what is drawn, what being off saves, and that it outlasts a restart.
#include <catch2/catch.hpp>

#include "daemon/energy_meter.h"
#include "tests/support/fake_power.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::test;
using namespace ballast::daemon;
using namespace std::chrono_literals;

namespace {

Host a_host(PowerState power = PowerState::on) {
    Host host;
    host.id = {"host1"};
    host.facts.cpus = 10;
    host.load.cpu_used_cores = 5;
    host.power = power;
    return host;
}
const PowerTable table{100, 300};

}  // namespace

TEST_CASE("By the table a host draws between idle and full as its CPUs are used, and next to nothing when it is off") {
    EnergyAccount account;
    account.note(a_host(), table, std::nullopt, 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(200));
    CHECK_FALSE(account.hosts().at({"host1"}).measured);
    account.note(a_host(PowerState::off), table, std::nullopt, 10h, Instant{} + 100h, WallTime{} + 11h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(250));
    CHECK(account.hosts().at({"host1"}).saved_wh == Approx(950));
}

TEST_CASE("A reading goes before the table, and the least of them is what being off saves") {
    EnergyAccount account;
    for (const double watts : {180.0, 120.0, 150.0})
        account.note(a_host(), table, watts, 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(450));
    CHECK(account.hosts().at({"host1"}).idle_watts == Approx(120).epsilon(0.01));
    account.note(a_host(PowerState::off), table, 4.0, 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).saved_wh == Approx(116).epsilon(0.01));
    CHECK(account.hosts().at({"host1"}).measured);
}

TEST_CASE("A host that went off within the time counts as idle before") {
    EnergyAccount account;
    account.note(a_host(), table, 110.0, Duration{}, Instant{} + 10h, WallTime{} + 10h);
    Host host = a_host(PowerState::off);
    host.power_since = Instant{} + 10h;
    account.note(host, table, 10.0, 3h, Instant{} + 11h, WallTime{} + 11h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(10 + 2 * 110));
    CHECK(account.hosts().at({"host1"}).saved_wh == Approx(100));
}

TEST_CASE("Neither absurd readings nor hosts that boot save energy") {
    EnergyAccount account;
    account.note(a_host(), table, -5.0, 1h, Instant{} + 100h, WallTime{} + 1h);
    account.note(a_host(), table, std::numeric_limits<double>::quiet_NaN(), 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(400));
    account.note(a_host(PowerState::switching_on), table, 250.0, 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).saved_wh == 0);
}

TEST_CASE("The account goes on after a restart, less the last minutes") {
    boost::asio::io_context io;
    VirtualClock clock;
    MemoryStore store;
    FakePower power(clock);
    power.add_host("host1").watts = 120;
    config::DaemonOptions options;
    Inventory inventory;
    inventory.hosts[{"host1"}] = a_host();
    const auto look = [&] { return inventory; };
    const auto begin = [&](EnergyMeter& meter) {
        boost::asio::co_spawn(io, power.hosts(), boost::asio::detached);
        boost::asio::co_spawn(io, meter.start(), boost::asio::detached);
    };
    EnergyMeter first(io.get_executor(), clock, power, store, options, look);
    begin(first);
    clock.run_for(io, 33min);  // written after every ten looks
    REQUIRE(first.hosts().size() == 1);
    CHECK(first.hosts().front().measured);
    CHECK(first.hosts().front().used_wh == Approx(64).epsilon(0.05));
    EnergyMeter second(io.get_executor(), clock, power, store, options, look);
    begin(second);
    clock.run_for(io, 1s);
    REQUIRE(second.hosts().size() == 1);
    CHECK(second.hosts().front().used_wh == Approx(62).epsilon(0.05));
}
