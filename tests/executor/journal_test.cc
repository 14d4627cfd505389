// The journal: what is kept, and what a store does to it that answers late, not at all, or is full.
#include "tests/executor/lab.h"

using namespace ballast;
using namespace ballast::test;
using executor::Journal;
using executor::Notes;
using executor::Record;

namespace {

Record full_record() {
    Record record;
    Operation& op = record.op;
    op.id = {"op-000000000042"};
    op.vm = {"vm"};
    op.vm_name = "name \"with\" quotes\n";
    op.from = {"h1"};
    op.to = {"h2"};
    op.trigger = Trigger::maintenance;
    op.reason = "because";
    op.cycle = "cycle-000007";
    op.requested_by = "uid 0 (root)";
    op.state = OperationState::verifying;
    op.attempt = 3;
    op.prediction = {4s, 120ms, gib(5), false};
    op.outcome = Outcome{9s, 80ms, gib(6), 7u};
    op.method = "post-copy, TLS";
    op.message = "looking";
    op.alarm = op.persistent = op.autostart = true;
    op.memory = gib(4);
    op.disks = {"vda", "vdb"};
    op.disk = gib(20);
    op.created = WallTime(1s);
    op.updated = WallTime(2s);
    op.started = WallTime(3s);
    op.ended = WallTime(4s);
    record.notes = {"ann", true, true, true, true, {"/images/a"}, {"/images/a", "/images/b"}, true};
    return record;
}

std::string text(const Record& record) {
    return boost::json::serialize(executor::to_json(record));
}

}  // namespace

TEST_CASE("A record is read back as it was written") {
    const Record record = full_record();
    const auto read = executor::record_from_json(boost::json::parse(text(record)));
    REQUIRE(read);
    CHECK(text(*read) == text(record));
    CHECK(read->notes == record.notes);
    CHECK(read->op.outcome->iterations == 7u);
    CHECK(read->op.prediction.transferred == gib(5));

    Record bare;
    const auto empty = executor::record_from_json(boost::json::parse(text(bare)));
    REQUIRE(empty);
    CHECK(text(*empty) == text(bare));
}

TEST_CASE("Whatever asked for a move is read back from its record") {
    for (const Trigger trigger : all_triggers) {
        Record record = full_record();
        record.op.trigger = trigger;
        const auto read = executor::record_from_json(boost::json::parse(text(record)));
        REQUIRE(read);
        CHECK(read->op.trigger == trigger);
    }
}

TEST_CASE("A record from before there were notes is read") {
    auto json = executor::to_json(full_record().op);
    const auto read = executor::record_from_json(json);
    REQUIRE(read);
    CHECK(read->notes == Notes());
}

TEST_CASE("A record with a field missing or of a wrong kind is corrupt, never an exception") {
    const auto whole = executor::to_json(full_record());
    for (const auto& [key, value] : whole) {
        for (const boost::json::value& wrong :
             {boost::json::value(nullptr), boost::json::value("x"), boost::json::value(-1)}) {
            auto damaged = whole;
            damaged[key] = wrong;
            const auto read = executor::record_from_json(damaged);
            if (!read) CHECK(read.error().code == ErrorCode::corrupt);
        }
        const std::string name(key);
        const std::set<std::string> newer{"notes", "disks", "disk_bytes", "method"};
        if (newer.contains(name)) continue;  // older records have none
        auto damaged = whole;
        damaged.erase(key);
        const auto read = executor::record_from_json(damaged);
        INFO(std::string(key));
        REQUIRE_FALSE(read);
        CHECK(read.error().code == ErrorCode::corrupt);
    }
}

TEST_CASE("A corrupt record keeps the executor from starting anything, and is named") {
    Lab lab;
    lab.vm("vm");
    REQUIRE(lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false)));
    lab.data.entries["/ballast/ops/op-000000000009"] = {"/ballast/ops/op-000000000009", "{\"id\":", 9, 9, 1, 0};
    lab.reboot();
    lab.run_for(1s);
    REQUIRE(lab.recovered);
    REQUIRE_FALSE(*lab.recovered);
    CHECK(lab.recovered->error().code == ErrorCode::corrupt);
    CHECK(lab.recovered->error().subject == "/ballast/ops/op-000000000009");
    CHECK(lab.executor->active().empty());
}

TEST_CASE("New operations are numbered above those that are there, also in a store that began anew") {
    Lab lab;
    Record old;
    old.op.id = {"op-000000900000"};
    old.op.vm = {"v"};
    old.op.state = OperationState::done;
    lab.data.entries["/ballast/ops/op-000000900000"] = {"/ballast/ops/op-000000900000", text(old), 2, 2, 1, 0};
    Journal journal(*lab.store);
    REQUIRE(lab.wait(journal.load()));
    const auto accepted = lab.wait(journal.accept(lab.draft("w", "h1", "h2")));
    REQUIRE(accepted);
    CHECK(accepted->op.id == OperationId{"op-000000900001"});
}

TEST_CASE("The oldest ended records are dropped, those of operations under way never") {
    Lab lab;
    Journal journal(*lab.store);
    std::vector<OperationId> ids;
    for (int i = 0; i < 30; ++i) {
        const std::string vm = "v" + std::to_string(i);
        const auto accepted = lab.wait(journal.accept(lab.draft(vm.c_str(), "h1", "h2")));
        REQUIRE(accepted);
        ids.push_back(accepted->op.id);
        Record record{accepted->op, {}};
        record.op.state = i == 3 ? OperationState::running : OperationState::done;
        REQUIRE(lab.wait(journal.write(record)));
    }
    REQUIRE(lab.wait(journal.prune(10)));
    const auto left = lab.records();
    REQUIRE(left.size() == 11);
    CHECK(left.front().id == ids[3]);
    CHECK(left[1].id == ids[20]);
}

TEST_CASE("A write is safe to repeat") {
    Lab lab;
    Journal journal(*lab.store);
    const auto accepted = lab.wait(journal.accept(lab.draft("vm", "h1", "h2")));
    REQUIRE(accepted);
    Record record{accepted->op, {}};
    for (const OperationState state :
         {OperationState::running, OperationState::running, OperationState::done, OperationState::done}) {
        record.op.state = state;
        REQUIRE(lab.wait(journal.write(record)));
        CHECK(lab.record(record.op.id).state == state);
    }
    CHECK(lab.guards() == 0);
}

TEST_CASE("Ending an operation twice does not free the VM for a later one's rival") {
    Lab lab;
    Journal journal(*lab.store);
    const auto first = lab.wait(journal.accept(lab.draft("vm", "h1", "h2")));
    Record record{first->op, {}};
    record.op.state = OperationState::done;
    REQUIRE(lab.wait(journal.write(record)));
    REQUIRE(lab.wait(journal.accept(lab.draft("vm", "h2", "h1"))));
    REQUIRE(lab.wait(journal.write(record)));
    CHECK(lab.guards() == 1);
}

TEST_CASE("A write that takes effect late does not undo a later one") {
    Lab lab;
    Journal journal(*lab.store);
    const auto accepted = lab.wait(journal.accept(lab.draft("vm", "h1", "h2")));
    Record record{accepted->op, {}};
    record.op.state = OperationState::running;
    lab.data.lose_replies = 1;
    lab.data.late = 1min;
    CHECK_FALSE(lab.wait(journal.write(record)));
    lab.data.late = 0s;
    record.op.state = OperationState::done;
    REQUIRE(lab.wait(journal.write(record)));
    lab.run_for(5min);
    REQUIRE(lab.wait(lab.store->revision()));
    CHECK(lab.record(record.op.id).state == OperationState::done);
    CHECK(lab.guards() == 0);
}

TEST_CASE("A write whose answer was lost is found when it is repeated") {
    Lab lab;
    Journal journal(*lab.store);
    const auto accepted = lab.wait(journal.accept(lab.draft("vm", "h1", "h2")));
    Record record{accepted->op, {}};
    record.op.state = OperationState::done;
    lab.data.lose_replies = 1;
    CHECK_FALSE(lab.wait(journal.write(record)));
    REQUIRE(lab.wait(journal.write(record)));
    CHECK(lab.record(record.op.id).state == OperationState::done);
}

TEST_CASE("An acceptance the store did not confirm is taken back, applied at once, late or never") {
    for (const Duration late : {Duration(0s), Duration(1s), Duration(30s)}) {
        Lab lab;
        lab.vm("vm");
        lab.data.lose_replies = 1;
        lab.data.late = late;
        const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
        REQUIRE_FALSE(id);
        CHECK(id.error().code == ErrorCode::timed_out);
        lab.data.late = 0s;
        REQUIRE(lab.settle());
        lab.run_for(2min);
        CHECK(lab.world.migrations_started() == 0);
        REQUIRE(lab.wait(lab.store->revision()));
        CHECK(lab.guards() == 0);
        CHECK(lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2"), false)));  // the VM is free
    }
}

TEST_CASE("An acceptance that is being taken back does not share its id with the next one") {
    Lab lab;
    lab.vm("a");
    lab.vm("b");
    lab.data.lose_replies = 1;
    lab.data.late = 1h;
    const auto lost = lab.ask(lab.executor->submit(lab.draft("a", "h1", "h2"), false));
    lab.run_for(1s);
    const auto id = lab.wait(lab.executor->submit(lab.draft("b", "h1", "h2"), false));
    REQUIRE(id);
    REQUIRE(lab.run_until([&] { return lost->has_value(); }));
    lab.data.late = 0s;
    REQUIRE(lab.settle());
    CHECK(lab.record(*id).vm == VmId{"b"});
    CHECK(lab.record(*id).state == OperationState::done);
    CHECK(lab.records().size() == 2);
}

TEST_CASE("Taking back an acceptance that never took effect leaves a record of the same id alone") {
    Lab lab;
    Journal journal(*lab.store), earlier(*lab.store);
    lab.data.lose_replies = 1;
    lab.data.late = 1h;
    const auto doubtful = lab.wait(journal.accept(lab.draft("a", "h1", "h2")));
    REQUIRE(doubtful);
    CHECK_FALSE(doubtful->certain);
    const auto other = lab.wait(earlier.accept(lab.draft("b", "h1", "h2")));
    REQUIRE(other->op.id == doubtful->op.id);
    Record record{doubtful->op, {}};
    CHECK_FALSE(lab.wait(journal.write(record)));
    record.op.state = OperationState::cancelled;
    CHECK(lab.wait(journal.write(record)));
    CHECK(lab.record(other->op.id).vm == VmId{"b"});
    CHECK(lab.guards() == 1);
}

TEST_CASE("No migration starts that cannot be journalled, and the store's return ends the wait") {
    for (const bool full : {true, false})
        for (const Trigger trigger : {Trigger::overload, Trigger::manual}) {
            Lab lab;
            lab.vm("vm");
            const auto id = lab.wait(lab.executor->submit(lab.draft("vm", "h1", "h2", trigger), false));
            REQUIRE(id);
            (full ? lab.data.full_until : lab.data.unavailable_until) = lab.clock.now() + 10min;
            lab.run_for(5min);
            CHECK(lab.world.migrations_started() == 0);
            CHECK(lab.under_way().alarm);
            CHECK(lab.under_way().message.find("cannot be journalled") != std::string::npos);
            REQUIRE(lab.settle());
            CHECK(lab.record(*id).state ==
                  (trigger == Trigger::manual ? OperationState::done : OperationState::rolled_back));
        }
}

TEST_CASE("A store that fails at any moment of a migration does not keep the guest from its end") {
    for (const bool full : {true, false})
        for (Duration moment = 0ms; moment < 6s; moment += 83ms) {
            Lab lab;
            lab.vm("vm");
            const auto id = lab.ask(lab.executor->submit(lab.draft("vm", "h1", "h2"), false));
            lab.run_for(moment);
            (full ? lab.data.full_until : lab.data.unavailable_until) = lab.clock.now() + 5min;
            REQUIRE(lab.run_until([&] { return id->has_value(); }));
            REQUIRE(lab.settle());
            INFO(moment.count() << " ms");
            if (!**id) continue;
            const Operation ended = lab.record(***id);
            CHECK(lab.where("vm") == (ended.state == OperationState::done ? "h2" : "h1"));
            CHECK(lab.guards() == 0);
        }
}

TEST_CASE("Records do not pile up while the executor runs") {
    Lab lab;
    sim::VmSpec spec;
    spec.memory = mib(64);
    lab.vm("vm", spec);
    Journal journal(*lab.store);
    for (int i = 0; i < 1000; ++i) {
        Record record{lab.draft(("old" + std::to_string(i)).c_str(), "h1", "h2"), {}};
        record.op.id = {"op-00000000" + std::to_string(1000 + i)};
        record.op.state = OperationState::done;
        const std::string key = "/ballast/ops/" + record.op.id.value;
        lab.data.entries[key] = {key, text(record), 1, 1, 1, 0};
    }
    lab.data.revision = 5'000'000'000;  // later ids sort after those
    for (int i = 0; i < 120; ++i) {
        const bool there = lab.where("vm") == "h1";
        REQUIRE(lab.wait(lab.executor->submit(lab.draft("vm", there ? "h1" : "h2", there ? "h2" : "h1"), false)));
        REQUIRE(lab.settle());
    }
    lab.run_for(1s);
    CHECK(lab.records().size() < 1050);
}
