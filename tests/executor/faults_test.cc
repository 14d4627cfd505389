// Every fault of a migration with the end it must have [safety.md, "Faults to survive"].
#include "tests/executor/lab.h"

using namespace ballast;
using namespace ballast::test;
using sim::Fault;

namespace {

struct Expected {
    Fault fault;
    OperationState state;
    const char* runs_on;  // in the end; "" nowhere
    bool alarm;
    const char* message;  // part of it
};

const Expected table[] = {
    {Fault::none, OperationState::done, "h2", false, "runs on h2"},
    {Fault::source_libvirtd_restarts_in_perform, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::source_libvirtd_restarts_after_perform, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::source_libvirtd_restarts_arrival_waits, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::source_libvirtd_restarts_arrival_runs, OperationState::done, "h2", false, "although the call said"},
    {Fault::target_libvirtd_restarts_in_prepare, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::target_libvirtd_restarts_in_finish, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::target_libvirtd_restarts_after_start, OperationState::failed, "h1", true, "ran on both hosts"},
    {Fault::target_silent, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::target_silent_in_finish, OperationState::failed, "h1", true, "ran on both hosts"},
    {Fault::target_dies, OperationState::rolled_back, "h1", false, "h2 was lost"},
    {Fault::finish_lost, OperationState::failed, "h1", true, "ran on both hosts"},
    {Fault::target_qemu_killed_before_pause, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::target_qemu_killed_after_pause, OperationState::rolled_back, "h1", false, "stays on h1"},
    {Fault::target_qemu_killed_after_start, OperationState::failed, "", true, "runs on neither host"},
    {Fault::source_cut_off, OperationState::done, "h2", false, "runs on h2"},
    {Fault::reply_lost, OperationState::done, "h2", false, "runs on h2"},
    {Fault::contact_lost, OperationState::done, "h2", false, "although the call said"},
    {Fault::calls_time_out, OperationState::done, "h2", false, "runs on h2"},
    {Fault::never_converges, OperationState::rolled_back, "h1", false, "not finished within 10 min"},
    {Fault::never_converges_abort_unanswered, OperationState::rolled_back, "h1", false, "not finished within 10 min"},
    {Fault::guest_shuts_down, OperationState::cancelled, "", false, "the guest shut down"},
    {Fault::guest_crashes, OperationState::failed, "", true, "runs on neither host"},
    {Fault::io_error, OperationState::rolled_back, "", true, "paused there by an IO error"},
    {Fault::memory_gone, OperationState::rolled_back, "h1", false, "not started: h2: needs 4 GiB"},
    {Fault::name_taken, OperationState::rolled_back, "h1", false, "not started: h2: another domain"},
    {Fault::leftover_definition, OperationState::rolled_back, "h1", false, "stays on h1"},
};

bool alarm_was_told(const Lab& lab) {
    return std::any_of(lab.told.begin(), lab.told.end(), [](const Operation& op) { return op.alarm; });
}

}  // namespace

TEST_CASE("Each fault of a migration ends as it must") {
    for (const bool persistent : {true, false})
        for (const Expected& expected : table) {
            INFO(sim::to_string(expected.fault) << (persistent ? ", persistent" : ", transient"));
            Lab lab;
            sim::VmSpec spec;
            spec.persistent = persistent;
            lab.vm("vm", spec);
            lab.world.inject({"vm"}, expected.fault);
            const Operation ended = lab.move("vm");
            INFO(ended.message);
            CHECK(to_string(ended.state) == to_string(expected.state));
            CHECK(lab.where("vm") == expected.runs_on);
            CHECK(ended.alarm == expected.alarm);
            CHECK(ended.message.find(expected.message) != std::string::npos);
            CHECK(lab.guards() == 0);
            const sim::Domain* other = lab.domain(std::string(expected.runs_on) == "h2" ? "h1" : "h2", "vm");
            if (*expected.runs_on != '\0') CHECK(other == nullptr);  // no definition is left behind
            if (std::string(expected.runs_on) == "h2") CHECK(lab.domain("h2", "vm")->persistent == persistent);
        }
}

TEST_CASE("A silent target is given up within a minute, and the guest was never in doubt") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::target_dies);
    const Instant began = lab.clock.now();
    const Operation ended = lab.move("vm");
    CHECK(lab.clock.now() - began < 60s);
    CHECK(ended.state == OperationState::rolled_back);
    CHECK_FALSE(alarm_was_told(lab));
}

TEST_CASE("A silent target that may run the guest is waited for, with an alarm") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::target_silent_in_finish);
    lab.move("vm");
    CHECK(alarm_was_told(lab));
}

TEST_CASE("That both run it is seen although every event was lost") {
    Lab lab;
    lab.vm("vm");
    lab.world.disturb_events(1, 0);
    lab.world.inject({"vm"}, Fault::target_silent_in_finish);
    const Operation ended = lab.move("vm");
    CHECK(ended.state == OperationState::failed);
    CHECK(ended.alarm);
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("Both may run it no longer than a few seconds once both can be asked") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::finish_lost);
    Instant twice{};
    Duration longest{};
    lab.check = [&] {
        const bool now_twice = lab.world.running_on({"vm"}).size() > 1;
        if (!now_twice) twice = {};
        if (now_twice && twice == Instant{}) twice = lab.clock.now();
        if (now_twice) longest = std::max(longest, lab.clock.now() - twice);
    };
    lab.move("vm");
    CHECK(longest > 0s);
    CHECK(longest < 5s);
}

TEST_CASE("When the copy that should go cannot be stopped, the operation stays open with its alarm") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::finish_lost);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lab.world.running_on({"vm"}).size() == 2; }));
    lab.world.cut_off({"h2"});
    lab.run_for(10min);
    CHECK(lab.under_way().alarm);
    lab.world.reconnect({"h2"});
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::failed);
    CHECK(lab.record(*id).alarm);
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("A source host that dies is waited for with an alarm; the guest is not restarted behind anybody's back") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::source_dies);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    lab.run_for(10min);
    CHECK(lab.under_way().alarm);
    CHECK(lab.under_way().message.find("on h1: cannot be asked") != std::string::npos);
    lab.world.power_on({"h1"});
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::failed);
    CHECK(lab.record(*id).alarm);
    CHECK(lab.where("vm").empty());
}

TEST_CASE("A source host that dies after the success is committed when it is back, and its old definition goes") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::source_dies_after_success);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    lab.run_for(10min);
    CHECK(lab.under_way().alarm);
    CHECK(lab.where("vm") == "h2");
    lab.world.power_on({"h1"});
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::done);
    CHECK_FALSE(lab.record(*id).alarm);
    CHECK(lab.where("vm") == "h2");
    CHECK(lab.domain("h1", "vm") == nullptr);
}

TEST_CASE("An abort nobody answers raises an alarm, and is repeated until it works") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::never_converges_abort_unanswered);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    lab.run_for(13min);
    CHECK(lab.under_way().alarm);
    CHECK(lab.under_way().state == OperationState::running);
    CHECK(lab.world.migrations_under_way() == 1);
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::rolled_back);
    CHECK_FALSE(lab.record(*id).alarm);
}

TEST_CASE("An answer that got lost is not waited for until the deadline") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::reply_lost);
    const Instant began = lab.clock.now();
    lab.move("vm");
    CHECK(lab.clock.now() - began < 60s);
}

TEST_CASE("Lost and doubled events change nothing about the end") {
    for (const Expected& expected : table) {
        Lab lab;
        lab.vm("vm");
        INFO(sim::to_string(expected.fault));
        lab.world.inject({"vm"}, expected.fault);
        lab.world.disturb_events(0.5, 0.5);
        const Operation ended = lab.move("vm");
        INFO(ended.message);
        CHECK(to_string(ended.state) == to_string(expected.state));
        CHECK(lab.where("vm") == expected.runs_on);
    }
}

namespace {
/// A guest that writes as fast as the link carries, on h1, and post-copy after one pass.
OperationId begin_post_copy(Lab& lab) {
    sim::VmSpec spec;
    spec.allows_post_copy = true;
    spec.dirty_mib_per_s = 900;
    lab.vm("vm", spec);
    lab.settings.auto_converge = false;
    lab.settings.post_copy_passes = 1;
    lab.executor->configure(lab.settings);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    return *id;
}
bool in_halves(Lab& lab) {
    using Reason = Presence::PauseReason;
    const auto *source = lab.domain("h1", "vm"), *target = lab.domain("h2", "vm");
    return source && target && source->reason == Reason::post_copy_failed &&
           target->reason == Reason::post_copy_failed && target->incomplete;
}
bool arrives(Lab& lab) {
    return lab.run_until([&] { return lab.domain("h2", "vm") && lab.domain("h2", "vm")->runs(); });
}
}  // namespace

TEST_CASE("Post-copy whose network fails is in an alarm until it works again, and then brings the rest") {
    Lab lab;
    lab.world.inject({"vm"}, Fault::post_copy_cut);
    const OperationId id = begin_post_copy(lab);
    REQUIRE(arrives(lab));
    lab.run_for(40s);
    CHECK(in_halves(lab));
    const Operation meanwhile = lab.under_way();
    CHECK(meanwhile.alarm);
    CHECK(meanwhile.message.find("interrupted in post-copy, its memory is on both hosts") != std::string::npos);
    CHECK(meanwhile.message.find("stop it on neither host") != std::string::npos);
    lab.run_for(80s);
    CHECK(in_halves(lab));  // its connection may go on by itself, and is not broken off before
    REQUIRE(lab.settle());
    const Operation ended = lab.record(id);
    CHECK(ended.state == OperationState::done);
    CHECK_FALSE(ended.alarm);
    CHECK(ended.method.starts_with("post-copy"));
    CHECK(lab.where("vm") == "h2");
    CHECK(lab.domain("h1", "vm") == nullptr);
}

TEST_CASE("As long as the network stays away both halves of a VM are left alone, through restarts as well") {
    Lab lab;
    const OperationId id = begin_post_copy(lab);
    REQUIRE(arrives(lab));
    lab.world.separate({"h1"}, {"h2"});
    lab.run_for(30min);
    CHECK(in_halves(lab));
    CHECK(lab.under_way().alarm);
    const auto cancelled = lab.wait(lab.executor->cancel(id, "me"));
    REQUIRE_FALSE(cancelled);
    CHECK(cancelled.error().code == ErrorCode::conflict);
    lab.reboot();
    lab.run_for(30min);
    CHECK(in_halves(lab));
    CHECK(lab.under_way().alarm);
    lab.world.join({"h1"}, {"h2"});
    REQUIRE(lab.settle());
    CHECK(lab.record(id).state == OperationState::done);
    CHECK(lab.where("vm") == "h2");
}

TEST_CASE("Post-copy that goes on while a libvirtd is started anew is not disturbed") {
    for (const char* host : {"h1", "h2"}) {
        Lab lab;
        const OperationId id = begin_post_copy(lab);
        REQUIRE(arrives(lab));
        lab.world.restart_libvirtd({host});
        REQUIRE(lab.settle());
        CHECK(lab.record(id).state == OperationState::done);
        CHECK(lab.record(id).message.find("try") == std::string::npos);
        CHECK(lab.where("vm") == "h2");
    }
}

TEST_CASE("A VM that somebody moves to a third host in the middle is found there") {
    Lab lab;
    lab.vm("vm");
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lab.world.migrations_under_way() == 1; }));
    lab.world.move_by_hand({"vm"}, {"h1"}, {"h3"});
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::cancelled);
    CHECK(lab.record(*id).message == "runs on h3: it was moved by hand");
    CHECK(lab.where("vm") == "h3");
}

TEST_CASE("A VM whose host is no longer configured is not taken for absent there") {
    Lab lab;
    lab.vm("vm");
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h9", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::rolled_back);
    CHECK(lab.record(*id).message.find("no such host is configured") != std::string::npos);
}
