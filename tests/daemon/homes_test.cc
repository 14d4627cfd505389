// Who left a host for its maintenance comes back when that has ended, and nobody else does.
#include "tests/daemon/daemon_life.h"

using namespace ballast;
using namespace ballast::test;

namespace {

const std::string record = "/ballast/homes/host1";

/// Two VMs at home on host1, which is then emptied for maintenance.
class Emptied : public DaemonLife {
public:
    explicit Emptied(bool return_home = true) {
        policy.maintenance.return_home = return_home;
        vm("host1", "a");
        vm("host1", "b");
        vm("host2", "c");
        boot();
        maintenance("host1", true);
        REQUIRE(until([&] { return where("a") != "host1" && where("b") != "host1"; }, 2min));
        pass(5s);
    }
    bool all_home() const { return where("a") == "host1" && where("b") == "host1"; }
    std::size_t homes() const { return controller->inventory().homes.size(); }
};

}  // namespace

TEST_CASE("VMs come back when the maintenance has ended, and are then forgotten") {
    Emptied life;
    CHECK(life.store.entries.contains(record));
    CHECK(life.homes() == 2);
    life.pass(10min);
    CHECK_FALSE(life.all_home());
    life.maintenance("host1", false);
    REQUIRE(life.until([&] { return life.all_home(); }, 1min));
    life.pass(15s);
    CHECK(life.where("c") == "host2");
    CHECK_FALSE(life.store.entries.contains(record));
    for (const Operation& op : life.controller->ended())
        CHECK(op.trigger == (op.to.value == "host1" ? Trigger::return_home : Trigger::maintenance));
}

TEST_CASE("They come back although daemons died in between") {
    Emptied life;
    life.reboot();
    CHECK(life.homes() == 2);
    life.maintenance("host1", false);
    life.reboot();  // with a return under way, which counts as failed: the next try comes after cooldown.after_failure
    CHECK(life.until([&] { return life.all_home(); }, 10min));
}

TEST_CASE("Without the option nobody comes back, and with it later they do") {
    Emptied life(false);
    life.maintenance("host1", false);
    life.pass(30min);
    CHECK_FALSE(life.all_home());
    life.policy.maintenance.return_home = true;
    life.controller->set_policy(life.policy);
    CHECK(life.until([&] { return life.all_home(); }, 1min));
}

TEST_CASE("Who was moved since stays, whoever moved it") {
    Emptied life;
    const std::string elsewhere = life.where("a") == "host2" ? "host3" : "host2";
    SECTION("by an order") {
        REQUIRE(life.wait(life.controller->migrate({"id-a"}, {elsewhere}, true, "somebody")));
        life.pass(20s);
    }
    SECTION("by hand") {
        life.move_by_hand("a", elsewhere);
        life.pass(40s);
    }
    SECTION("by hand while no daemon ran") {
        life.move_by_hand("a", elsewhere);
        life.reboot();
    }
    SECTION("by hand and back again") {
        const std::string at = life.where("a");
        life.move_by_hand("a", elsewhere);
        life.pass(40s);
        life.move_by_hand("a", at);
        life.pass(40s);
    }
    life.maintenance("host1", false);
    life.pass(5min);
    CHECK(life.where("a") != "host1");
    CHECK(life.where("b") == "host1");
}

TEST_CASE("Its time to come back is over some time after the end of the maintenance") {
    Emptied life;
    life.pass(30h);  // however long that took
    CHECK(life.homes() == 2);
    life.policy.mode = policy::Mode::observe;
    life.controller->set_policy(life.policy);
    life.maintenance("host1", false);
    life.pass(24h + 1min);
    CHECK(life.homes() == 0);
    CHECK_FALSE(life.store.entries.contains(record));
}

TEST_CASE("Another maintenance before they came back keeps them away, but not for good") {
    Emptied life;
    life.policy.mode = policy::Mode::observe;
    life.controller->set_policy(life.policy);
    life.maintenance("host1", false);
    life.pass(23h);
    life.maintenance("host1", true);
    life.pass(23h);
    CHECK(life.homes() == 2);
    life.policy.mode = policy::Mode::automatic;
    life.controller->set_policy(life.policy);
    life.maintenance("host1", false);
    CHECK(life.until([&] { return life.all_home(); }, 1min));
}

TEST_CASE("Who leaves its refuge for maintenance too still goes to its first home") {
    Emptied life;
    const std::string refuge = life.where("a");
    life.maintenance(refuge, true);
    REQUIRE(life.until([&] { return life.where("a") != refuge; }, 2min));
    life.maintenance("host1", false);
    CHECK(life.until([&] { return life.where("a") == "host1"; }, 2min));
    life.maintenance(refuge, false);
    life.pass(5min);
    CHECK(life.where("a") == "host1");
}

TEST_CASE("In mode confirm each return is proposed") {
    Emptied life;
    life.policy.mode = policy::Mode::confirm;
    life.controller->set_policy(life.policy);
    life.maintenance("host1", false);
    life.pass(30s);
    const auto active = life.controller->active();
    REQUIRE(active.size() >= 1);
    CHECK(active.front().state == OperationState::waiting);
    CHECK(active.front().trigger == Trigger::return_home);
    REQUIRE(life.wait(life.controller->approve(active.front().id, "somebody")));
    life.pass(30s);
    CHECK(life.where(active.front().vm_name) == "host1");
}

TEST_CASE("While the store cannot be written VMs leave all the same") {
    DaemonLife life;
    life.policy.maintenance.return_home = true;
    life.vm("host1", "a");
    life.boot();
    life.store.failure = Error{ErrorCode::unavailable, "store", "is away"};
    CHECK_FALSE(life.wait(life.controller->set_maintenance({"host1"}, true, "somebody")));
    life.store.failure.reset();
    life.maintenance("host1", true);
    REQUIRE(life.until([&] { return life.where("a") != "host1"; }, 2min));
    life.maintenance("host1", false);
    CHECK(life.until([&] { return life.where("a") == "host1"; }, 2min));
}

TEST_CASE("A record that makes no sense is named, and nothing starts") {
    DaemonLife life;
    for (const char* text : {"", "[]", "{}", R"({"maintenance_ended_ms": "x", "vms": {}})",
                             R"({"maintenance_ended_ms": null, "vms": {"id-a": 1}})"}) {
        INFO(text);
        life.store.entries[record] = {record, text};
        life.io = std::make_unique<boost::asio::io_context>();
        life.controller =
            std::make_unique<daemon::Controller>(life.io->get_executor(), life.clock, *life.hypervisor, life.power,
                                                 life.probe, life.store, life.options, daemon::ControllerListener{});
        const auto started = life.wait(life.controller->start(life.policy));
        REQUIRE_FALSE(started);
        CHECK(started.error().code == ErrorCode::corrupt);
        CHECK(started.error().subject == record);
        life.die();
    }
}
