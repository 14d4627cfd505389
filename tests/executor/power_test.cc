// Hosts are switched off and on: what is refused, what is verified, what a daemon that dies on the way leaves to the
// next one [safety.md, invariants 6, 7, 11 and 13].
#include "tests/executor/power_lab.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("An idle host goes down cleanly, is verified to be off, and comes back") {
    PowerLab lab;
    REQUIRE(lab.off("h3"));
    CHECK(lab.locked("h3"));
    REQUIRE(lab.settles("h3"));
    CHECK(lab.record("h3").state == PowerState::off);
    CHECK_FALSE(lab.world.host({"h3"})->powered);
    CHECK(lab.record("h3").shutdown >= 20s);
    REQUIRE(lab.on("h3"));
    REQUIRE(lab.settles("h3"));
    const PowerRecord record = lab.record("h3");
    CHECK(record.state == PowerState::on);
    CHECK(record.boot >= 90s);
    CHECK(*record.boot < 95s);
    CHECK(record.proven);
    CHECK_FALSE(record.alarm);
    CHECK_FALSE(lab.locked("h3"));
    REQUIRE(record.went_off);
    REQUIRE(record.came_back);
    CHECK(*record.came_back - *record.went_off >= 90s);
    CHECK(*record.came_back == record.since);
}

TEST_CASE(
    "When a host was off is on record, a drill and a host that stayed on are not such times, and older records are "
    "read") {
    PowerLab lab;
    REQUIRE(lab.off("h3", true));
    REQUIRE(lab.settles("h3"));
    CHECK_FALSE(lab.record("h3").went_off);
    CHECK_FALSE(lab.record("h3").came_back);
    REQUIRE(lab.off("h1"));
    REQUIRE(lab.settles("h1"));
    CHECK_FALSE(lab.record("h1").went_off);
    PowerRecord record = lab.record("h3");
    record.went_off = WallTime{} + 5s;
    record.came_back = WallTime{} + 9s;
    auto written = executor::to_json(record);
    CHECK(executor::power_record_from_json(written).value() == record);
    for (const char* key : {"lost_ms", "went_off_ms", "came_back_ms"}) written.erase(key);
    record.lost = record.went_off = record.came_back = std::nullopt;
    CHECK(executor::power_record_from_json(written).value() == record);
}

TEST_CASE("A host with a VM on it is not asked to go down") {
    PowerLab lab;
    REQUIRE(lab.off("h1"));
    REQUIRE(lab.settles("h1"));
    CHECK(lab.record("h1").state == PowerState::on);
    CHECK(lab.record("h1").message == "not switched off: h1: vm is on it");
    lab.run_for(1h);
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("A drill switches off and on again, and proves that the host can be woken") {
    PowerLab lab;
    REQUIRE(lab.off("h3", true));
    REQUIRE(lab.settles("h3"));
    CHECK(lab.record("h3").state == PowerState::on);
    CHECK(lab.record("h3").proven);
    CHECK(lab.record("h3").shutdown);
    CHECK(lab.record("h3").boot);
    CHECK_FALSE(lab.record("h3").drill);
}

TEST_CASE("Of a migration to a host and its switching off one is accepted") {
    PowerLab lab;
    SECTION("the migration was first") {
        REQUIRE(lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h3"), false)));
        CHECK(lab.off("h3").error().code == ErrorCode::conflict);
        CHECK_FALSE(lab.locked("h3"));
    }
    SECTION("the migration was accepted by somebody else after nothing was seen under way") {
        const auto asked = lab.ask(lab.power_switch->switch_off({"h3"}, false, "", "policy"));
        lab.data.entries[executor::target_key({"h3"})] = {executor::target_key({"h3"}), "op-1", 99, 99, 1, 0};
        REQUIRE(lab.run_until([&] { return asked->has_value(); }));
        if ((**asked).has_value()) {  // the mark was read after it
            REQUIRE(lab.settles("h3"));
        } else {
            CHECK((**asked).error().code == ErrorCode::conflict);
            CHECK_FALSE(lab.locked("h3"));
        }
    }
    SECTION("the switching off was first") {
        REQUIRE(lab.off("h3"));
        const auto refused = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h3"), false));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ErrorCode::conflict);
        CHECK(lab.where("vm") == "h1");
        REQUIRE(lab.settles("h3"));
    }
}

TEST_CASE("A BMC that cannot be right, or does not answer, keeps the host on") {
    PowerLab lab;
    SECTION("it says off while the hypervisor answers") {
        lab.bmcs[{"h3"}].of_another = true;
        REQUIRE(lab.off("h3"));
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").alarm);
        CHECK(lab.record("h3").quarantined);
    }
    SECTION("it is dead") {
        lab.bmcs[{"h3"}].dead = true;
        REQUIRE(lab.off("h3"));
        REQUIRE(lab.settles("h3"));
        CHECK_FALSE(lab.record("h3").quarantined);
    }
    CHECK(lab.record("h3").state == PowerState::on);
    lab.run_for(1h);
    CHECK(lab.world.host({"h3"})->powered);
}

TEST_CASE("A host that says off once is not taken for off") {
    PowerLab lab;
    lab.bmcs[{"h3"}].shutdown = 60s;
    REQUIRE(lab.off("h3"));
    REQUIRE(lab.run_until([&] { return lab.record("h3").asked; }));
    lab.bmcs[{"h3"}].lies = 1;
    lab.run_for(30s);
    CHECK(lab.record("h3").state == PowerState::switching_off);
    REQUIRE(lab.settles("h3"));
    CHECK_FALSE(lab.world.host({"h3"})->powered);
}

TEST_CASE("A host that does not go down is never cut off: it is told, and left to a person") {
    PowerLab lab;
    lab.bmcs[{"h3"}].button_ignored = true;
    REQUIRE(lab.off("h3"));
    REQUIRE(lab.settles("h3"));
    PowerRecord record = lab.record("h3");
    CHECK(record.state == PowerState::on);
    CHECK(record.alarm);
    CHECK(record.quarantined);
    CHECK(lab.world.host({"h3"})->powered);
    REQUIRE(lab.wait(lab.power_switch->release({"h3"}, "ann")));
    record = lab.record("h3");
    CHECK_FALSE(record.alarm);
    CHECK_FALSE(record.quarantined);
}

TEST_CASE("One whose BMC dies while it goes down is an alarm until the BMC is back, or somebody has looked") {
    PowerLab lab;
    REQUIRE(lab.off("h3"));
    lab.run_for(5s);
    lab.bmcs[{"h3"}].dead = true;
    lab.run_for(10min);
    CHECK(lab.record("h3").alarm);
    CHECK(lab.record("h3").state == PowerState::switching_off);
    SECTION("it is back") {
        lab.bmcs[{"h3"}].dead = false;
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").state == PowerState::off);
        CHECK_FALSE(lab.record("h3").alarm);
    }
    SECTION("somebody has looked") {
        REQUIRE(lab.wait(lab.power_switch->release({"h3"}, "ann")));
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").state == PowerState::on);
        lab.bmcs[{"h3"}].dead = false;
        lab.run_for(1min);
        CHECK_FALSE(lab.world.host({"h3"})->powered);  // it went down all the same
        REQUIRE(lab.on("h3"));
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").state == PowerState::on);
        CHECK(lab.world.host({"h3"})->powered);
    }
}

TEST_CASE("A host counts as being switched on from when that is on record") {
    PowerLab lab;
    lab.world.power_off({"h3"});
    const auto asked = lab.ask(lab.power_switch->switch_on({"h3"}, "it is needed", "ann"));
    const auto counts = [&] {
        const auto known = lab.power_switch->record({"h3"});
        return known && known->state == PowerState::switching_on;
    };
    const auto on_record = [&] {
        const auto found = lab.data.entries.find("/ballast/power/h3");
        return found != lab.data.entries.end() && found->second.value.find("switching_on") != std::string::npos;
    };
    const bool ended = lab.run_until([&] { return (counts() && !on_record()) || asked->has_value(); });
    REQUIRE(ended);
    CHECK(on_record());
    REQUIRE(asked->has_value());
    CHECK((**asked).has_value());
    CHECK(counts());
}

TEST_CASE("Waking is tried three times, then the host is quarantined with an alarm") {
    PowerLab lab;
    REQUIRE(lab.off("h3"));
    REQUIRE(lab.settles("h3"));
    SECTION("the third try works") {
        lab.bmcs[{"h3"}].wakes_ignored = 2;
        REQUIRE(lab.on("h3"));
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").state == PowerState::on);
        CHECK(lab.record("h3").attempt == 3);
    }
    SECTION("none works") {
        lab.bmcs[{"h3"}].wakes_ignored = 1000;
        REQUIRE(lab.on("h3"));
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").state == PowerState::off);
        CHECK(lab.record("h3").quarantined);
        CHECK(lab.record("h3").alarm);
        CHECK(lab.record("h3").attempt == 3);
    }
    SECTION("its BMC says on, but its hypervisor never answers") {
        lab.bmcs[{"h3"}].boot = 5h;
        REQUIRE(lab.on("h3"));
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").state == PowerState::on);
        CHECK(lab.record("h3").quarantined);
    }
}

TEST_CASE("A host that comes up while its BMC does not answer is on") {
    PowerLab lab;
    REQUIRE(lab.off("h3"));
    REQUIRE(lab.settles("h3"));
    lab.bmcs[{"h3"}].dead = true;
    REQUIRE(lab.on("h3"));
    SECTION("between two tries") {
        lab.run_for(5s);
    }
    SECTION("after the last one") {
        REQUIRE(lab.settles("h3"));
        CHECK(lab.record("h3").quarantined);
    }
    lab.world.power_on({"h3"});
    lab.run_for(5min);
    CHECK(lab.record("h3").state == PowerState::on);
    CHECK_FALSE(lab.locked("h3"));
}

TEST_CASE("A host that somebody else switches on is on") {
    PowerLab lab;
    REQUIRE(lab.off("h3"));
    REQUIRE(lab.settles("h3"));
    SECTION("while the daemon runs") {
        lab.run_for(1min);
        lab.world.power_on({"h3"});
        lab.run_for(1min);
    }
    SECTION("while it does not") {
        lab.run_for(1min);
        lab.stop();
        lab.world.power_on({"h3"});
        lab.restart();
        lab.run_for(1min);
    }
    CHECK(lab.record("h3").state == PowerState::on);
    CHECK_FALSE(lab.locked("h3"));
}

TEST_CASE("An answer of the store that is lost switches nothing behind anybody's back") {
    PowerLab lab;
    lab.data.lose_replies = 1;
    SECTION("applied at once") {}
    SECTION("applied later") {
        lab.data.late = 30s;
    }
    REQUIRE_FALSE(lab.off("h3"));
    REQUIRE(lab.settles("h3"));
    lab.run_for(5min);
    CHECK(lab.record("h3").state == PowerState::on);
    CHECK_FALSE(lab.locked("h3"));
    CHECK(lab.world.host({"h3"})->powered);
}

TEST_CASE("A daemon that dies at any step of a drill leaves a host that the next one brings back") {
    std::uint64_t crashes = 0;
    for (std::uint64_t n = 1;; ++n) {
        PowerLab lab;
        lab.crashes.arm(n);
        lab.ask(lab.power_switch->switch_off({"h3"}, true, "proof", "policy"));
        lab.run_until([&] { return lab.power_switch->record({"h3"}) && lab.record("h3").proven; }, 30min);
        if (!lab.crashes.dead()) {
            CHECK(lab.record("h3").proven);
            break;
        }
        ++crashes;
        lab.restart();
        lab.run_for(30min);
        INFO("died at point " << n);
        const auto record = lab.power_switch->record({"h3"});
        if (record) {
            CHECK(record->state == PowerState::on);
            CHECK_FALSE(record->alarm);
        }
        REQUIRE_FALSE(lab.locked("h3"));
        REQUIRE(lab.world.host({"h3"})->powered);
        CHECK(lab.where("vm") == "h1");
    }
    CHECK(crashes > 50);
}
