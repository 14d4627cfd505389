#include "daemon/inventory_keeper.h"

#include <catch2/catch.hpp>

#include "policy/estimators.h"

using namespace ballast;
using daemon::InventoryKeeper;

namespace {

const HostId k1{"k1"}, k2{"k2"};
const VmId kept_vm{"11111111-1111-1111-1111-111111111111"};

Instant at(int seconds) {
    return Instant{} + std::chrono::seconds{1000 + seconds};
}

InventoryKeeper keeper_of_two() {
    config::DaemonOptions options;
    for (const HostId& host : {k1, k2}) options.hosts.emplace_back().id = host;
    InventoryKeeper keeper;
    keeper.configure(options);
    for (const HostId& host : {k1, k2}) {
        HostFacts facts;
        facts.cpus = 4;
        keeper.host_facts(host, facts);
        keeper.connection(host, Connection::up, "");
    }
    return keeper;
}

collectors::Sample sample_with(int seconds, bool runs) {
    collectors::Sample sample;
    sample.at = at(seconds);
    if (runs) sample.vms[kept_vm] = {"web", VmState::running, 3, {}};
    return sample;
}

}  // namespace

TEST_CASE(
    "a host that is told to be unchanged stays known for as long as that, and one that was never sampled is not") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.unchanged(k2, at(0));
    keeper.sampled(k1, sample_with(0, true));
    CHECK_FALSE(keeper.build(at(30), {}).hosts.at(k1).stale);
    CHECK(keeper.build(at(31), {}).hosts.at(k1).stale);
    keeper.unchanged(k1, at(20));
    CHECK_FALSE(keeper.build(at(50), {}).hosts.at(k1).stale);
    keeper.unchanged(k1, at(10));  // late
    CHECK(keeper.build(at(50), {}).hosts.at(k1).sampled_at == at(20));
    CHECK(keeper.build(at(51), {}).hosts.at(k1).stale);
    CHECK(keeper.build(at(1), {}).hosts.at(k2).stale);
}

TEST_CASE("a vm counts as running twice once both hosts were sampled again, not because both are unchanged") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.sampled(k1, sample_with(0, true));
    keeper.sampled(k2, sample_with(1, true));
    keeper.unchanged(k1, at(20));
    keeper.unchanged(k2, at(20));
    CHECK(keeper.double_runs().empty());
    keeper.sampled(k1, sample_with(22, true));
    CHECK(keeper.double_runs().empty());
    keeper.sampled(k2, sample_with(23, true));
    REQUIRE(keeper.double_runs().size() == 1);
    CHECK(keeper.double_runs().front().vm == kept_vm);
    keeper.sampled(k1, sample_with(30, false));
    CHECK(keeper.double_runs().empty());
    keeper.sampled(k2, sample_with(31, true));
    CHECK(keeper.running_on(k2).size() == 1);
}

TEST_CASE("what a host that does not answer had at last holds no vm back that runs elsewhere by now") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.sampled(k1, sample_with(0, true));
    keeper.sampled(k2, sample_with(1, true));
    CHECK(keeper.running_on(k2).empty());  // it arrives, or runs twice
    CHECK((keeper.has(k1, kept_vm) && keeper.has(k2, kept_vm)));
    keeper.connection(k1, Connection::down, "silent");
    keeper.sampled(k2, sample_with(11, true));
    CHECK(keeper.running_on(k2) == std::vector<VmId>{kept_vm});
    keeper.sampled(k2, sample_with(21, false));
    CHECK_FALSE(keeper.has(k2, kept_vm));
}

TEST_CASE("a vm that its host has had paused for five minutes is stuck when that says that its user does not want it") {
    using Why = Presence::PauseReason;
    const auto paused = [](int seconds) {
        collectors::Sample sample = sample_with(seconds, true);
        sample.vms.at(kept_vm).state = VmState::paused;
        return sample;
    };
    InventoryKeeper keeper = keeper_of_two();
    keeper.sampled(k1, sample_with(0, true));
    keeper.sampled(k2, paused(1));  // it arrives
    keeper.unchanged(k2, at(400));
    CHECK(keeper.long_paused(k2).empty());
    keeper.sampled(k1, paused(500));
    keeper.unchanged(k1, at(799));
    CHECK(keeper.long_paused(k1).empty());
    keeper.unchanged(k1, at(800));
    CHECK(keeper.long_paused(k1) == std::vector<VmId>{kept_vm});
    CHECK(keeper.long_paused(k2).empty());
    for (const Why why : {Why::none, Why::user, Why::starting_up}) {
        keeper.paused_because(kept_vm, k1, why);
        CHECK(keeper.stuck().empty());
    }
    for (const Why why : {Why::migration, Why::post_copy_failed, Why::io_error}) {
        keeper.paused_because(kept_vm, k1, why);
        REQUIRE(keeper.stuck().size() == 1);
        CHECK(keeper.stuck().front().vm == kept_vm);
        CHECK(keeper.stuck().front().hosts == std::vector<HostId>{k1, k2});
        CHECK(keeper.stuck().front().why == why);
    }
    SECTION("it is over when it runs") {
        keeper.sampled(k1, sample_with(901, true));
    }
    SECTION("it is over when it runs elsewhere") {
        keeper.sampled(k2, sample_with(901, true));
    }
    SECTION("it is over when it is gone") {
        keeper.sampled(k1, sample_with(901, false));
    }
    CHECK(keeper.stuck().empty());
    CHECK(keeper.long_paused(k1).empty());
}

TEST_CASE("since when a vm is on its host is known of one that was seen to come, not of one that was there before") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.presume(kept_vm, k1, "web", std::nullopt);
    keeper.sampled(k1, sample_with(0, true));
    CHECK_FALSE(keeper.build(at(1), {}).vms.at(kept_vm).started_at);
    keeper.sampled(k1, sample_with(2, false));
    keeper.sampled(k2, sample_with(3, true));
    CHECK(keeper.build(at(4), {}).vms.at(kept_vm).started_at == at(3));
}

TEST_CASE("what changes while a definition is being read is read again") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.sampled(k1, sample_with(0, true));
    const auto before = keeper.changes_of(kept_vm);
    keeper.outdate_facts(kept_vm);
    keeper.vm_facts(kept_vm, VmFacts{}, before);
    CHECK(keeper.vm_facts_wanted(k1).size() == 1);
    keeper.vm_facts(kept_vm, VmFacts{}, keeper.changes_of(kept_vm));
    CHECK(keeper.vm_facts_wanted(k1).empty());
}

TEST_CASE("a vm whose definition may have changed keeps its place with what was known of it, and is not moved") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.connection(k1, Connection::up, "");
    keeper.sampled(k1, sample_with(0, true));
    VmFacts facts;
    facts.vcpus = 4;
    facts.memory = gib(8);
    keeper.vm_facts(kept_vm, facts, keeper.changes_of(kept_vm));
    CHECK(keeper.build(at(1), {}).vms.at(kept_vm).facts_known);
    keeper.outdate_facts(kept_vm);
    const Vm seen = keeper.build(at(1), {}).vms.at(kept_vm);
    CHECK_FALSE(seen.facts_known);
    CHECK(policy::memory_bound(seen) == gib(8));
    CHECK(seen.facts.name == "web");
    keeper.connection(k1, Connection::down, "silent");
    CHECK(keeper.build(at(1), {}).vms.at(kept_vm).facts_known);
}

TEST_CASE("a vm that is being started after its host was lost is where it is started, and names the lost one") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.sampled(k1, sample_with(0, true));
    Operation start;
    start.vm = kept_vm;
    start.from = k1;
    start.to = k2;
    start.trigger = Trigger::host_loss;
    start.state = OperationState::running;
    const Inventory seen = keeper.build(at(1), {start});
    CHECK(seen.vms.at(kept_vm).host == k2);
    CHECK(seen.vms.at(kept_vm).start_after == k1);
    CHECK(seen.in_flight.empty());
    CHECK_FALSE(keeper.build(at(1), {}).vms.at(kept_vm).start_after);
}

TEST_CASE("what is known of a vm that is nowhere any more is forgotten, and of one that moved is kept") {
    InventoryKeeper keeper = keeper_of_two();
    keeper.sampled(k1, sample_with(0, true));
    VmFacts facts;
    facts.name = "web";
    keeper.vm_facts(kept_vm, facts, keeper.changes_of(kept_vm));
    CHECK(keeper.vm_facts_wanted(k1).empty());
    keeper.belongs(kept_vm, k1, k2, at(1));
    CHECK(keeper.vm_facts_wanted(k2).empty());
    keeper.sampled(k1, sample_with(60, false));
    keeper.sampled(k2, sample_with(60, true));
    CHECK(keeper.vm_facts_wanted(k2).empty());
    keeper.sampled(k2, sample_with(90, false));
    keeper.sampled(k1, sample_with(120, true));
    CHECK(keeper.vm_facts_wanted(k1).size() == 1);
}
