// What may still keep a host from being cut off once that is decided.
#include "tests/executor/failover_lab.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("A host that is released while the order to cut it off is on its way into the store stays on") {
    FailoverLab lab;
    lab.bmcs[{"h1"}].dead = true;
    lab.world.cut_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.run_until([&] { return lab.record("h1").alarm; }, 1min));
    lab.bmcs[{"h1"}].dead = false;
    lab.link.request_takes = 4s;
    lab.run_for(12s);  // the next try began 10 s after the last one
    REQUIRE(lab.world.host({"h1"})->powered);
    REQUIRE(lab.wait(lab.power_switch->release({"h1"}, "ann")));
    REQUIRE(lab.becomes("h1", PowerState::on, 1min));
    CHECK(lab.world.host({"h1"})->powered);
    CHECK(lab.record("h1").message == "released by ann");
}

TEST_CASE(
    "What the policy wanted cut off is held back when so many are silent by now, and what a person wants is not") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    lab.may_cut = executor::MayCut::no;
    REQUIRE(lab.fence("h1"));
    lab.run_for(5min);
    CHECK(lab.record("h1").state == PowerState::fencing);
    CHECK(lab.record("h1").alarm);
    SECTION("until it may") {
        lab.may_cut = executor::MayCut::yes;
    }
    SECTION("a person answers for it") {
        REQUIRE(lab.wait(lab.power_switch->confirm_lost({"h1"}, "ann")));
    }
    REQUIRE(lab.becomes("h1", PowerState::lost, 1min));
    CHECK_FALSE(lab.record("h1").alarm);
}

TEST_CASE("While hosts are just coming back one is not cut off, and that is no alarm") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    lab.may_cut = executor::MayCut::soon;
    REQUIRE(lab.fence("h1"));
    lab.run_for(25s);
    CHECK(lab.record("h1").state == PowerState::fencing);
    CHECK_FALSE(lab.record("h1").alarm);
    lab.may_cut = executor::MayCut::yes;
    REQUIRE(lab.becomes("h1", PowerState::lost, 5s));
}

TEST_CASE("a host whose agent is in the store again is not cut off, and is when it has gone") {
    FailoverLab lab;
    const std::string agent = "/ballast/cluster/agents/h1";
    lab.power_switch->set_hooks({[&](const HostId& host) { return lab.answers(host); },
                                 [](const HostId&) { return executor::MayCut::yes; },
                                 [&](HostId host) { return lab.executor->rejoin(std::move(host)); },
                                 [&](const HostId&) {
                                     return std::vector<Compare>{{Compare::Kind::absent, agent, 0, {}}};
                                 }});
    lab.world.cut_off({"h1"});
    lab.run_for(1min);
    Transaction registers;
    registers.changes.push_back({Change::Kind::put, agent, "there", 0});
    REQUIRE(lab.wait(lab.store->commit(registers)));
    const auto refused = lab.fence("h1");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::conflict);
    CHECK(refused.error().message.find("its agent is there again") != std::string::npos);
    CHECK(lab.record("h1").state == PowerState::on);
    CHECK(lab.world.host({"h1"})->powered);
    Transaction leaves;
    leaves.changes.push_back({Change::Kind::erase, agent, {}, 0});
    REQUIRE(lab.wait(lab.store->commit(leaves)));
    CHECK(lab.fence("h1"));
    CHECK(lab.becomes("h1", PowerState::lost));
}
