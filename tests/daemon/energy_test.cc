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
    host.connection = power == PowerState::on ? Connection::up : Connection::down;
    host.stale = power != PowerState::on;
    return host;
}
// Just sampled.
Host a_host_at(Instant now, double cpu_used_cores = 5) {
    Host host = a_host();
    host.sampled_at = now;
    host.load.cpu_used_cores = cpu_used_cores;
    return host;
}
const PowerTable table{100, 300};

}  // namespace

TEST_CASE("By the table a host draws between idle and full as its CPUs are used, and next to nothing when it is off") {
    EnergyAccount account;
    account.note(a_host(), table, std::nullopt, 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(200));
    CHECK(account.hosts().at({"host1"}).source == EnergySource::table);
    account.note(a_host(PowerState::off), table, std::nullopt, 10h, Instant{} + 100h, WallTime{} + 11h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(250));
    CHECK(account.hosts().at({"host1"}).saved_wh == Approx(950));
}

TEST_CASE("A reading goes before the table, and the least of them is what being off saves") {
    EnergyAccount account;
    Instant now = Instant{} + 100h;
    for (const double watts : {180.0, 120.0, 150.0}) {
        account.note(a_host_at(now), table, PowerReading{watts}, 1h, now, WallTime{} + 1h);
        now += 1h;
    }
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(450));
    CHECK(account.hosts().at({"host1"}).idle_watts == Approx(120).epsilon(0.01));
    account.note(a_host(PowerState::off), table, PowerReading{4.0}, 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).saved_wh == Approx(116).epsilon(0.01));
    CHECK(account.hosts().at({"host1"}).source == EnergySource::bmc);
}

TEST_CASE("A host that went off within the time counts as idle before") {
    EnergyAccount account;
    for (const Instant now : {Instant{} + 9h, Instant{} + 10h})
        account.note(a_host_at(now), table, PowerReading{110.0}, Duration{}, now, WallTime{} + 10h);
    Host host = a_host(PowerState::off);
    host.power_since = Instant{} + 10h;
    account.note(host, table, PowerReading{10.0}, 3h, Instant{} + 11h, WallTime{} + 11h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(10 + 2 * 110));
    CHECK(account.hosts().at({"host1"}).saved_wh == Approx(100));
}

TEST_CASE("Neither absurd readings nor hosts that boot save energy") {
    EnergyAccount account;
    account.note(a_host(), table, PowerReading{-5.0}, 1h, Instant{} + 100h, WallTime{} + 1h);
    account.note(a_host(), table, PowerReading{std::numeric_limits<double>::quiet_NaN()}, 1h, Instant{} + 100h,
                 WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).used_wh == Approx(400));
    account.note(a_host(PowerState::switching_on), table, PowerReading{250.0}, 1h, Instant{} + 100h, WallTime{} + 1h);
    CHECK(account.hosts().at({"host1"}).saved_wh == 0);
}

TEST_CASE("What idling costs is learnt from the best source, and another one's figures do not mix with its") {
    EnergyAccount account;
    Instant at = Instant{} + 100h;
    const auto note_once = [&](PowerReading reading) {
        account.note(a_host_at(at), table, reading, 1h, at, WallTime{} + 1h);
        at += 1h;
    };
    const auto note = [&](PowerReading reading) {
        note_once(reading);
        note_once(reading);  // the host was well all the time: the first one counts
        return account.hosts().at({"host1"});
    };
    auto now = note({40, EnergySource::rapl, 30});
    CHECK(now.watts == 70);
    CHECK(now.rest_watts == 30);
    CHECK(now.idle_watts == 70);
    CHECK(now.source == EnergySource::rapl);
    now = note({120, EnergySource::bmc});
    CHECK(now.idle_watts == 120);  // more, and all of it
    CHECK(now.rest_watts == 0);
    now = note({40, EnergySource::rapl, 30});
    CHECK(now.idle_watts == 120);
    CHECK(now.idle_source == EnergySource::bmc);
    CHECK(now.used_wh == Approx(2 * (70 + 120 + 70)));
}

TEST_CASE("A host's BMC goes before RAPL, RAPL before the power table, and neither counts for a host that is off") {
    boost::asio::io_context io;
    VirtualClock clock;
    MemoryStore store;
    FakePower power(clock);
    config::DaemonOptions options;
    options.hosts.resize(1);
    options.hosts[0].id = {"host1"};
    options.hosts[0].rest_of_host_watts = 45;
    Inventory inventory;
    inventory.hosts[{"host1"}] = a_host();
    EnergyMeter meter(io.get_executor(), clock, power, store, options, [&] { return inventory; });
    boost::asio::co_spawn(io, meter.start(), boost::asio::detached);
    std::uint64_t microjoules = 0;
    double uptime = 50;
    const auto minute = [&](std::uint64_t watts, bool psys = false) {
        for (int i = 0; i < 6; ++i) {
            health::Report report;
            report.uptime_s = uptime += 10;
            report.energy = {{psys ? "psys" : "package-0", microjoules += watts * 10'000'000, 262'143'328'850}};
            meter.saw({"host1"}, report);
            clock.run_for(io, 10s);
        }
        return meter.hosts().front();
    };
    minute(60);
    auto now = minute(60);
    CHECK(now.source == EnergySource::rapl);
    CHECK(*now.watts == Approx(60 + 45));
    CHECK(now.rest_watts == 45);
    minute(80, true);
    now = minute(80, true);
    CHECK(now.source == EnergySource::rapl_psys);
    CHECK(*now.watts == Approx(80));
    power.add_host("host1").watts = 150;
    boost::asio::co_spawn(io, power.hosts(), boost::asio::detached);
    minute(80);
    now = minute(80);
    CHECK(now.source == EnergySource::bmc);
    CHECK(*now.watts == Approx(150));
    power.hosts_by_id.at({"host1"}).watts.reset();
    inventory.hosts[{"host1"}] = a_host(PowerState::off);
    now = minute(80);
    CHECK(now.source == EnergySource::table);
    CHECK(*now.watts == 5);
}

TEST_CASE("Accounts of before sources were told are read, and what is no source is not") {
    HostEnergy energy;
    energy.host = {"host1"};
    auto old = to_json(energy);
    old.erase("idle_source");
    old["idle_measured"] = true;
    CHECK(energy_from_json(old)->idle_source == EnergySource::bmc);
    for (const EnergySource source : all_energy_sources) {
        energy.idle_source = source;
        CHECK(energy_from_json(to_json(energy))->idle_source == source);
    }
    old["idle_source"] = "the sun";
    CHECK_FALSE(energy_from_json(old).has_value());
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
    clock.run_for(io, 33min);  // written after every five looks
    REQUIRE(first.hosts().size() == 1);
    CHECK(first.hosts().front().source == EnergySource::bmc);
    CHECK(first.hosts().front().used_wh == Approx(64).epsilon(0.05));
    EnergyMeter second(io.get_executor(), clock, power, store, options, look);
    begin(second);
    clock.run_for(io, 1s);
    REQUIRE(second.hosts().size() == 1);
    CHECK(second.hosts().front().used_wh == Approx(62).epsilon(0.05));
    CHECK(second.hosts().front().since == first.hosts().front().since);
}

TEST_CASE("Daemons that live for less than a minute go on with one account, and what was drawn is kept at the stop") {
    boost::asio::io_context io;
    VirtualClock clock;
    MemoryStore store;
    FakePower power(clock);
    power.add_host("host1").watts = 120;
    config::DaemonOptions options;
    Inventory inventory;
    inventory.hosts[{"host1"}] = a_host();
    const auto look = [&] { return inventory; };
    boost::asio::co_spawn(io, power.hosts(), boost::asio::detached);
    EnergyMeter first(io.get_executor(), clock, power, store, options, look);
    boost::asio::co_spawn(io, first.start(), boost::asio::detached);
    clock.run_for(io, 15s);
    REQUIRE(first.hosts().size() == 1);
    EnergyMeter second(io.get_executor(), clock, power, store, options, look);
    boost::asio::co_spawn(io, second.start(), boost::asio::detached);
    clock.run_for(io, 3min);
    REQUIRE(second.hosts().size() == 1);
    CHECK(second.hosts().front().since == first.hosts().front().since);
    boost::asio::co_spawn(io, second.keep(), boost::asio::detached);
    clock.run_for(io, 1s);
    EnergyMeter third(io.get_executor(), clock, power, store, options, look);
    boost::asio::co_spawn(io, third.start(), boost::asio::detached);
    clock.run_for(io, 1s);
    REQUIRE(third.hosts().size() == 1);
    CHECK(third.hosts().front().used_wh == Approx(second.hosts().front().used_wh));
    CHECK(third.hosts().front().used_wh > 1);
}

namespace {

// Looked at each minute, by a BMC.
struct Watched {
    EnergyAccount account;
    Instant now = Instant{} + 100h;

    void look(Host host, double watts) {
        account.note(host, table, PowerReading{watts}, 1min, now, WallTime{} + 1h);
        now += 1min;
    }
    void look(double watts, double cpu_used_cores = 5) { look(a_host_at(now, cpu_used_cores), watts); }
    double idle() const { return account.hosts().at({"host1"}).idle_watts; }
};

}  // namespace

TEST_CASE("What a BMC says of a host that has just died, goes off or has just come back is not what idling costs") {
    Watched host;
    for (int i = 0; i < 3; ++i) host.look(110);
    REQUIRE(host.idle() == Approx(110).epsilon(0.01));
    Host dying = a_host_at(host.now - 5s);  // it still counts as on and fresh
    SECTION("it is silent from then on") {
        host.look(dying, 5);
        Host silent = dying;
        silent.stale = true;
        for (int i = 0; i < 3; ++i) host.look(silent, 5);
    }
    SECTION("its connection is not known to be gone") {
        host.look(dying, 5);
        host.look(dying, 5);
    }
    SECTION("it is cut off") {
        host.look(dying, 5);
        for (const PowerState state : {PowerState::fencing, PowerState::lost, PowerState::switching_on})
            host.look(a_host(state), 5);
    }
    SECTION("it is back, and its sensor tells of before") {
        Host back = a_host_at(host.now);
        back.power_since = host.now - 30s;
        host.look(back, 5);
        back.sampled_at = host.now;
        host.look(back, 105);
    }
    CHECK(host.idle() == Approx(110).epsilon(0.01));
}

TEST_CASE("What was learnt of idling and cannot be is forgotten within hours, and a busy host changes nothing") {
    Watched host;
    for (int i = 0; i < 2; ++i) host.look(5);
    REQUIRE(host.idle() == Approx(5).epsilon(0.01));
    SECTION("quiet") {
        for (int i = 0; i < 125; ++i) host.look(110 + i % 7, 1);
        CHECK(host.idle() == Approx(110).epsilon(0.05));
    }
    SECTION("busy") {
        for (int i = 0; i < 125; ++i) host.look(300, 9);
        CHECK(host.idle() < 6);
    }
}
