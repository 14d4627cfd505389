// What is concluded when a host is lost and others cannot be asked, or changed just before it.
#include "tests/executor/failover_lab.h"

using namespace ballast;
using namespace ballast::test;

namespace {

/// The VM runs on h2, and h1, whose libvirtd ended in the moment of the hand-over, has a paused copy.
OperationId arrives_unconfirmed(FailoverLab& lab) {
    lab.world.inject({"vm"}, sim::Fault::source_libvirtd_restarts_arrival_runs);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lab.domain("h2", "vm") != nullptr && lab.domain("h2", "vm")->runs(); }));
    return *id;
}

}  // namespace

TEST_CASE("A VM that somebody moves on as soon as it was started is not started a second time") {
    unsigned in_between = 0;
    for (Duration after{0}; after < 40ms; ++after) {
        INFO("moved " << after.count() << " ms after its start");
        FailoverLab lab;
        lab.world.power_off({"h1"});
        lab.run_for(20s);
        REQUIRE(lab.fence("h1"));
        REQUIRE(lab.becomes("h1", PowerState::lost));
        REQUIRE(lab.start_on("vm", "h1", "h2"));
        REQUIRE(lab.run_until([&] { return lab.where("vm") == "h2"; }));
        lab.run_for(after);
        in_between += lab.executor->active().empty() ? 0 : 1;
        lab.world.move_by_hand({"vm"}, {"h2"}, {"h3"});
        REQUIRE(lab.settle());
        CHECK(lab.where("vm") == "h3");
    }
    CHECK(in_between > 1);
}

TEST_CASE("A source that handed its guest over to a host that is lost does not keep its definition") {
    FailoverLab lab;
    lab.check = [&] {
        if (lab.world.running_on({"vm"}).size() > 1) FAIL("the guest runs twice");
    };
    lab.world.inject({"vm"}, sim::Fault::source_libvirtd_restarts_arrival_waits);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return !lab.world.host({"h1"})->libvirtd; }));
    lab.world.power_off({"h2"});
    lab.run_for(20s);
    SECTION("it is started anew from the one on record") {
        REQUIRE(lab.fence("h2"));
        REQUIRE(lab.settle(5min));
        CHECK(lab.record(*id).message == "h2 was lost, and the guest with it");
        CHECK_FALSE(lab.record(*id).alarm);
        CHECK(lab.domain("h1", "vm") == nullptr);
        REQUIRE(lab.start_on("vm", "h2", "h3"));
        REQUIRE(lab.settle());
        CHECK(lab.where("vm") == "h3");
    }
    SECTION("but none is on record") {
        VmRecord record = lab.owner("vm");
        record.definition.clear();
        lab.executor->vms().set(record);
        REQUIRE(lab.fence("h2"));
        REQUIRE(lab.settle(5min));
        CHECK(lab.domain("h1", "vm") != nullptr);
    }
}

TEST_CASE(
    "A target on which the guest crashed just after it arrived does not keep its definition when the source is lost") {
    FailoverLab lab;
    lab.world.inject({"vm"}, sim::Fault::target_qemu_killed_after_start);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lab.domain("h2", "vm") != nullptr && !lab.domain("h2", "vm")->active(); }));
    lab.world.power_off({"h1"});
    lab.run_for(20s);
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.settle(5min));
    CHECK(lab.record(*id).message == "h1 was lost, and the guest with it");
    CHECK(lab.domain("h2", "vm") == nullptr);
    REQUIRE(lab.start_on("vm", "h1", "h3"));
    REQUIRE(lab.settle());
    CHECK(lab.where("vm") == "h3");
}

TEST_CASE("An arrival that waits is not let go on when somebody has moved the VM to a third host meanwhile") {
    FailoverLab lab;
    lab.check = [&] {
        if (lab.world.running_on({"vm"}).size() > 1) FAIL("the guest runs twice");
    };
    lab.world.inject({"vm"}, sim::Fault::target_libvirtd_restarts_in_finish);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lab.under_way().state == OperationState::verifying; }));
    lab.world.move_by_hand({"vm"}, {"h1"}, {"h3"});
    REQUIRE(lab.settle(5min));
    CHECK(lab.where("vm") == "h3");
    CHECK(lab.record(*id).message == "runs on h3: it was moved by hand");
    CHECK(lab.owner("vm").host == HostId{"h3"});
}

TEST_CASE("Of a source that waits nothing is left when somebody has moved the VM from its target to a third host") {
    FailoverLab lab;
    lab.check = [&] {
        if (lab.world.running_on({"vm"}).size() > 1) FAIL("the guest runs twice");
    };
    const OperationId id = arrives_unconfirmed(lab);
    lab.world.move_by_hand({"vm"}, {"h2"}, {"h3"});
    REQUIRE(lab.settle(5min));
    CHECK(lab.where("vm") == "h3");
    CHECK(lab.record(id).message == "runs on h3: it was moved by hand");
    CHECK(lab.domain("h1", "vm") == nullptr);
    CHECK(lab.owner("vm").host == HostId{"h3"});
}

TEST_CASE("What waits on the source is not resumed once the guest has run on the target, whatever became of it there") {
    FailoverLab lab;
    lab.check = [&] {
        if (lab.world.running_on({"vm"}).size() > 1) FAIL("the guest runs twice");
    };
    const OperationId id = arrives_unconfirmed(lab);
    lab.world.cut_off({"h1"});
    lab.run_for(20s);
    const bool shut_down = GENERATE(true, false);
    lab.world.stop_domain({"h2"}, {"vm"}, shut_down ? "shut down" : "crashed", shut_down);
    lab.world.reconnect({"h1"});
    lab.run_for(5min);
    if (shut_down) {
        CHECK_THAT(lab.record(id).message, Catch::StartsWith("the guest shut down during the migration"));
        CHECK(lab.domain("h1", "vm") == nullptr);
    } else {
        CHECK(lab.under_way().alarm);
        CHECK_THAT(lab.under_way().message, Catch::Contains("what waits on the first one is of before that"));
    }
    CHECK(lab.world.running_on({"vm"}).empty());
}

TEST_CASE("A definition that cannot be removed from a host that the VM has left is named") {
    FailoverLab lab;
    lab.world.keeps_definitions = {{"h1"}};
    const OperationId id = arrives_unconfirmed(lab);
    lab.world.move_by_hand({"vm"}, {"h2"}, {"h3"});
    REQUIRE(lab.settle(5min));
    CHECK(lab.where("vm") == "h3");
    CHECK(lab.owner("vm").host == HostId{"h3"});
    CHECK(lab.record(id).alarm);
    CHECK_THAT(lab.record(id).message,
               Catch::StartsWith("runs on h3: it was moved by hand; a definition is left on h1: "));
}

TEST_CASE(
    "An arrival that waits is let go on once the third host says that it has not got it, or is certain to be off") {
    FailoverLab lab;
    lab.check = [&] {
        if (lab.world.running_on({"vm"}).size() > 1) FAIL("the guest runs twice");
    };
    lab.world.inject({"vm"}, sim::Fault::target_libvirtd_restarts_in_finish);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lab.under_way().state == OperationState::verifying; }));
    const bool has_it = GENERATE(true, false);
    if (has_it)
        lab.world.move_by_hand({"vm"}, {"h1"}, {"h3"});
    else
        lab.world.power_off({"h1"});
    lab.world.cut_off({"h3"});
    lab.run_for(20s);
    if (!has_it) REQUIRE(lab.fence("h1"));
    lab.run_for(10min);
    CHECK(lab.under_way().alarm);
    CHECK_THAT(lab.under_way().message, Catch::Contains("it may have been moved to h3, which does not answer"));
    CHECK(lab.world.running_on({"vm"}).size() == (has_it ? 1 : 0));
    SECTION("it answers") {
        lab.world.reconnect({"h3"});
        REQUIRE(lab.settle(5min));
        CHECK(lab.where("vm") == (has_it ? "h3" : "h2"));
    }
    SECTION("it is fenced") {
        REQUIRE(lab.fence("h3"));
        REQUIRE(lab.settle(5min));
        CHECK(lab.where("vm") == "h2");
    }
    CHECK(lab.world.running_on({"vm"}).size() == 1);
    CHECK_FALSE(lab.record(*id).alarm);
}

TEST_CASE("What has come of a VM by somebody else's migration whose source was lost is not taken for the VM") {
    FailoverLab lab;
    const char* const to = GENERATE("h2", "h3");
    MigrationRequest request;
    request.vm = {"vm"};
    request.from = {"h1"};
    request.to = {"h3"};
    request.max_downtime = 300ms;
    lab.world.migrate(request, [](Result<void>) {});
    lab.run_for(200ms);
    REQUIRE(lab.domain("h3", "vm") != nullptr);
    lab.world.power_off({"h1"});
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.domain("h3", "vm") != nullptr);
    REQUIRE(lab.start_on("vm", "h1", to));
    REQUIRE(lab.settle(2min));
    CHECK(lab.where("vm") == to);
}

TEST_CASE("Nothing is started while a host may have it that has not answered since the daemon's start") {
    FailoverLab lab;
    const bool lost_answered = GENERATE(true, false);
    lab.run_for(20min);
    lab.world.cut_off({"h3"});
    if (!lost_answered) lab.world.power_off({"h1"});
    lab.restart();
    lab.run_for(2min);
    if (lost_answered) {
        REQUIRE(lab.wait(lab.hypervisor->read({"h1"})));
        lab.world.power_off({"h1"});
        lab.run_for(20s);
    }
    REQUIRE(lab.hypervisor->answered_at({"h1"}).has_value() == lost_answered);
    REQUIRE_FALSE(lab.hypervisor->answered_at({"h3"}));
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    lab.run_for(5min);
    CHECK(lab.where("vm").empty());
    CHECK(lab.under_way().alarm);
    CHECK(lab.under_way().message.find("h3 does not answer, and fell silent with h1") != std::string::npos);
    SECTION("it answers and does not have it") {
        lab.world.reconnect({"h3"});
        REQUIRE(lab.settle(2min));
        CHECK(lab.where("vm") == "h2");
    }
    SECTION("it answers and has it") {
        lab.world.add_vm({"h3"}, {"vm"}, {});
        lab.world.reconnect({"h3"});
        REQUIRE(lab.settle(2min));
        CHECK(lab.where("vm") == "h3");
        CHECK(lab.owner("vm").host == HostId{"h3"});
    }
}

TEST_CASE("A host that was silent long before the lost one fell silent has none of its VMs") {
    FailoverLab lab;
    lab.world.cut_off({"h3"});
    lab.restart();
    lab.run_for(10min);
    REQUIRE(lab.wait(lab.hypervisor->read({"h1"})));
    lab.world.power_off({"h1"});
    lab.run_for(20s);
    REQUIRE(lab.fence("h1"));
    REQUIRE(lab.becomes("h1", PowerState::lost));
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    REQUIRE(lab.settle(2min));
    CHECK(lab.where("vm") == "h2");
}

TEST_CASE("What was seen of a VM is not written over the record of a later owner") {
    FailoverLab lab;
    VmRecord theirs = lab.owner("vm");
    const bool is_later = GENERATE(true, false);
    theirs.host = {"h3"};
    if (is_later) ++theirs.generation;
    Transaction other;  // by a leader before us, from whose write ours was not read yet
    other.changes.push_back(
        {Change::Kind::put, executor::vm_record_key({"vm"}), boost::json::serialize(executor::to_json(theirs)), 0});
    REQUIRE(lab.wait(lab.store->commit(other)));
    VmRecord seen = lab.owner("vm");
    seen.down = true;
    lab.executor->vms().set(seen);
    REQUIRE(lab.wait(lab.executor->vms().written()));
    if (!is_later) ++seen.generation;  // a change of the owner that the store has
    const VmRecord& left = is_later ? theirs : seen;
    CHECK(lab.owner("vm") == left);
    const auto stored =
        executor::vm_record_from_json(boost::json::parse(lab.data.entries.at(executor::vm_record_key({"vm"})).value));
    CHECK(stored.value() == left);
}

TEST_CASE("The generation counts the owners that were written, however many were seen between two writes") {
    FailoverLab lab;
    lab.check = {};
    executor::VmRecords& records = lab.executor->vms();
    const auto owned_by = [&](const char* host) {
        VmRecord record = lab.owner("vm");
        record.host = {host};
        records.set(record);
    };
    const auto stored = [&] {
        const auto& entry = lab.data.entries.at(executor::vm_record_key({"vm"}));
        return executor::vm_record_from_json(boost::json::parse(entry.value)).value();
    };
    const auto first = stored().generation;
    SECTION("seen on two hosts before the store takes it") {
        lab.data.unavailable_until = lab.clock.now() + 3s;
        owned_by("h3");
        lab.run_for(1s);
        owned_by("h2");
        lab.run_for(1s);
    }
    SECTION("a write whose answer is lost comes in between") {
        lab.data.lose_replies = 1;
        owned_by("h3");
        REQUIRE(lab.run_until([&] { return stored().host == HostId{"h3"}; }));
        owned_by("h2");
    }
    const auto before = stored().generation;
    REQUIRE(lab.wait(records.written()));
    CHECK(stored().host == HostId{"h2"});
    CHECK(stored().generation == before + 1);
    CHECK(before - first == (before == first ? 0 : 1));
}

TEST_CASE("A host whose connection is up, but that does not say whether it has the VM, is waited for") {
    FailoverLab lab;
    lab.move_to_h3_and_lose_h1();
    lab.world.host({"h3"})->calls_time_out_until = lab.clock.now() + 3min;
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    lab.run_for(2min);
    CHECK(lab.hypervisor->connection({"h3"}) == Connection::up);
    REQUIRE(lab.executor->active().size() == 1);
    CHECK(lab.executor->active().front().attempt == 0);
    CHECK(lab.executor->active().front().message.starts_with("h3 does not say whether it has vm, which may have been"));
    REQUIRE(lab.settle());
    CHECK(lab.records().back().message == "runs on h3 already");
    CHECK(lab.where("vm") == "h3");
}

TEST_CASE("A host that was seen with the VM lately, and does not say so now, is waited for however late that was") {
    FailoverLab lab;
    lab.move_to_h3_and_lose_h1();
    lab.run_for(3min);
    bool had = true;
    lab.executor->ask_seen([&](const HostId&) { return lab.clock.now(); },
                           [&](const HostId& host, const VmId&) { return had && host == HostId{"h3"}; });
    lab.world.host({"h3"})->calls_time_out_until = lab.clock.now() + 10min;
    REQUIRE(lab.start_on("vm", "h1", "h2"));
    lab.run_for(2min);
    REQUIRE(lab.executor->active().size() == 1);
    CHECK(lab.executor->active().front().attempt == 0);
    had = false;
    lab.run_for(1min);
    CHECK(lab.records().back().attempt == 1);
}
