// Members of different versions in one cluster: what each reads of what the other has written.
#include <boost/json.hpp>

#include "cluster/agent.h"
#include "cluster/remote_hypervisor.h"
#include "cluster/wire.h"
#include "executor/journal.h"
#include "executor/power_journal.h"
#include "executor/rolling_journal.h"
#include "executor/vm_records.h"
#include "tests/cluster/bench.h"
#include "tests/support/fake_hypervisor.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Protocols;
namespace json = boost::json;

namespace {

const VmId vm{"11111111-1111-1111-1111-111111111111"};

bool is_map(std::string_view key) {
    for (const char* one : {"free_huge_pages", "cpu_by_virt_type", "pools", "pool_free_bytes", "cells"})
        if (key == one) return true;
    return false;
}

/// What a later version might add: a field at every level, but for objects whose keys are data.
json::value with_more(json::value value) {
    if (auto* object = value.if_object()) {
        for (auto& member : *object)
            if (!is_map(member.key())) member.value() = with_more(member.value());
        (*object)["of_a_later_version"] = json::array{1, "x"};
    } else if (auto* array = value.if_array()) {
        for (json::value& item : *array) item = with_more(item);
    }
    return value;
}

/// An agent of any version, by hand: its registration, and answers to calls.
struct ByHand : ClusterBench {
    ByHand() {
        hypervisor.add_host("h1");
        hypervisor.add_host("h2");
        hypervisor.add_vm("h1", vm.value, "web");
    }
    void lead() {
        term.emplace(store, wait(election.win()), [] {});
        caller.emplace(io.get_executor(), clock, *term, term->term());
        REQUIRE(wait(caller->start()));
        remote.emplace(io.get_executor(), clock, *term, *caller, std::vector<HostId>{h1, h2},
                       [](const std::string&) { return VmFacts{}; });
        remote->on_refused(
            [this](const HostId& host, const std::string& why) { refused.push_back(host.value + ": " + why); });
        REQUIRE(wait(remote->start()));
    }
    std::unique_ptr<cluster::Agent> agent(const HostId& host, Protocols protocols = cluster::own_protocols) {
        cluster::AgentIdentity identity{host.value, host.value, "boot", "9.9", protocols};
        auto made = std::make_unique<cluster::Agent>(io.get_executor(), clock, hypervisor, store, host, identity, ttl,
                                                     [](const std::string&) {});
        made->start();
        run_for(1s);
        return made;
    }

    FakeHypervisor hypervisor{clock};
    cluster::Election election{io.get_executor(), clock, store, "leader", 1h};
    std::optional<cluster::TermStore> term;
    std::optional<cluster::Caller> caller;
    std::optional<cluster::RemoteHypervisor> remote;
    std::vector<std::string> refused;
};

}  // namespace

TEST_CASE("two daemons use the newest protocol that both speak, or none") {
    CHECK(cluster::common({1, 3}, {2, 5}) == 3);
    CHECK(cluster::common({2, 5}, {1, 3}) == 3);
    CHECK(cluster::common({1, 1}, {1, 4}) == 1);
    CHECK_FALSE(cluster::common({1, 2}, {3, 4}));
    CHECK_FALSE(cluster::common({3, 4}, {1, 2}));
    CHECK(cluster::to_string(Protocols{2, 2}) == "2");
    CHECK(cluster::to_string(Protocols{1, 3}) == "1 to 3");
}

TEST_CASE("a registration of an earlier version is one of protocol 1, and what a later one adds is passed over") {
    const auto old = cluster::identity_from(R"({"member":"h1","machine":"m","boot":"b"})");
    REQUIRE(old);
    CHECK(old->protocols == Protocols{1, 1});
    CHECK(old->version.empty());
    const auto later = cluster::identity_from(R"({"member":"h1","machine":"m","boot":"b","version":"9.9",
        "protocol":7,"oldest_protocol":3,"since_ms":5,"rack":{"row":1}})");
    REQUIRE(later);
    CHECK(later->protocols == Protocols{3, 7});
    CHECK(later->version == "9.9");
    CHECK(cluster::identity_from(cluster::to_text(*later)).value() == *later);
}

TEST_CASE("a member whose protocols are not the leader's is asked for nothing, told once, and is not silent") {
    for (const Protocols strange : {Protocols{1000, 1001}, Protocols{0, 0}}) {
        ByHand bench;
        const auto fine = bench.agent(h2), odd = bench.agent(h1, strange);
        bench.lead();
        bench.run_for(30s);
        REQUIRE(bench.refused.size() == 1);
        CHECK(bench.refused[0].starts_with("h1: its daemon 9.9 speaks protocol " + cluster::to_string(strange)));
        CHECK(bench.remote->problem(h1) == bench.refused[0].substr(4));
        CHECK(bench.remote->connection(h1) == Connection::down);
        CHECK_FALSE(bench.remote->protocol(h1));
        CHECK(bench.remote->protocol(h2) == cluster::own_protocols.newest);
        CHECK(bench.remote->connection(h2) == Connection::up);
        // It beats: whoever asks whether the host is dead hears that it is not.
        CHECK(bench.clock.now() - *bench.remote->answered_at(h1) < 5s);
        const auto looked = bench.wait(bench.remote->presence(h1, vm));
        REQUIRE_FALSE(looked);
        CHECK(looked.error().message == bench.remote->problem(h1));
        const auto destroyed = bench.wait(bench.remote->destroy(h1, vm));
        REQUIRE_FALSE(destroyed);
        CHECK(bench.hypervisor.hosts_by_id.at(h1).vms.contains(vm));
        CHECK(bench.count("/ballast/cluster/calls/") == 0);
    }
}

TEST_CASE("a member is asked again once it comes back with a protocol of the leader's") {
    ByHand bench;
    auto odd = bench.agent(h1, {1000, 1001});
    bench.lead();
    CHECK(bench.remote->connection(h1) == Connection::down);
    bench.put(cluster::agent_key(h1),
              cluster::to_text({"h1", "h1", "boot", "1.0", cluster::own_protocols, WallTime(1s)}));
    bench.run_for(1s);
    CHECK(bench.remote->connection(h1) == Connection::up);
    CHECK(bench.remote->problem(h1).empty());
}

TEST_CASE("a call that an agent does not know is answered as such, and nothing is done") {
    ByHand bench;
    const auto agent = bench.agent(h1);
    bench.lead();
    for (const bool changes : {false, true}) {
        const auto answer =
            bench.wait(bench.caller->call(h1, "teleport", json::object{{"vm", vm.value}}, changes, 10s));
        REQUIRE_FALSE(answer);
        CHECK(answer.error().code == ErrorCode::invalid);
        CHECK(answer.error().subject == "teleport");
        CHECK(answer.error().message.find("older version") != std::string::npos);
        CHECK(bench.count("/ballast/cluster/calls/") == 0);
    }
}

TEST_CASE("an order of which an agent does not understand all is not carried out at all") {
    ByHand bench;
    const auto agent = bench.agent(h1);
    bench.lead();
    const StartRequest start{{"22222222-2222-2222-2222-222222222222"}, h1, "<domain/>"};
    MigrationRequest move;
    move.vm = vm;
    move.from = h1;
    move.to = h2;
    DiskCopy disk;
    disk.target = "vda";
    disk.file = "/images/a";
    const std::pair<const char*, json::value> orders[] = {{"start", interchange::to_json(start)},
                                                          {"migrate", interchange::to_json(move)},
                                                          {"create_image", interchange::to_json(disk)}};
    for (const auto& [method, order] : orders) {
        INFO(method);
        auto arguments = with_more(order).as_object();
        const auto answer = bench.wait(bench.caller->call(h1, method, std::move(arguments), true, 10s));
        REQUIRE_FALSE(answer);
        CHECK(answer.error().code == ErrorCode::invalid);
        CHECK(answer.error().message.find("of_a_later_version") != std::string::npos);
    }
    CHECK(bench.hypervisor.hosts_by_id.at(h1).vms.size() == 1);
    CHECK(bench.hypervisor.hosts_by_id.at(h1).vms.contains(vm));
}

TEST_CASE("an older agent is not told what it would refuse: whether a VM that it starts ran there last") {
    for (const int newest : {2, 3}) {
        ByHand bench;
        bench.put(cluster::agent_key(h1), cluster::to_text({"h1", "h1", "boot", "1.0", {1, newest}, WallTime(1s)}));
        bench.lead();
        bench.run_for(1s);
        REQUIRE(bench.remote->protocol(h1) == newest);
        const auto started = bench.begin(bench.remote->start({vm, h1, "<domain/>", true, 1min, true}));
        bench.run_for(1s);
        std::string asked;
        for (const auto& [key, entry] : bench.data.entries)
            if (key.starts_with(cluster::calls_of(h1))) asked += entry.value;
        CHECK(asked.find("<domain/>") != std::string::npos);
        CHECK((asked.find("at_home") != std::string::npos) == (newest >= cluster::knows_at_home));
    }
}

TEST_CASE("what a newer agent tells is read by an older leader") {
    VirtualClock clock;
    FakeHypervisor hypervisor(clock);
    hypervisor.add_host("h1");
    hypervisor.add_vm("h1", vm.value, "web");
    boost::asio::io_context io;
    std::optional<Result<HostReading>> reading;
    std::optional<Result<HostFacts>> facts;
    boost::asio::co_spawn(io, hypervisor.read(h1), [&](std::exception_ptr, auto done) { reading = std::move(done); });
    boost::asio::co_spawn(io, hypervisor.facts(h1), [&](std::exception_ptr, auto done) { facts = std::move(done); });
    clock.run_for(io, 10s);
    REQUIRE((reading && *reading && facts && *facts));
    const auto later_reading = cluster::read_as<HostReading>(with_more(interchange::to_json(**reading)));
    REQUIRE(later_reading);
    CHECK(later_reading->vms.size() == 1);
    CHECK(later_reading->vms[0].id == vm);
    const auto later_facts = cluster::read_as<HostFacts>(with_more(interchange::to_json(**facts)));
    REQUIRE(later_facts);
    CHECK(interchange::to_json(*later_facts) == interchange::to_json(**facts));
    const HypervisorEvent event{HypervisorEvent::Kind::vm_started, h1, vm, "x"};
    CHECK(cluster::read_as<HypervisorEvent>(with_more(interchange::to_json(event))).value().vm == vm);
    Presence presence;
    presence.state = Presence::State::paused;
    CHECK(cluster::read_as<Presence>(with_more(interchange::to_json(presence))).value().state ==
          Presence::State::paused);
    CHECK(cluster::call_from(R"({"method":"read","arguments":{},"term":7,"priority":1})").value().term == 7);
    CHECK(cluster::answer_from(R"({"value":1,"took_ms":3})").value() == 1);
    CHECK(cluster::answer_from(R"({"error":"exhausted","subject":"h1","message":"m","more":1})").error().code ==
          ErrorCode::internal);  // a code of tomorrow
}

TEST_CASE("records that a later version wrote are read, and those of an earlier one, which lack its later fields") {
    executor::Record op;
    op.op.id = {"op-1"};
    op.op.vm = vm;
    op.notes.images = {"/images/a"};
    const auto op_again = executor::record_from_json(with_more(executor::to_json(op)));
    REQUIRE(op_again);
    CHECK(executor::to_json(*op_again) == executor::to_json(op));
    VmRecord record;
    record.vm = vm;
    record.images = {{h1, "/images/a"}};
    CHECK(executor::vm_record_from_json(with_more(executor::to_json(record))).value() == record);
    PowerRecord power;
    power.host = h1;
    power.went_off = WallTime(3s);
    CHECK(executor::power_record_from_json(with_more(executor::to_json(power))).value() == power);

    json::object old_record = executor::to_json(record);
    for (const char* later : {"ended", "images"}) old_record.erase(later);
    CHECK(executor::vm_record_from_json(old_record).value().images.empty());
    json::object old_power = executor::to_json(power);
    for (const char* later : {"lost_ms", "went_off_ms", "came_back_ms"}) old_power.erase(later);
    CHECK_FALSE(executor::power_record_from_json(old_power).value().went_off);
}

TEST_CASE("a record with a word of a later version is an error that names it, never a guess") {
    PowerRecord power;
    power.host = h1;
    json::object text = executor::to_json(power);
    text["state"] = "hibernating";
    CHECK(executor::power_record_from_json(text).error().code == ErrorCode::corrupt);
    executor::Record op;
    json::object op_text = executor::to_json(op);
    op_text["state"] = "hovering";
    CHECK(executor::record_from_json(op_text).error().code == ErrorCode::corrupt);
}
