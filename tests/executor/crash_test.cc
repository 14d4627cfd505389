// The daemon dies at every step there is: just before and just after everything it asks of a host or of the store.
// The next one reads the journal and must bring each operation to a right end [safety.md, invariants 1, 3 and 7].
#include "tests/executor/lab.h"

using namespace ballast;
using namespace ballast::test;
using sim::Fault;

namespace {

struct Scenario {
    Fault fault;
    Trigger trigger = Trigger::overload;
    bool cancel = false;  // after two seconds
};

/// Runs the scenario with a crash at the n-th point, and again at the m-th of the next life (0: none). False when the
/// operation had ended before.
bool crash_at(Lab& lab, const Scenario& scenario, std::uint64_t n, std::uint64_t m) {
    sim::VmSpec spec;
    spec.autostart = true;
    lab.vm("vm", spec);
    lab.world.inject({"vm"}, scenario.fault);
    lab.crashes.arm(n);
    lab.check = [&] {
        const bool twice = lab.world.running_on({"vm"}).size() > 1;
        if (twice && !lab.world.may_run_twice({"vm"})) FAIL("the guest runs twice");
    };
    lab.ask(lab.executor->submit(lab.draft("vm", "h1", "h2", scenario.trigger), false));
    lab.run_for(2s);
    if (scenario.cancel && !lab.crashes.dead() && !lab.executor->active().empty())
        lab.ask(lab.executor->cancel(lab.executor->active().front().id, "ann"));
    lab.settle();
    if (!lab.crashes.dead()) return false;
    lab.reboot(m);
    lab.settle();
    if (lab.crashes.dead()) lab.reboot();
    REQUIRE(lab.settle());
    REQUIRE(*lab.recovered);
    return true;
}

void check_end(Lab& lab) {
    const auto records = lab.records();
    REQUIRE(records.size() <= 1);
    CHECK(lab.guards() == 0);
    if (records.empty()) {  // died before it was accepted
        CHECK(lab.where("vm") == "h1");
        return;
    }
    const Operation& op = records.front();
    INFO(to_string(op.state) << ": " << op.message);
    REQUIRE(is_final(op.state));
    CHECK(op.ended);
    if (lab.where("vm").empty()) {
        CHECK(lab.world.may_be_off({"vm"}));
        CHECK((op.alarm || op.state == OperationState::cancelled));
    } else {
        CHECK(lab.where("vm") == (op.state == OperationState::done ? "h2" : "h1"));
        CHECK(lab.domain(lab.where("vm").c_str(), "vm")->autostart);
    }
    if (lab.world.may_run_twice({"vm"}) && op.state != OperationState::done) CHECK(op.alarm);
}

/// How many points one undisturbed run of the scenario has.
std::uint64_t points(const Scenario& scenario) {
    Lab lab;
    crash_at(lab, scenario, 0, 0);
    return lab.crashes.reached();
}

const Scenario scenarios[] = {
    {Fault::none},
    {Fault::none, Trigger::overload, true},
    {Fault::source_libvirtd_restarts_in_perform, Trigger::manual},
    {Fault::source_libvirtd_restarts_after_perform},
    {Fault::source_libvirtd_restarts_arrival_waits},
    {Fault::source_libvirtd_restarts_arrival_runs},
    {Fault::target_libvirtd_restarts_in_finish},
    {Fault::target_silent},
    {Fault::target_silent_in_finish},
    {Fault::finish_lost},
    {Fault::target_qemu_killed_after_start},
    {Fault::contact_lost},
    {Fault::guest_shuts_down},
    {Fault::leftover_definition, Trigger::manual},
    {Fault::never_converges, Trigger::overload, true},
};

}  // namespace

TEST_CASE("A daemon that dies at any step is followed by one that brings the operation to its right end") {
    for (const Scenario& scenario : scenarios) {
        const std::uint64_t last = points(scenario);
        CHECK(last > 20);
        for (std::uint64_t n = 1; n <= last; ++n) {
            INFO(sim::to_string(scenario.fault) << ", crash at point " << n << " of " << last);
            Lab lab;
            if (crash_at(lab, scenario, n, 0)) check_end(lab);
        }
    }
}

TEST_CASE("A second death in the middle of recovering changes nothing about the end") {
    std::mt19937_64 dice(1);
    for (const Scenario& scenario : scenarios) {
        const std::uint64_t last = points(scenario);
        for (int i = 0; i < 60; ++i) {
            const std::uint64_t n = 1 + dice() % last, m = 1 + dice() % 40;
            INFO(sim::to_string(scenario.fault) << ", crashes at points " << n << " and " << m);
            Lab lab;
            if (crash_at(lab, scenario, n, m)) check_end(lab);
        }
    }
}

TEST_CASE("An operation whose call was never made is rolled back") {
    Lab lab;
    lab.vm("vm");
    executor::Journal journal(*lab.store);
    const auto accepted = lab.wait(journal.accept(lab.draft("vm", "h1", "h2")));
    executor::Record record{accepted->op, {}};
    record.op.state = OperationState::running;
    REQUIRE(lab.wait(journal.write(record)));
    lab.reboot();
    lab.run_for(10s);
    CHECK(lab.record(record.op.id).state == OperationState::rolled_back);
    CHECK(lab.world.migrations_started() == 0);
}

TEST_CASE("An adopted migration goes on with the time it has left") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::never_converges);
    const Instant began = lab.clock.now();
    REQUIRE(lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false)));
    lab.run_for(8min);
    lab.reboot();
    lab.run_for(1min);
    CHECK(lab.under_way().state == OperationState::running);
    REQUIRE(lab.settle());
    CHECK(lab.clock.now() - began > 10min);
    CHECK(lab.clock.now() - began < 11min);
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("A migration found again after its source was out of reach is watched, not only looked at") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::never_converges);
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    lab.run_for(1min);
    lab.world.cut_off({"h1"});
    lab.die();
    lab.boot();
    lab.recover();
    lab.run_for(2min);
    CHECK(lab.under_way().alarm);
    lab.world.reconnect({"h1"});
    lab.run_for(10s);
    CHECK(lab.under_way().state == OperationState::running);
    CHECK_FALSE(lab.under_way().alarm);
    REQUIRE(lab.settle(20min));
    CHECK(lab.record(*id).state == OperationState::rolled_back);
    CHECK(lab.record(*id).message.find("not finished within") != std::string::npos);
}

TEST_CASE("Waiting and planned operations survive a restart") {
    Lab lab;
    lab.vm("a");
    lab.vm("b");
    const auto proposed = lab.wait(lab.executor->submit(lab.draft("a", "h1", "h2"), true));
    lab.world.power_off({"h3"});
    lab.run_for(20s);
    const auto retrying = lab.wait(lab.executor->submit(lab.draft("b", "h1", "h3", Trigger::manual), false));
    lab.run_for(1s);
    lab.reboot();
    lab.world.power_on({"h3"});
    lab.run_for(2min);
    CHECK(lab.under_way().state == OperationState::waiting);
    CHECK(lab.under_way().id == *proposed);
    CHECK(lab.record(*retrying).state == OperationState::done);
}

TEST_CASE("A store that is full at the start does not keep the operations under way from being adopted") {
    Lab lab;
    lab.vm("vm");
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
    lab.run_for(1s);
    lab.data.full_until = lab.clock.now() + 5min;
    lab.reboot();
    lab.run_for(1s);
    REQUIRE(lab.recovered);
    CHECK(*lab.recovered);
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).state == OperationState::done);
}
