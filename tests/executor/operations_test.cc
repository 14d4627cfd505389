// What an operation goes through when nothing breaks: steering, deadlines, approval, cancelling, retries, slots.
#include "tests/executor/lab.h"

using namespace ballast;
using namespace ballast::test;
using sim::Fault;

namespace {

OperationId submitted(Lab& lab, const char* vm, bool waiting = false, Trigger trigger = Trigger::overload) {
    const auto id = lab.wait(lab.executor->submit(lab.draft(vm, "h1", "h2", trigger), waiting));
    REQUIRE(id);
    return *id;
}

ErrorCode refusal(Lab& lab, boost::asio::awaitable<Result<void>> call) {
    const auto result = lab.wait(std::move(call));
    REQUIRE_FALSE(result);
    return result.error().code;
}

sim::VmSpec busy_guest() {  // dirties faster than 100 ms of downtime can take
    sim::VmSpec spec;
    spec.dirty_mib_per_s = 900;
    return spec;
}

}  // namespace

TEST_CASE("The deadline grows with the memory and has a least value") {
    Settings settings;
    CHECK(executor::deadline_for(gib(1), settings) == 300s);
    CHECK(executor::deadline_for(gib(4), settings) == 600s);
    CHECK(executor::deadline_for(mib(2560), settings) == 375s);
}

TEST_CASE("A moved VM takes its definition and its autostart along") {
    Lab lab;
    sim::VmSpec spec;
    spec.autostart = true;
    lab.vm("vm", spec);
    const Operation ended = lab.move("vm");
    CHECK(ended.state == OperationState::done);
    CHECK(lab.domain("h2", "vm")->persistent);
    CHECK(lab.domain("h2", "vm")->autostart);
    REQUIRE(ended.outcome);
    CHECK(ended.outcome->downtime);
    CHECK(ended.outcome->iterations.value_or(0) == 2);
    CHECK(ended.outcome->duration > 4s);
}

TEST_CASE("Autostart is set as soon as the target can be asked again") {
    for (const Duration cut : {Duration(20s), Duration(10min)}) {
        Lab lab;
        sim::VmSpec spec;
        spec.autostart = true;
        lab.vm("vm", spec);
        const OperationId id = submitted(lab, "vm");
        REQUIRE(lab.run_until([&] { return lab.where("vm") == "h2"; }));
        lab.world.host({"h2"})->calls_time_out_until = lab.clock.now() + cut;
        REQUIRE(lab.settle());
        CHECK(lab.record(id).state == OperationState::done);
        CHECK(lab.domain("h2", "vm")->autostart);
    }
}

TEST_CASE("A guest that dirties its memory fast is given more downtime pass by pass") {
    Lab lab;
    lab.vm("vm", busy_guest());
    lab.settings.auto_converge = false;
    lab.executor->configure(lab.settings);
    const Operation ended = lab.move("vm");
    CHECK(ended.state == OperationState::done);  // 900 of 1000 MiB/s: converges only with 500 ms
    CHECK(ended.outcome->iterations.value_or(0) > 5);
}

TEST_CASE("A guest that never converges goes to post-copy where that is allowed") {
    Lab lab;
    sim::VmSpec spec;
    spec.dirty_mib_per_s = 5000;
    spec.allows_post_copy = true;
    lab.vm("vm", spec);
    lab.settings.auto_converge = false;
    lab.executor->configure(lab.settings);
    const Instant began = lab.clock.now();
    const Operation ended = lab.move("vm");
    CHECK(ended.state == OperationState::done);
    CHECK(lab.clock.now() - began < 2min);
}

TEST_CASE("Post-copy begins after as many passes, or as much time, as was said") {
    const auto moved = [](auto set) {
        Lab lab;
        sim::VmSpec spec;
        spec.dirty_mib_per_s = 5000;
        spec.allows_post_copy = true;
        lab.vm("vm", spec);
        lab.settings.auto_converge = false;
        set(lab.settings);
        lab.executor->configure(lab.settings);
        const Operation ended = lab.move("vm");
        CHECK(ended.state == OperationState::done);
        CHECK(ended.method.starts_with("post-copy"));
        return ended.outcome->iterations.value_or(0);
    };
    CHECK(moved([](auto& settings) { settings.post_copy_passes = 3; }) <= 5);
    CHECK(moved([](auto& settings) { settings.post_copy_after = 12s; }) <= 4);  // a pass takes 4 s
    CHECK(moved([](auto&) {}) > 5);
}

TEST_CASE("What an operation used is on record") {
    Lab lab;
    lab.vm("vm");
    lab.settings.tls = true;
    lab.settings.parallel_connections = 4;
    lab.settings.compression = "zstd";
    lab.executor->configure(lab.settings);
    CHECK(lab.move("vm").method == "pre-copy, auto-converge, TLS, 4 connections, compressed by zstd");
    sim::VmSpec spec;
    spec.allows_post_copy = true;
    spec.persistent = false;
    lab.vm("other", spec);
    CHECK(lab.move("other").method == "pre-copy, transient, post-copy allowed, auto-converge, TLS");
}

TEST_CASE("In post-copy a cancel is refused, and neither the deadline nor a restart of the daemon aborts it") {
    Lab lab;
    sim::VmSpec spec;
    spec.dirty_mib_per_s = 5000;
    spec.allows_post_copy = true;
    spec.memory = gib(400);  // the post-copy phase alone takes minutes
    lab.vm("vm", spec);
    lab.settings.deadline_per_gib = 1ms;
    lab.settings.deadline_min = 50min;  // seven passes take 48 min, the rest 7 min
    lab.executor->configure(lab.settings);
    const OperationId id = submitted(lab, "vm");
    REQUIRE(lab.run_until([&] { return lab.domain("h2", "vm") && lab.domain("h2", "vm")->runs(); }, 3h));
    lab.run_for(2s);
    CHECK(refusal(lab, lab.executor->cancel(id, "me")) == ErrorCode::conflict);
    lab.reboot();
    REQUIRE(lab.settle(5h));
    CHECK(lab.record(id).state == OperationState::done);
    CHECK(lab.where("vm") == "h2");
}

TEST_CASE("A waiting operation starts only when it is approved, and says by whom") {
    Lab lab;
    lab.vm("vm");
    const OperationId id = submitted(lab, "vm", true);
    lab.run_for(1h);
    CHECK(lab.world.migrations_started() == 0);
    CHECK(lab.executor->slot_free({"h1"}, {"h2"}));
    REQUIRE(lab.wait(lab.executor->approve(id, "ann")));
    CHECK(refusal(lab, lab.executor->approve(id, "bob")) == ErrorCode::conflict);
    REQUIRE(lab.settle());
    CHECK(lab.record(id).state == OperationState::done);
    CHECK(lab.record(id).requested_by == "test, approved by ann");
}

TEST_CASE("An approval that cannot be journalled leaves the operation waiting") {
    Lab lab;
    lab.vm("vm");
    const OperationId id = submitted(lab, "vm", true);
    lab.data.full_until = lab.clock.now() + 1min;
    CHECK(refusal(lab, lab.executor->approve(id, "ann")) == ErrorCode::no_space);
    CHECK(lab.under_way().state == OperationState::waiting);
    CHECK(lab.under_way().requested_by == "test");
    lab.run_for(2min);
    REQUIRE(lab.wait(lab.executor->approve(id, "ann")));
    REQUIRE(lab.settle());
    CHECK(lab.record(id).state == OperationState::done);
}

TEST_CASE("A waiting operation that is cancelled is gone at once, and its end is told") {
    Lab lab;
    lab.vm("vm");
    const OperationId id = submitted(lab, "vm", true);
    REQUIRE(lab.wait(lab.executor->cancel(id, "ann")));
    CHECK(lab.executor->active().empty());
    CHECK(lab.record(id).state == OperationState::cancelled);
    CHECK(lab.record(id).attempt == 0);
    CHECK(lab.guards() == 0);
    CHECK(lab.told.back().state == OperationState::cancelled);
    CHECK(refusal(lab, lab.executor->cancel(id, "ann")) == ErrorCode::not_found);
    CHECK(lab.world.migrations_started() == 0);
}

TEST_CASE("Cancelling works at any moment of a migration, and the guest runs on one host in the end") {
    unsigned cancelled = 0, done = 0;
    for (Duration moment = 0ms; moment < 5s; moment += 37ms) {
        Lab lab;
        lab.vm("vm");
        const auto answer = lab.ask(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
        lab.run_for(moment);
        if (lab.executor->active().empty()) continue;
        const OperationId id = lab.under_way().id;
        const auto asked = lab.wait(lab.executor->cancel(id, "ann"));
        REQUIRE(lab.settle());
        const Operation ended = lab.record(id);
        INFO(moment.count() << " ms: " << ended.message);
        CHECK(lab.where("vm") == (ended.state == OperationState::done ? "h2" : "h1"));
        cancelled += ended.state == OperationState::cancelled;
        done += ended.state == OperationState::done;
        if (asked && ended.state == OperationState::cancelled)
            CHECK(ended.message.find("cancelled by ann") != std::string::npos);
    }
    CHECK(cancelled > 50);
    CHECK(done > 0);  // some came too late for the abort
}

TEST_CASE("A cancelled operation is cancelled after a crash as well") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::never_converges);
    const OperationId id = submitted(lab, "vm");
    lab.run_for(2s);
    const auto asked = lab.ask(lab.executor->cancel(id, "ann"));
    while (lab.guards() && !asked->has_value()) lab.step(lab.clock.now() + 1s);
    lab.die();
    lab.boot();
    lab.recover();
    REQUIRE(lab.settle(5min));
    CHECK(lab.record(id).state == OperationState::cancelled);
    CHECK(lab.where("vm") == "h1");
}

TEST_CASE("A manual operation is tried again, later each time; one of the policy is not") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::source_libvirtd_restarts_in_perform);
    const Operation again = lab.move("vm", Trigger::manual);
    CHECK(again.state == OperationState::done);
    CHECK(again.attempt == 2);

    Lab once;
    once.vm("vm");
    once.world.inject({"vm"}, Fault::source_libvirtd_restarts_in_perform);
    CHECK(once.move("vm").attempt == 1);
}

TEST_CASE("Retries end, and wait longer each time") {
    Lab lab;
    lab.vm("vm");
    lab.world.power_off({"h2"});
    lab.run_for(20s);  // noticed
    const Instant began = lab.clock.now();
    const Operation ended = lab.move("vm", Trigger::manual);
    CHECK(ended.state == OperationState::rolled_back);
    CHECK(ended.attempt == 3);
    CHECK(ended.message.find("not started") == 0);
    CHECK(lab.clock.now() - began > 30s);  // 10 s and 20 s
    CHECK(lab.clock.now() - began < 40s);
    CHECK(lab.world.migrations_started() == 0);
}

TEST_CASE("A refusal is not tried again") {
    Lab lab;
    lab.vm("vm");
    lab.world.inject({"vm"}, Fault::memory_gone);
    CHECK(lab.move("vm", Trigger::manual).attempt == 1);
    CHECK(lab.world.migrations_started() == 0);
}

TEST_CASE("A cancel ends the wait for the next try at once") {
    Lab lab;
    lab.vm("vm");
    lab.world.power_off({"h2"});
    lab.run_for(20s);
    const OperationId id = submitted(lab, "vm", false, Trigger::manual);
    REQUIRE(lab.run_until([&] { return lab.in_state(OperationState::planned) && lab.under_way().attempt == 1; }));
    lab.run_for(1s);
    const Instant asked = lab.clock.now();
    REQUIRE(lab.wait(lab.executor->cancel(id, "ann")));
    REQUIRE(lab.settle());
    CHECK(lab.clock.now() - asked < 1s);
    CHECK(lab.record(id).state == OperationState::cancelled);
}

TEST_CASE("A second attempt starts its ladder and its deadline anew") {
    Lab lab;
    lab.vm("vm", busy_guest());
    lab.settings.auto_converge = false;
    lab.executor->configure(lab.settings);
    lab.world.inject({"vm"}, Fault::source_libvirtd_restarts_after_perform);
    const Operation ended = lab.move("vm", Trigger::manual);
    CHECK(ended.attempt == 2);
    CHECK(ended.state == OperationState::done);
    CHECK(ended.outcome->iterations.value_or(0) > 5);
}

TEST_CASE("A migration that somebody else has under way is left alone") {
    Lab lab;
    lab.vm("vm");
    MigrationRequest request;
    request.vm = {"vm"};
    request.from = {"h1"};
    request.to = {"h3"};
    request.max_downtime = 300ms;
    lab.world.migrate(request, [](Result<void>) {});
    const OperationId id = submitted(lab, "vm");
    REQUIRE(lab.settle());
    CHECK(lab.record(id).state == OperationState::rolled_back);
    CHECK(lab.record(id).message.find("not Ballast's") != std::string::npos);
    lab.run_for(1min);
    CHECK(lab.where("vm") == "h3");
}

TEST_CASE("A slot is free once the journal says so, as whoever leads next counts by that") {
    Lab lab;
    lab.vm("vm");
    lab.vm("other");
    lab.settings.outgoing_per_host = 1;
    lab.executor->configure(lab.settings);
    lab.data.lose_replies = 1;
    const auto begin = [&](const char* vm) { return lab.wait(lab.executor->submit(lab.draft(vm, "h1", "h2"), false)); };
    REQUIRE(begin("vm").error().code == ErrorCode::timed_out);  // it is on record, and is taken back
    lab.data.unavailable_until = lab.clock.now() + 20s;
    lab.run_for(1s);
    CHECK(begin("other").error().code == ErrorCode::conflict);
    REQUIRE(lab.settle());
    CHECK(begin("other"));
}

TEST_CASE("A VM has one operation at a time") {
    Lab lab;
    lab.vm("vm");
    submitted(lab, "vm");
    const auto second = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h3"), true));
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::conflict);
    REQUIRE(lab.settle());
    CHECK(lab.wait(lab.executor->submit(lab.draft("vm", "h2", "h1"), true)));
}

TEST_CASE("A move to where the VM is is refused") {
    Lab lab;
    lab.vm("vm");
    const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h1"), false));
    REQUIRE_FALSE(id);
    CHECK(id.error().code == ErrorCode::invalid);
}

TEST_CASE("Two submissions at the same moment do not take the same slot") {
    Lab lab;
    lab.settings.cluster = 1;
    lab.executor->configure(lab.settings);
    lab.vm("a");
    lab.vm("b");
    const auto first = lab.ask(lab.executor->submit(lab.draft("a", "h1", "h2"), false));
    const auto second = lab.ask(lab.executor->submit(lab.draft("b", "h1", "h2"), false));
    REQUIRE(lab.run_until([&] { return first->has_value() && second->has_value(); }));
    CHECK((**first).has_value() != (**second).has_value());
}

TEST_CASE("An operation that only waits to be looked at frees its slots") {
    Lab lab;
    lab.settings.cluster = 1;
    lab.executor->configure(lab.settings);
    lab.vm("vm");
    lab.vm("other");
    lab.world.inject({"vm"}, Fault::source_dies_after_success);
    submitted(lab, "vm");
    lab.run_for(3min);
    CHECK(lab.under_way().alarm);
    CHECK(lab.executor->slot_free({"h3"}, {"h2"}));
}

TEST_CASE("Slot limits hold whatever is submitted, approved and cancelled, in whatever order") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        INFO("seed " << seed);
        Lab lab(seed);
        std::mt19937_64 dice(seed);
        const auto pick = [&](unsigned most) { return 1 + static_cast<unsigned>(dice() % most); };
        lab.settings.outgoing_per_host = pick(2);
        lab.settings.incoming_per_host = pick(3);
        lab.settings.cluster = pick(4);
        lab.executor->configure(lab.settings);
        lab.check = [&] {
            std::map<HostId, unsigned> out, in;
            std::set<VmId> vms;
            unsigned all = 0;
            for (const Operation& op : lab.executor->active()) {
                REQUIRE(vms.insert(op.vm).second);
                if (op.state == OperationState::waiting || is_final(op.state)) continue;
                REQUIRE(++out[op.from] <= lab.settings.outgoing_per_host);
                REQUIRE(++in[op.to] <= lab.settings.incoming_per_host);
                REQUIRE(++all <= lab.settings.cluster);
            }
            REQUIRE(lab.world.migrations_under_way() <= lab.settings.cluster);
        };
        const std::vector<std::string> hosts{"h1", "h2", "h3"};
        std::map<std::string, std::string> homes;
        for (int i = 0; i < 8; ++i) {
            const std::string vm = "v" + std::to_string(i);
            homes[vm] = hosts[dice() % 3];
            lab.world.add_vm({homes[vm]}, {vm}, {});
        }
        for (int i = 0; i < 60; ++i) {
            const std::string vm = "v" + std::to_string(dice() % 8);
            const auto runs = lab.world.running_on({vm});
            if (runs.empty()) continue;  // just being handed over
            const std::string from = runs.front().value, to = hosts[dice() % 3];
            if (dice() % 3 != 0)
                lab.ask(lab.executor->submit(lab.draft(vm.c_str(), from.c_str(), to.c_str()), dice() % 2 == 0));
            for (const Operation& op : lab.executor->active()) {
                if (dice() % 4 == 0) lab.ask(lab.executor->approve(op.id, "x"));
                if (dice() % 16 == 0) lab.ask(lab.executor->cancel(op.id, "x"));
            }
            lab.run_for(Duration(dice() % 1500));
        }
        for (const Operation& op : lab.executor->active())
            if (op.state == OperationState::waiting) lab.ask(lab.executor->cancel(op.id, "x"));
        REQUIRE(lab.settle());
        REQUIRE(lab.guards() == 0);
    }
}
