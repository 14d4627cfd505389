#include "cluster/agent.h"

#include "cluster/remote_hypervisor.h"
#include "executor/power_journal.h"
#include "tests/cluster/bench.h"
#include "tests/support/fake_hypervisor.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Agent;
using cluster::Caller;
using cluster::Election;
using cluster::RemoteHypervisor;
using cluster::TermStore;

namespace {

const VmId vm{"11111111-1111-1111-1111-111111111111"};

/// Starts take a while.
struct SlowHypervisor : FakeHypervisor {
    SlowHypervisor(Clock& clock, Duration takes) : FakeHypervisor(clock), clock_(clock), takes_(takes) {}
    Task<void> start(StartRequest request) override {
        co_await clock_.sleep_for(takes_);
        co_return co_await FakeHypervisor::start(std::move(request));
    }
    Clock& clock_;
    Duration takes_;
};

/// Two hosts with an agent each, and a leader.
struct AgentBench : ClusterBench {
    AgentBench() {
        for (const char* host : {"h1", "h2"}) {
            hypervisor.add_host(host);
            agents.push_back(std::make_unique<Agent>(io.get_executor(), clock, hypervisor, store, HostId{host},
                                                     cluster::AgentIdentity{std::string("ballastd@") + host, host, "b"},
                                                     ttl, [](const std::string&) {}));
            agents.back()->start();
        }
        hypervisor.add_vm("h1", vm.value, "web");
        run_for(1s);
        lead();
    }
    /// The one before goes on, as a process that was paused does.
    void lead() {
        erase(cluster::leader_key);
        leaders.push_back(std::make_unique<Leader>(*this));
        remote = &leaders.back()->remote;
        remote->on_event([this, mine = remote](const HypervisorEvent& event) {
            if (mine == remote) heard.push_back(event);
        });
        REQUIRE(wait(remote->start()));
    }

    struct Leader {
        explicit Leader(ClusterBench& bench)
            : election(bench.io.get_executor(), bench.clock, bench.store, "leader", 1h),
              store(bench.io, bench.clock, bench.data, bench.crashes, link),
              term(store, bench.wait(election.win()), [] {}),
              caller(bench.io.get_executor(), bench.clock, term, term.term()),
              remote(bench.io.get_executor(), bench.clock, term, caller, {h1, h2},
                     [](const std::string&) { return VmFacts{}; }) {
            REQUIRE(bench.wait(caller.start()));
        }
        Election election;
        sim::StoreLink link;
        sim::SimStore store;
        TermStore term;
        Caller caller;
        RemoteHypervisor remote;
    };
    SlowHypervisor hypervisor{clock, 3s};
    std::vector<std::unique_ptr<Agent>> agents;
    std::vector<std::unique_ptr<Leader>> leaders;
    RemoteHypervisor* remote = nullptr;
    std::vector<HypervisorEvent> heard;
};

}  // namespace

TEST_CASE("a leader sees through the agents what their hypervisors see") {
    AgentBench bench;
    CHECK(bench.remote->connection(h1) == Connection::up);
    CHECK(*bench.wait(bench.remote->facts(h1)) == bench.hypervisor.hosts_by_id.at(h1).facts);
    CHECK(*bench.wait(bench.remote->vm_facts(h1, vm)) == bench.hypervisor.hosts_by_id.at(h1).vms.at(vm).facts);
    CHECK(*bench.wait(bench.remote->definition(h1, vm)) == "web");
    CHECK(bench.wait(bench.remote->presence(h1, vm))->state == Presence::State::running);
    CHECK(bench.wait(bench.remote->presence(h2, vm))->state == Presence::State::absent);
    CHECK(bench.wait(bench.remote->vm_facts(h2, vm)).error().code == ErrorCode::not_found);
}

TEST_CASE("a leader moves a vm through the source's agent, and sees that it is under way") {
    AgentBench bench;
    MigrationRequest request;
    request.vm = vm;
    request.from = h1;
    request.to = h2;
    request.give_up_after = 5min;
    request.max_downtime = 100ms;
    request.bandwidth_mib_per_s = 12.5;
    request.disks = {{"vda", "/srv/a", "raw", gib(1), mib(3), true}};
    REQUIRE(bench.wait(bench.remote->can_accept(request, "web")));
    const auto moved = bench.begin(bench.remote->migrate(request));
    bench.run_for(1s);
    CHECK(bench.wait(bench.remote->presence(h1, vm))->migration_under_way);
    CHECK(bench.wait(bench.remote->progress(h1, vm))->phase == MigrationPhase::copying);
    REQUIRE(bench.run_until([&] { return moved->has_value(); }));
    CHECK((*moved)->has_value());
    CHECK(bench.wait(bench.remote->presence(h2, vm))->state == Presence::State::running);
    CHECK_FALSE(bench.wait(bench.remote->presence(h2, vm))->migration_under_way);
    const auto& seen = *bench.hypervisor.last_migration;
    CHECK((seen.give_up_after == 5min && seen.max_downtime == 100ms && seen.bandwidth_mib_per_s == 12.5));
    REQUIRE(seen.disks.size() == 1);
    CHECK((seen.disks[0].file == "/srv/a" && seen.disks[0].allocated == mib(3) && seen.disks[0].overwrite));
}

TEST_CASE("an agent begins no migration to a host that is not certain to be on") {
    AgentBench bench;
    MigrationRequest request;
    request.vm = vm;
    request.from = h1;
    request.to = h2;
    request.give_up_after = 5min;
    for (const PowerState state : {PowerState::fencing, PowerState::lost, PowerState::switching_off}) {
        INFO(to_string(state));
        bench.put(executor::power_lock_key(h2), to_string(state));
        const auto moved = bench.wait(bench.remote->migrate(request));
        REQUIRE_FALSE(moved);
        CHECK(moved.error().code == ErrorCode::unavailable);
        CHECK_FALSE(bench.hypervisor.last_migration);
        CHECK_FALSE(bench.wait(bench.remote->presence(h1, vm))->migration_under_way);
    }
    bench.erase(executor::power_lock_key(h2));
    CHECK(bench.wait(bench.remote->migrate(request)));
    CHECK(bench.hypervisor.last_migration);
}

TEST_CASE("a look at a vm waits for its start that is under way, whoever leads by then") {
    AgentBench bench;
    bench.hypervisor.hosts_by_id.at(h1).vms.clear();
    StartRequest request{vm, h2, "web", true, 1min};
    bench.begin(bench.remote->start(request));
    bench.run_for(1s);
    CHECK_FALSE(bench.hypervisor.hosts_by_id.at(h2).vms.contains(vm));
    bench.lead();
    const auto presence = bench.wait(bench.remote->presence(h2, vm));
    CHECK(presence->state == Presence::State::running);
}

TEST_CASE("events of the hypervisors reach the leader once each, those of the time before it not at all") {
    AgentBench bench;
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_stopped, h1, vm, "of the past"});
    bench.run_for(1s);
    CHECK(bench.heard.size() == 3);  // connected twice
    bench.lead();
    bench.heard.clear();
    for (int i = 0; i < 60; ++i) {
        bench.hypervisor.tell({HypervisorEvent::Kind::vm_stopped, h2, vm, std::to_string(i)});
        bench.run_for(100ms);
    }
    bench.run_for(20s);
    REQUIRE(bench.heard.size() == 60);
    for (std::size_t i = 0; i < 60; ++i) {
        CHECK(bench.heard[i].host == h2);
        CHECK(bench.heard[i].vm == vm);
        CHECK(bench.heard[i].detail == std::to_string(i));
    }
}

TEST_CASE("that an agent could not tell of all events is noticed, as after a connection that was lost") {
    AgentBench bench;
    bench.hypervisor.tell({HypervisorEvent::Kind::vm_stopped, h2, vm, "heard"});
    bench.run_for(1s);
    bench.heard.clear();
    bench.data.full_until = bench.clock.now() + 3s;
    for (int i = 0; i < 60; ++i) bench.hypervisor.tell({HypervisorEvent::Kind::vm_stopped, h2, vm, std::to_string(i)});
    bench.run_for(10s);
    REQUIRE(bench.heard.size() == 52);
    CHECK((bench.heard[0].kind == HypervisorEvent::Kind::disconnected && bench.heard[0].host == h2));
    CHECK((bench.heard[1].kind == HypervisorEvent::Kind::connected && bench.heard[1].host == h2));
    CHECK(bench.heard[2].detail == "10");
    CHECK(bench.remote->connection(h2) == Connection::up);
}

TEST_CASE("that a host's libvirt is back is told as soon as the store takes it, though nothing happens any more") {
    AgentBench bench;
    bench.hypervisor.tell({HypervisorEvent::Kind::disconnected, h2, {}, "end of file"});
    bench.run_for(1s);
    REQUIRE(bench.remote->connection(h2) == Connection::down);
    bench.data.full_until = bench.clock.now() + 3s;
    bench.hypervisor.tell({HypervisorEvent::Kind::connected, h2, {}, {}});
    bench.run_for(2s);
    REQUIRE(bench.remote->connection(h2) == Connection::down);
    bench.run_for(3s);
    CHECK(bench.remote->connection(h2) == Connection::up);
}

TEST_CASE("an agent that began anew while the leader heard nothing has its libvirt until it says otherwise") {
    AgentBench bench;
    bench.hypervisor.tell({HypervisorEvent::Kind::disconnected, h1, {}, "end of file"});
    bench.run_for(1s);
    REQUIRE(bench.remote->connection(h1) == Connection::down);
    const Revision before = bench.created(cluster::agent_key(h1));
    bench.leaders.back()->link.watches_silent_until = bench.clock.now() + 1min;
    bench.erase(cluster::agent_key(h1));
    REQUIRE(bench.run_until([&] { return bench.has(cluster::agent_key(h1)); }));
    REQUIRE(bench.created(cluster::agent_key(h1)) > before);
    SECTION("and says nothing") {
        bench.run_for(11s);
        CHECK(bench.remote->connection(h1) == Connection::up);
    }
    SECTION("and says that it lost it before its registration was heard of") {
        bench.hypervisor.tell({HypervisorEvent::Kind::disconnected, h1, {}, "end of file"});
        bench.run_for(11s);
        CHECK(bench.remote->connection(h1) == Connection::down);
    }
}

TEST_CASE("a host whose agent does not beat any more is disconnected, has last answered then, and is not called") {
    AgentBench bench;
    bench.run_for(30s);
    const Instant last = *bench.remote->answered_at(h1);
    CHECK(bench.clock.now() - last <= cluster::beat_every(bench.ttl) + 1s);
    bench.heard.clear();
    bench.put(executor::power_lock_key(h1), to_string(PowerState::fencing));  // it cannot come back
    bench.erase(cluster::agent_key(h1));
    bench.run_for(20s);
    CHECK(bench.remote->connection(h1) == Connection::down);
    CHECK(*bench.remote->answered_at(h1) <= last + cluster::beat_every(bench.ttl));
    REQUIRE(bench.heard.size() == 1);
    CHECK(bench.heard.front().kind == HypervisorEvent::Kind::disconnected);
    CHECK(bench.wait(bench.remote->presence(h1, vm)).error().code == ErrorCode::unavailable);
}

TEST_CASE("a registration that was there when the lead began is no answer before it beats again") {
    AgentBench bench;
    bench.run_for(30s);
    bench.lead();
    CHECK(bench.remote->connection(h1) == Connection::up);
    CHECK_FALSE(bench.remote->answered_at(h1));
    bench.run_for(cluster::beat_every(bench.ttl) + 1s);
    CHECK(bench.clock.now() - bench.remote->answered_at(h1).value() <= cluster::beat_every(bench.ttl) + 1s);
}

TEST_CASE("whoever listens to a leader's hosts late hears which are connected, and of each change once") {
    AgentBench bench;
    std::vector<HypervisorEvent> late;
    bench.remote->on_event([&](const HypervisorEvent& event) { late.push_back(event); });
    bench.run_for(10ms);
    REQUIRE(late.size() == 2);
    CHECK((late[0].kind == HypervisorEvent::Kind::connected && late[0].host == h1 && late[1].host == h2));
    late.clear();
    bench.hypervisor.tell({HypervisorEvent::Kind::disconnected, h1, {}, "libvirtd is gone"});
    bench.hypervisor.tell({HypervisorEvent::Kind::connected, h2, {}, {}});
    bench.run_for(1s);
    REQUIRE(late.size() == 1);
    CHECK((late[0].kind == HypervisorEvent::Kind::disconnected && late[0].detail == "libvirtd is gone"));
    CHECK(bench.remote->connection(h1) == Connection::down);
    bench.hypervisor.tell({HypervisorEvent::Kind::connected, h1, {}, {}});
    bench.run_for(1s);
    REQUIRE(late.size() == 2);
    CHECK(late[1].kind == HypervisorEvent::Kind::connected);
}
