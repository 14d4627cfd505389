// Hosts die: they are cut off before anything is started elsewhere, each VM is started once, and a host that comes back
// starts none of them [safety.md, invariants 1, 2, 3, 7, 9, 10 and 11].
#include "tests/executor/failover_lab.h"

using namespace ballast;
using namespace ballast::test;

TEST_CASE("A dead host is cut off, its VM is started elsewhere once, and it changes its owner once") {
    FailoverLab lab;
    lab.world.cut_off({"h1"});  // the guest runs on: only cutting it off makes sure that it does not
    lab.run_for(20s);
    REQUIRE(lab.fence("h1"));
    CHECK(lab.locked("h1"));
    CHECK(lab.start_on("vm", "h1", "h2").error().code == ErrorCode::conflict);
    REQUIRE(lab.becomes("h1", PowerState::lost));
    CHECK_FALSE(lab.world.host({"h1"})->powered);
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    CHECK(lab.owner("vm").host == HostId{"h2"});
    CHECK(lab.start_on("vm", "h1", "h3").error().code == ErrorCode::conflict);
    REQUIRE(lab.settle());
    CHECK(lab.where("vm") == "h2");
    const Operation op = lab.records().back();
    CHECK(op.state == OperationState::done);
    CHECK(op.message == "runs on h2");
    CHECK(lab.owner("vm").generation == 2);
    CHECK(lab.owner("vm").left == std::vector<HostId>{{"h1"}});
    CHECK_FALSE(lab.owner("vm").down);
}

TEST_CASE("A host that answers is not cut off") {
    FailoverLab lab;
    SECTION("from the beginning") {
        CHECK(lab.fence("h1").error().code == ErrorCode::conflict);
    }
    SECTION("again, before it was cut off") {
        int asked = 0;
        lab.answers = [&](const HostId&) { return ++asked > 1; };  // silent when it was decided
        REQUIRE(lab.fence("h1"));
        lab.run_for(1min);
        CHECK(lab.record("h1").message == "answers again");
    }
    SECTION("and nobody can say that it is off") {
        CHECK(lab.wait(lab.power_switch->confirm_lost({"h1"}, "ann")).error().code == ErrorCode::conflict);
    }
    CHECK(lab.world.host({"h1"})->powered);
    CHECK_FALSE(lab.locked("h1"));
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("What its BMC does not confirm is no proof: a person has to answer for it") {
    FailoverLab lab;
    lab.bmcs[{"h1"}].dead = true;
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    lab.run_for(30min);
    CHECK(lab.record("h1").state == PowerState::fencing);
    CHECK(lab.record("h1").alarm);
    CHECK(lab.start_on("vm", "h1", "h2").error().code == ErrorCode::conflict);
    CHECK(lab.where("vm").empty());
    SECTION("a person does") {
        lab.heard.clear();
        REQUIRE(lab.wait(lab.power_switch->confirm_lost({"h1"}, "ann")));
        REQUIRE(lab.becomes("h1", PowerState::lost));
        CHECK(lab.record("h1").requested_by == "ann");
        CHECK(lab.record("h1").message == "is taken to be off: ann answers for it");
        REQUIRE(lab.start_on("vm", "h1", "h2"));
        REQUIRE(lab.settle());
        CHECK(lab.where("vm") == "h2");
    }
    SECTION("its BMC comes back") {
        lab.bmcs[{"h1"}].dead = false;
        REQUIRE(lab.becomes("h1", PowerState::lost, 2min));
        CHECK_FALSE(lab.record("h1").alarm);
    }
    SECTION("it answers again") {
        lab.world.power_on({"h1"});
        REQUIRE(lab.becomes("h1", PowerState::on, 2min));
    }
}

TEST_CASE("A host that comes back is cleaned before it is used, and starts what it alone can run") {
    FailoverLab lab;
    lab.vm("stays");
    lab.own("stays", "h1");
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    REQUIRE(lab.domain("h1", "vm") != nullptr);  // its old definition
    lab.run_for(1min);                           // by then everybody has noticed that it is gone
    REQUIRE(lab.wait(lab.power_switch->bring_back({"h1"})));
    CHECK(lab.wait(lab.power_switch->bring_back({"h1"})).error().code == ErrorCode::conflict);
    REQUIRE(lab.becomes("h1", PowerState::on));
    CHECK(lab.domain("h1", "vm") == nullptr);
    CHECK(lab.owner("vm").left.empty());
    CHECK(lab.where("vm") == "h2");
    CHECK_FALSE(lab.locked("h1"));
    CHECK(lab.owner("stays").down);
    REQUIRE(lab.start_on("stays", "h1", "h1"));
    REQUIRE(lab.settle());
    CHECK(lab.where("stays") == "h1");
    CHECK_FALSE(lab.owner("stays").down);
    CHECK(lab.owner("stays").generation == 1);
}

TEST_CASE("A host that dies again within the hour stays off until somebody has looked") {
    FailoverLab lab;
    for (int i = 0; i < 2; ++i) {
        lab.world.power_off({"h1"});
        REQUIRE(lab.fence("h1"));
        REQUIRE(lab.becomes("h1", PowerState::lost));
        lab.run_for(1min);
        if (i == 1) break;
        REQUIRE(lab.wait(lab.power_switch->bring_back({"h1"})));
        REQUIRE(lab.becomes("h1", PowerState::on));
    }
    CHECK(lab.record("h1").quarantined);
    CHECK(lab.record("h1").alarm);
    CHECK(lab.wait(lab.power_switch->bring_back({"h1"})).error().code == ErrorCode::conflict);
}

TEST_CASE("While a host is being cleaned nothing of it is started elsewhere") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    lab.run_for(1min);
    lab.world.power_on({"h1"});
    lab.run_for(5ms + 1ms);  // it has been seen to answer
    CHECK(lab.start_on("vm", "h1", "h2").error().message == "its host is just coming back");
    REQUIRE(lab.becomes("h1", PowerState::on));
    CHECK(lab.owner("vm").down);
    REQUIRE(lab.start_on("vm", "h1", "h1"));
    REQUIRE(lab.settle());
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("A VM that cannot be started on one host is given back, and started on another") {
    FailoverLab lab;
    lab.world.broken.insert({"h2"});
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    CHECK(lab.records().back().state == OperationState::rolled_back);
    CHECK(lab.records().back().message == "could not be started on h2: QEMU did not start");
    CHECK(lab.owner("vm").host == HostId{"h1"});
    CHECK(lab.owner("vm").generation == 3);
    CHECK(lab.owner("vm").down);
    REQUIRE(lab.start_on("vm", "h1", "h3"));
    REQUIRE(lab.settle());
    CHECK(lab.where("vm") == "h3");
    CHECK(lab.owner("vm").generation == 4);
}

TEST_CASE("A VM that runs somewhere already is not started") {
    FailoverLab lab;
    lab.move_to_h3_and_lose_h1();
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    CHECK(lab.records().back().message == "runs on h3 already");
    CHECK(lab.where("vm") == "h3");
    CHECK(lab.owner("vm").host == HostId{"h3"});
}

TEST_CASE("A host that fell silent together with the lost one may have been given the VM in the last moments") {
    FailoverLab lab;
    lab.check = {};
    lab.run_for(10s);
    REQUIRE(lab.wait(lab.hypervisor->read({"h3"})));
    REQUIRE(lab.wait(lab.hypervisor->read({"h1"})));
    lab.world.move_by_hand({"vm"}, {"h1"}, {"h3"});
    lab.world.cut_off({"h3"});
    lab.world.power_off({"h1"});
    lab.run_for(30s);
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    lab.run_for(1min);
    REQUIRE(lab.executor->active().size() == 1);
    CHECK(lab.executor->active().front().attempt == 0);
    CHECK(lab.executor->active().front().alarm);
    CHECK(lab.executor->active().front().message.starts_with("h3 does not answer, and fell silent with h1"));
    CHECK(lab.world.running_on({"vm"}).size() == 1);
    SECTION("it answers again") {
        lab.world.reconnect({"h3"});
        REQUIRE(lab.settle());
        CHECK(lab.records().back().message == "runs on h3 already");
        CHECK(lab.where("vm") == "h3");
    }
    SECTION("it is certain to be off") {
        REQUIRE(lab.fence("h3"));
        REQUIRE(lab.becomes("h3", PowerState::lost));
        REQUIRE(lab.settle());
        CHECK(lab.where("vm") == "h2");
        CHECK_FALSE(lab.records().back().alarm);
    }
    SECTION("an operator does not want it any more") {
        const OperationId id = lab.executor->active().front().id;
        REQUIRE(lab.wait(lab.executor->cancel(id, "ann")));
        REQUIRE(lab.settle());
        CHECK(lab.records().back().state == OperationState::cancelled);
        CHECK(lab.owner("vm").host == HostId{"h1"});
    }
}

TEST_CASE("A host that was silent long before, or is switched off, keeps no VM from being started") {
    FailoverLab lab;
    REQUIRE(lab.wait(lab.hypervisor->read({"h3"})));
    SECTION("silent for long") {
        lab.world.cut_off({"h3"});
        lab.run_for(6min);
        REQUIRE(lab.wait(lab.hypervisor->read({"h1"})));
    }
    SECTION("switched off") {
        REQUIRE(lab.wait(lab.power_switch->switch_off({"h3"}, false, "night", "policy")));
        REQUIRE(lab.becomes("h3", PowerState::off));
        REQUIRE(lab.wait(lab.hypervisor->read({"h1"})));
        lab.run_for(30s);
    }
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    CHECK(lab.where("vm") == "h2");
}

TEST_CASE("A VM that is shut down while its old host is lost is cleaned up there all the same, and then forgotten") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    lab.executor->vms().forget({"vm"});  // as its user shuts it down
    CHECK(lab.owner("vm").ended);
    CHECK(lab.executor->vms().of_host({"h2"}).empty());
    CHECK(lab.start_on("vm", "h2", "h3").error().code == ErrorCode::invalid);
    SECTION("by a later daemon, too") {
        REQUIRE(lab.wait(lab.executor->vms().written()));
        lab.restart();
        CHECK(lab.owner("vm").ended);
    }
    lab.run_for(1min);
    lab.world.power_on({"h1"});
    REQUIRE(lab.becomes("h1", PowerState::on));
    CHECK(lab.domain("h1", "vm") == nullptr);
    CHECK(lab.executor->vms().find({"vm"}) == nullptr);
}

TEST_CASE("A host that is switched on again and does not come is named") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    lab.run_for(1min);
    CHECK_FALSE(lab.record("h1").alarm);  // that the connection to it still counts as up means nothing
    lab.bmcs[{"h1"}].boot = 24h;
    REQUIRE(lab.wait(lab.power_switch->bring_back({"h1"})));
    lab.run_for(9min);
    CHECK_FALSE(lab.record("h1").alarm);
    lab.run_for(2min);
    CHECK(lab.record("h1").alarm);
    CHECK(lab.record("h1").message.starts_with("is lost, and was switched on again, but "));
    CHECK(lab.record("h1").state == PowerState::lost);
}

TEST_CASE("A lost host whose BMC was dead when it was to be switched on again is switched on by an order") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    lab.run_for(1min);  // the connection to it still counts as up
    lab.bmcs[{"h1"}].dead = true;
    REQUIRE(lab.wait(lab.power_switch->bring_back({"h1"})));
    lab.run_for(2min);
    REQUIRE(lab.record("h1").alarm);
    lab.bmcs[{"h1"}].dead = false;
    REQUIRE(lab.wait(lab.power_switch->release({"h1"}, "ann")));
    REQUIRE(lab.on("h1"));
    CHECK_FALSE(lab.record("h1").alarm);
    CHECK(lab.on("h1").error().code == ErrorCode::conflict);
    REQUIRE(lab.becomes("h1", PowerState::on));
}

TEST_CASE("What an operator's word does is said at once") {
    FailoverLab lab;
    lab.bmcs[{"h1"}].dead = true;
    lab.world.power_off({"h1"});
    std::optional<Result<void>> answer;
    const auto answered = [&](std::exception_ptr, Result<void> result) { answer = std::move(result); };
    const auto told = [&] {
        while (!answer) lab.run_for(1ms);
        REQUIRE(*std::exchange(answer, std::nullopt));
        return lab.record("h1").message;
    };
    SECTION("it is off") {
        lab.run_for(1min);
        boost::asio::co_spawn(*lab.io, lab.power_switch->confirm_lost({"h1"}, "ann"), answered);
        told();
        bool said = false;
        for (const PowerRecord& record : lab.heard)
            said = said || record.message == "is taken to be off at the word of ann; its VMs are started elsewhere";
        CHECK(said);
    }
    SECTION("it is well") {
        REQUIRE(lab.fence("h1"));
        lab.run_for(1min);
        REQUIRE(lab.record("h1").alarm);
        boost::asio::co_spawn(*lab.io, lab.power_switch->release({"h1"}, "ann"), answered);
        CHECK(told().find("released by ann") != std::string::npos);
        CHECK_FALSE(lab.record("h1").alarm);
    }
}

TEST_CASE("The target of a restart dies, too") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    lab.run_for(600ms);
    lab.world.power_off({"h2"});
    lab.run_for(20s);
    REQUIRE(lab.fence("h2"));
    REQUIRE(lab.settle());
    CHECK(lab.records().back().state == OperationState::rolled_back);
    REQUIRE(lab.start_on("vm", "h1", "h3"));
    REQUIRE(lab.settle());
    CHECK(lab.where("vm") == "h3");
    lab.world.power_on({"h2"});
    REQUIRE(lab.becomes("h2", PowerState::on));
    CHECK(lab.domain("h2", "vm") == nullptr);
}

TEST_CASE("A host dies in the middle of a migration") {
    FailoverLab lab;
    lab.check = [&] {
        if (lab.world.running_on({"vm"}).size() > 1) FAIL("the guest runs twice");
    };
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    lab.run_for(2s);
    SECTION("the source") {
        lab.world.power_off({"h1"});
        lab.run_for(20s);
        REQUIRE(lab.fence("h1"));
        REQUIRE(lab.settle(2min));
        CHECK(lab.record(*id).message == "h1 was lost, and the guest with it");
        REQUIRE(lab.start_on("vm", "h1", "h3"));
        REQUIRE(lab.settle());
        CHECK(lab.where("vm") == "h3");
    }
    SECTION("the target") {
        lab.world.power_off({"h2"});
        lab.run_for(20s);
        REQUIRE(lab.fence("h2"));
        REQUIRE(lab.settle(2min));
        CHECK(lab.record(*id).state == OperationState::rolled_back);
        CHECK(lab.where("vm") == "h1");
        CHECK(lab.owner("vm").host == HostId{"h1"});
    }
}

TEST_CASE("That a VM has autostart where it arrived is known, whatever was seen of it on the way") {
    FailoverLab lab;
    sim::VmSpec spec;
    spec.autostart = true;
    lab.vm("auto", spec);
    lab.own("auto", "h1");
    REQUIRE_FALSE(lab.owner("auto").autostart);
    lab.move("auto");
    CHECK(lab.owner("auto").host == HostId{"h2"});
    CHECK(lab.owner("auto").autostart);
}

TEST_CASE(
    "Of a migration whose hosts are both lost the source is the owner, and what the target has of it is cleaned") {
    FailoverLab lab;
    lab.check = {};
    lab.domain("h1", "vm")->autostart = true;
    lab.ask(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(lab.run_until([&] { return lab.domain("h2", "vm") != nullptr; }));
    lab.world.power_off({"h2"});
    lab.world.power_off({"h1"});
    lab.run_for(20s);
    for (const char* host : {"h2", "h1"}) REQUIRE(lab.fence(host));
    for (const char* host : {"h2", "h1"}) REQUIRE(lab.becomes(host, PowerState::lost));
    REQUIRE(lab.settle());
    CHECK(lab.records().back().message == "h1 was lost, and the guest with it");
    CHECK(lab.owner("vm").host == HostId{"h1"});
    CHECK(lab.owner("vm").left == std::vector<HostId>{{"h2"}});
}

TEST_CASE("A host that starts by itself what it had lost, while that is down, keeps it, as the only one") {
    FailoverLab lab;
    lab.check = {};
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    lab.domain("h1", "vm")->autostart = true;
    lab.world.stop_domain({"h2"}, {"vm"}, "shut down", true);
    lab.world.power_on({"h1"});
    REQUIRE(lab.becomes("h1", PowerState::on));
    CHECK(lab.where("vm") == "h1");
    CHECK(lab.owner("vm").host == HostId{"h1"});
    CHECK(lab.domain("h2", "vm") == nullptr);
}

TEST_CASE("A source that is lost just when its guest has arrived is cleaned of it when it comes back") {
    FailoverLab lab;
    lab.check = {};  // the guest may be on h2 while h1 has power
    lab.world.inject({"vm"}, sim::Fault::source_dies_after_success);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    lab.run_for(30s);
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.settle(2min));
    CHECK(lab.record(*id).state == OperationState::done);
    CHECK(lab.owner("vm").host == HostId{"h2"});
    REQUIRE(lab.domain("h1", "vm") != nullptr);
    lab.run_for(1min);
    REQUIRE(lab.wait(lab.power_switch->bring_back({"h1"})));
    REQUIRE(lab.becomes("h1", PowerState::on));
    CHECK(lab.domain("h1", "vm") == nullptr);
    CHECK(lab.owner("vm").left.empty());
    CHECK(lab.where("vm") == "h2");
}

TEST_CASE("A migration is not tried again while its target counts as lost, although it answers again") {
    FailoverLab lab;
    lab.world.inject({"vm"}, sim::Fault::target_dies);
    REQUIRE(lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2", Trigger::manual), false)));
    REQUIRE(lab.run_until([&] { return !lab.world.host({"h2"})->powered; }));
    lab.run_for(20s);
    REQUIRE(lab.fence("h2"));
    REQUIRE(lab.becomes("h2", PowerState::lost));
    lab.world.power_on({"h2"});
    const unsigned tried = lab.world.migrations_started();
    REQUIRE(lab.settle());
    CHECK(lab.world.migrations_started() == tried);
    CHECK(lab.where("vm") == "h1");
    CHECK(lab.owner("vm").host == HostId{"h1"});
    CHECK(lab.becomes("h2", PowerState::on));
}

TEST_CASE("A VM is not started while it runs on its host, which counts as lost and answers again") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    lab.run_for(20s);
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    lab.world.power_on({"h1"});
    REQUIRE(lab.world.start({"h1"}, {"vm"}, true));  // somebody else did
    lab.check = [&] { REQUIRE(lab.world.running_on({"vm"}).size() == 1); };
    const auto begun = lab.start_on("vm", "h1", "h2");
    lab.run_for(1min);
    CHECK(lab.where("vm") == "h1");
    CHECK(lab.owner("vm").host == HostId{"h1"});
    CHECK_FALSE(lab.owner("vm").down);
    CHECK((begun || begun.error().code == ErrorCode::conflict));
}

TEST_CASE("A VM that somebody moved back to a lost host before that was cleaned stays there, as the only one") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    lab.run_for(20s);
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    REQUIRE(lab.where("vm") == "h2");
    lab.check = [&] { REQUIRE(lab.world.running_on({"vm"}).size() == 1); };
    lab.world.power_on({"h1"});
    lab.world.move_by_hand({"vm"}, {"h2"}, {"h1"});
    REQUIRE(lab.becomes("h1", PowerState::on));
    CHECK(lab.where("vm") == "h1");
    CHECK(lab.owner("vm").host == HostId{"h1"});
    CHECK(lab.owner("vm").left.empty());
    CHECK_FALSE(lab.owner("vm").down);
}

TEST_CASE("A daemon that dies at any step of fencing and restarting is followed by one that goes on") {
    std::uint64_t crashes = 0;
    for (std::uint64_t n = 1;; ++n) {
        FailoverLab lab;
        lab.world.cut_off({"h1"});
        lab.run_for(20s);
        lab.crashes.arm(n);
        const bool done = lab.recovers();
        INFO("died at point " << n);
        if (!lab.crashes.dead()) {
            REQUIRE(done);
            break;
        }
        ++crashes;
        lab.restart();
        REQUIRE(lab.recovers());
        CHECK(lab.owner("vm").generation % 2 == 0);  // away, or away, back and away again
        REQUIRE(lab.guards() == 0);
        REQUIRE_FALSE(lab.world.host({"h1"})->powered);
        for (const Operation& op : lab.records()) CHECK(is_final(op.state));
    }
    CHECK(crashes > 20);
}

TEST_CASE("An acceptance whose answer is lost starts nothing that nobody knows of") {
    FailoverLab lab;
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    lab.data.lose_replies = 1;
    SECTION("applied at once") {}
    SECTION("applied later") {
        lab.data.late = 30s;
    }
    REQUIRE_FALSE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle());
    CHECK(lab.where("vm").empty());
    REQUIRE(lab.recovers());
    CHECK(lab.guards() == 0);
}
