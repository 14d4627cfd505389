// Backups of the store: what comes back of them, what does not, and what a restore that was cut short leaves.
#include "daemon/store_archive.h"

#include "cluster/election.h"
#include "cluster/keys.h"
#include "cluster/registration.h"
#include "executor/journal.h"
#include "executor/power_journal.h"
#include "executor/vm_records.h"
#include "tests/daemon/daemon_life.h"

using namespace ballast;
using namespace ballast::test;
using daemon::Entries;
using daemon::Restorable;
using interchange::StoreBackup;

namespace {

/// Fails from the given commit on, as a process that is killed does.
struct DyingStore : MemoryStore {
    int commits_left = 1'000'000;
    Task<Commit> commit(Transaction transaction) override {
        if (commits_left-- <= 0) co_return Error{ErrorCode::unavailable, "store", "dead"};
        auto done = co_await MemoryStore::commit(std::move(transaction));
        co_return done;
    }
    void put(const std::string& key, const std::string& value, LeaseId lease = 0) {
        KeyValue& entry = entries[key];
        entry = {key, value, 2, 2, 1, lease};
    }
    Entries content() const {
        Entries all;
        for (const auto& [key, entry] : entries) all[key] = entry.value;
        return all;
    }
};

template <class T>
Result<T> run(boost::asio::awaitable<Result<T>> task) {
    boost::asio::io_context io;
    std::optional<Result<T>> result;
    boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr bug, Result<T> done) {
        BALLAST_ASSERT(!bug);
        result = std::move(done);
    });
    io.run();
    return std::move(*result);
}

Result<Restorable> restorable_of(Entries entries) {
    return daemon::restorable({"ballastd 0.1.0", "2026-11-22T09:15:00Z", "a store", 7, std::move(entries)});
}

std::string operation(const char* id, OperationState state) {
    executor::Record record;
    record.op.id = {id};
    record.op.vm = {"vm"};
    record.op.state = state;
    return boost::json::serialize(executor::to_json(record));
}

std::string power_record(const char* host, PowerState state) {
    PowerRecord record;
    record.host = {host};
    record.state = state;
    record.asked = true;
    record.attempt = 2;
    record.lost = WallTime(5s);
    return boost::json::serialize(executor::to_json(record));
}

PowerRecord power_in(const Entries& entries, const std::string& host) {
    return executor::power_record_from_json(boost::json::parse(entries.at("/ballast/power/" + host))).value();
}

VmRecord some_vm() {
    VmRecord record;
    record.vm = {"vm"};
    record.name = "web";
    record.host = {"h1"};
    record.generation = 4;
    record.definition = "<domain/>";
    record.down = true;
    record.left = {{"h2"}};
    return record;
}

Restorable many(std::size_t count) {
    Restorable content;
    for (std::size_t i = 0; i < count; ++i)
        content.entries["/ballast/facts/h" + std::to_string(i)] = std::string(20'000, 'x') + std::to_string(i);
    return content;
}

constexpr const char* what = "the backup of today";

}  // namespace

TEST_CASE("a backup holds what outlives the daemons, and nothing of what they tell each other") {
    DyingStore store;
    store.put("/ballast/maintenance/h1", "ann");
    store.put("/ballast/anything/new", "1");
    store.put("/ballast/cluster/hosts/h1", "machine");
    store.put("/ballast/cluster/calls/h1/1", "call");
    store.put("/ballast/leased", "1", 77);
    const auto backup = run(daemon::back_up(store, "a store", WallTime(0s)));
    REQUIRE(backup);
    CHECK(backup->entries == Entries{{"/ballast/anything/new", "1"}, {"/ballast/maintenance/h1", "ann"}});
    CHECK(backup->store == "a store");
}

TEST_CASE("what operators set, accounts and what hosts are come back as they were, and everything is paused") {
    const Entries kept{{"/ballast/settings/mode", "observe"}, {"/ballast/maintenance/h1", "ann"},
                       {"/ballast/to_site/h1", "north"},      {"/ballast/homes/h1", "{}"},
                       {"/ballast/facts/h1", "{}"},           {"/ballast/energy/h1", "{}"}};
    const auto content = restorable_of(kept);
    REQUIRE(content);
    Entries expected = kept;
    expected["/ballast/settings/paused_by"] = "the restore of the backup of 2026-11-22T09:15:00Z";
    CHECK(content->entries == expected);
    CHECK(content->left_out.empty());
}

TEST_CASE("nothing that was under way comes back, and it is said") {
    const auto content = restorable_of({{"/ballast/ops/op-1", operation("op-1", OperationState::running)},
                                        {"/ballast/ops/op-2", operation("op-2", OperationState::planned)},
                                        {"/ballast/ops/op-3", operation("op-3", OperationState::done)},
                                        {"/ballast/opvm/vm", "op-1"},
                                        {"/ballast/target/h1", "op-1"},
                                        {"/ballast/boots/h1", "1 2"},
                                        {"/ballast/rolling", "{}"},
                                        {"/ballast/of/tomorrow", "{}"}});
    REQUIRE(content);
    CHECK(content->entries.contains("/ballast/ops/op-3"));
    CHECK(content->entries.size() == 2);  // and the pause
    CHECK(content->left_out == std::vector<std::string>{"entries of a kind that this version does not know",
                                                        "operations that were under way (2)", "the rolling reboot"});
}

TEST_CASE("a VM comes back as a name on a host, of a higher generation, from which nothing can be started") {
    VmRecord ended = some_vm();
    ended.vm = {"gone"};
    ended.ended = true;
    const auto content = restorable_of({{"/ballast/vms/vm", boost::json::serialize(executor::to_json(some_vm()))},
                                        {"/ballast/vms/gone", boost::json::serialize(executor::to_json(ended))}});
    REQUIRE(content);
    CHECK(content->vms == 1);
    CHECK_FALSE(content->entries.contains("/ballast/vms/gone"));
    const auto record =
        executor::vm_record_from_json(boost::json::parse(content->entries.at("/ballast/vms/vm"))).value();
    CHECK(record.host == HostId{"h1"});
    CHECK(record.generation == 5);
    CHECK(record.definition.empty());
    CHECK_FALSE(record.down);
    CHECK(record.left.empty());
}

TEST_CASE("no host comes back as lost, as being cut off, or as being switched") {
    for (const PowerState state :
         {PowerState::lost, PowerState::fencing, PowerState::switching_on, PowerState::switching_off}) {
        const auto content = restorable_of(
            {{"/ballast/power/h1", power_record("h1", state)}, {"/ballast/powerlock/h1", to_string(state)}});
        REQUIRE(content);
        CHECK_FALSE(content->entries.contains("/ballast/powerlock/h1"));
        const PowerRecord record = power_in(content->entries, "h1");
        CHECK(record.state == PowerState::on);
        CHECK(record.alarm);
        CHECK_FALSE(record.asked);
        CHECK(record.message.find("was " + to_string(state)) != std::string::npos);
    }
    const auto off = restorable_of({{"/ballast/power/h1", power_record("h1", PowerState::off)}});
    REQUIRE(off);
    CHECK(off->entries.at("/ballast/powerlock/h1") == "off");
    CHECK(power_in(off->entries, "h1").state == PowerState::off);
}

TEST_CASE("a record that cannot be read stops a restore before it begins") {
    for (const char* key : {"/ballast/ops/op-1", "/ballast/vms/vm", "/ballast/power/h1"}) {
        for (const char* value : {"{", "{}", "[]", R"({"state": "of tomorrow"})"}) {
            const auto content = restorable_of({{key, value}});
            REQUIRE_FALSE(content);
            CHECK(content.error().code == ErrorCode::corrupt);
            CHECK(content.error().subject == key);
        }
    }
}

TEST_CASE("a restore takes the place of everything in the store") {
    DyingStore store;
    store.put("/ballast/maintenance/h9", "bob");
    store.put("/ballast/cluster/hosts/h9", "machine");
    const Restorable content = many(300);
    REQUIRE(run(daemon::restore(store, content, what)));
    CHECK(store.content() == content.entries);
    CHECK(run(daemon::check_not_closed(store)));
}

TEST_CASE("a restore that is cut short anywhere leaves a closed store, and is done by running it again") {
    const Restorable content = many(150);
    bool done = false;
    for (int commits = 1; !done; ++commits) {
        DyingStore store;
        store.put("/ballast/maintenance/h9", "bob");
        store.commits_left = commits;
        done = run(daemon::restore(store, content, what)).has_value();
        store.commits_left = 1'000'000;
        INFO(commits);
        if (!done) {
            const auto usable = run(daemon::check_not_closed(store));
            REQUIRE_FALSE(usable);
            CHECK(usable.error().code == ErrorCode::refused);
            CHECK(usable.error().message.find("run it again") != std::string::npos);
            REQUIRE(run(daemon::restore(store, content, what)));
        }
        CHECK(store.content() == content.entries);
        REQUIRE(commits < 100);
    }
}

TEST_CASE("a restore is refused while a daemon is registered or leads, and changes nothing then") {
    for (const char* key : {"/ballast/cluster/agents/h2", "/ballast/cluster/leader"}) {
        DyingStore store;
        store.put("/ballast/maintenance/h9", "bob");
        store.put(key, "h2", 5);
        const Entries before = store.content();
        const auto restored = run(daemon::restore(store, many(3), what));
        REQUIRE_FALSE(restored);
        CHECK(restored.error().code == ErrorCode::conflict);
        CHECK(restored.error().message.find("h2") != std::string::npos);
        CHECK(store.content() == before);
    }
}

TEST_CASE("no daemon registers in a closed store or leads from it, and both go on when it is open") {
    DyingStore store;
    store.put(cluster::closed_key, "it is being filled");
    VirtualClock clock;
    boost::asio::io_context io;
    std::vector<std::string> told;
    cluster::Registration registration(io.get_executor(), clock, store, {"h1"}, {"h1", "machine", "boot"}, 10s,
                                       [&](const std::string& problem) { told.push_back(problem); });
    cluster::Election election(io.get_executor(), clock, store, "h1", 10s);
    boost::asio::co_spawn(io, registration.run(), boost::asio::detached);
    boost::asio::co_spawn(io, election.win(), boost::asio::detached);
    clock.run_for(io, 1min);
    CHECK_FALSE(registration.incarnation());
    CHECK_FALSE(election.term());
    CHECK(told == std::vector<std::string>{"store: is closed: it is being filled"});
    store.entries.erase(cluster::closed_key);
    clock.run_for(io, 10s);
    CHECK(registration.incarnation());
    CHECK(election.term());
}

TEST_CASE("a move copies everything as it is, and the old store is closed for good") {
    DyingStore from, to;
    from.put("/ballast/ops/op-1", "whatever");
    from.put("/ballast/of/tomorrow", "kept");
    from.put("/ballast/cluster/hosts/h1", "machine");
    const auto moved = run(daemon::move(from, "the old one", to, "the new one"));
    REQUIRE(moved);
    CHECK(*moved == 2);
    CHECK(to.content() == Entries{{"/ballast/of/tomorrow", "kept"}, {"/ballast/ops/op-1", "whatever"}});
    const auto usable = run(daemon::check_not_closed(from));
    REQUIRE_FALSE(usable);
    CHECK(usable.error().message == "is closed: it was moved to the new one");
    CHECK(run(daemon::move(from, "the old one", to, "the new one")).error().code == ErrorCode::conflict);
    CHECK(run(daemon::restore(from, many(1), what)).error().code == ErrorCode::conflict);
}

TEST_CASE("a move to a store that is not empty, or in use, changes neither") {
    for (const char* key : {"/ballast/maintenance/h1", "/ballast/cluster/agents/h1", "/other"}) {
        DyingStore from, to;
        from.put("/ballast/a", "1");
        to.put(key, "there");
        const auto moved = run(daemon::move(from, "the old one", to, "the new one"));
        REQUIRE_FALSE(moved);
        CHECK(moved.error().code == ErrorCode::conflict);
        CHECK(moved.error().message.find("not empty (1 entries)") != std::string::npos);
        CHECK(to.content() == Entries{{key, "there"}});
        CHECK(from.content() == Entries{{"/ballast/a", "1"}});
    }
}

TEST_CASE(
    "a move that is cut short on either side leaves no store that a daemon takes for whole, and can be run again") {
    for (const bool source_dies : {true, false}) {
        bool done = false;
        for (int commits = 0; !done; ++commits) {
            DyingStore from, to;
            for (int i = 0; i < 250; ++i) from.put("/ballast/facts/h" + std::to_string(i), "x");
            const Entries content = from.content();
            (source_dies ? from : to).commits_left = commits;
            done = run(daemon::move(from, "the old one", to, "the new one")).has_value();
            from.commits_left = to.commits_left = 1'000'000;
            INFO((source_dies ? "source " : "target ") << commits);
            const bool from_usable = run(daemon::check_not_closed(from)).has_value();
            const bool to_usable = run(daemon::check_not_closed(to)).has_value();
            CHECK_FALSE((from_usable && to_usable && !to.entries.empty()));
            if (to_usable && !to.entries.empty()) CHECK(to.content() == content);
            if (!done) {
                const auto again = run(daemon::move(from, "the old one", to, "the new one"));
                INFO((again ? "" : to_string(again.error())));
                REQUIRE(again);
            }
            CHECK(to.content() == content);
            CHECK(run(daemon::check_not_closed(to)));
            CHECK_FALSE(run(daemon::check_not_closed(from)));
            REQUIRE(commits < 100);
        }
    }
}

namespace {

/// `a` has moved from host1 to host2 after the backup was made; then host1 dies, and host2's libvirt does not answer.
struct Stale : DaemonLife {
    explicit Stale(bool shared) : DaemonLife({"host1", "host2", "host3", "host4", "host5"}) {
        for (const config::HostOptions& host : options.hosts) power.add_host(host.id.value);
        if (shared) options.shared_storage = {"/srv/vms"};
        vm("host1", "a");
        boot();
        backup = wait(daemon::back_up(store, "a store", clock.wall_now())).value();
        die();
        move_by_hand("a", "host2");
        hypervisor->hosts_by_id.at({"host1"}).connection = Connection::down;
        hypervisor->hosts_by_id.at({"host2"}).connection = Connection::down;
        probe.silent.insert({"host1"});
    }
    void start_with(const Entries& entries) {
        store.entries.clear();
        for (const auto& [key, value] : entries) store.entries[key] = {key, value, 2, 2, 1, 0};
        boot();
        REQUIRE(wait(controller->set_paused(false, "ann")));
        pass(15min);
    }
    std::size_t copies() const {
        std::size_t count = 0;
        for (const auto& [id, host] : hypervisor->hosts_by_id) count += host.vms.count({"id-a"});
        return count;
    }
    StoreBackup backup;
};

}  // namespace

TEST_CASE("nothing is started on the word of an old record") {
    Stale as_it_was(true);
    as_it_was.start_with(as_it_was.backup.entries);
    CHECK(as_it_was.copies() == 1);  // who has not answered since the start may have it

    const bool could_be_started = GENERATE(true, false);
    Stale life(could_be_started);
    life.start_with(daemon::restorable(life.backup).value().entries);
    CHECK(life.copies() == 1);
    life.hypervisor->hosts_by_id.at({"host2"}).connection = Connection::up;
    life.hypervisor->tell({HypervisorEvent::Kind::connected, {"host2"}, {}, {}});
    life.pass(3min);
    CHECK(life.copies() == 1);
    const auto record = executor::vm_record_from_json(
        boost::json::parse(life.store.entries.at(executor::vm_record_key({"id-a"})).value));
    REQUIRE(record);
    CHECK(record->host.value == "host2");
    CHECK(record->generation > 1);
    CHECK_FALSE(record->definition.empty());
}
