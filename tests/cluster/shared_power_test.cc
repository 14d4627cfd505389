// A leader whose own broker does not reach a BMC reaches it through another member's, in its term only.
#include "cluster/shared_power.h"

#include "cluster/agent.h"
#include "cluster/power_agent.h"
#include "executor/power_journal.h"
#include "tests/cluster/bench.h"
#include "tests/support/fake_hypervisor.h"
#include "tests/support/fake_power.h"

using namespace ballast;
using namespace ballast::test;
using cluster::Agent;
using cluster::Broker;
using cluster::Call;
using cluster::Caller;
using cluster::Claim;
using cluster::Election;
using cluster::PowerAgent;
using cluster::SharedPower;
using cluster::TermStore;

namespace {

const HostId h3{"h3"};

/// The leader is on h1; h2 has an agent and a broker; h3 is what is to be cut off.
struct PowerBench : ClusterBench {
    PowerBench() {
        for (FakePower* broker : {&own, &other}) broker->add_host("h3");
        hypervisor.add_host("h2");
        agent.serve(cluster::power_calls,
                    [this](Call call, Claim claim) { return power_agent.handle(std::move(call), std::move(claim)); });
        agent.start();
        run_for(1s);
        leader.emplace(*this);
        put(executor::power_lock_key(h3), "fencing");
        wait(own.hosts());
        wait(other.hosts());
    }

    struct Leader {
        explicit Leader(PowerBench& bench)
            : election(bench.io.get_executor(), bench.clock, bench.store, "leader", 1h),
              term(bench.store, bench.wait(election.win()), [] {}),
              caller(bench.io.get_executor(), bench.clock, term, term.term()),
              power(bench.clock, bench.own, &caller, [&bench] { return bench.others(); }) {
            REQUIRE(bench.wait(caller.start()));
        }
        Election election;
        TermStore term;
        Caller caller;
        SharedPower power;
    };
    std::vector<Broker> others() {
        return there ? std::vector<Broker>{{h2, {other.hosts_by_id.at(h3).can}}} : std::vector<Broker>{};
    }
    SharedPower& power() { return leader->power; }

    FakeHypervisor hypervisor{clock};
    FakePower own{clock}, other{clock};
    bool there = true;
    PowerAgent power_agent{clock, other};
    Agent agent{io.get_executor(),        clock, hypervisor, store, h2, {"ballastd@h2", "h2", "b"}, ttl,
                [](const std::string&) {}};
    std::optional<Leader> leader;
};

boost::asio::awaitable<bool> claimed_after(Clock& clock, Duration takes) {
    co_await clock.sleep_for(takes);
    co_return true;
}

const Error unreachable{ErrorCode::unavailable, "h3", "the BMC does not answer"};

}  // namespace

TEST_CASE("as long as the own broker reaches the BMC no other one is asked") {
    PowerBench bench;
    CHECK(bench.wait(bench.power().switch_off(h3)));
    CHECK(bench.own.orders == std::vector<std::string>{"off h3"});
    CHECK(bench.other.orders.empty());
}

TEST_CASE("a host is cut off through another member's broker when the own one cannot") {
    PowerBench bench;
    SECTION("its BMC does not answer") {
        bench.own.hosts_by_id.at(h3).error = unreachable;
    }
    SECTION("there is no broker") {
        bench.own.hosts_by_id.clear();
        bench.own.broker_error = Error{ErrorCode::unavailable, "power broker", "cannot be reached"};
        CHECK_FALSE(bench.wait(bench.own.hosts()));
    }
    SECTION("it knows nothing of this host") {
        bench.own.hosts_by_id.clear();
        bench.wait(bench.own.hosts());
    }
    CHECK(bench.wait(bench.power().hosts())->size() == 1);
    CHECK(bench.power().host(h3)->switches);
    CHECK(*bench.wait(bench.power().status(h3)) == Power::on);
    CHECK(bench.wait(bench.power().switch_off(h3)));
    CHECK(bench.other.orders == std::vector<std::string>{"off h3"});
    CHECK(*bench.wait(bench.power().status(h3)) == Power::off);
    CHECK(bench.wait(bench.power().switch_on(h3)));
    CHECK(*bench.wait(bench.power().watts(h3)) == 100.0);
}

TEST_CASE("after a way that failed slowly the order is given up, and the next one goes the other way first") {
    PowerBench bench;
    auto& broken = bench.own.hosts_by_id.at(h3);
    broken.error = unreachable;
    broken.takes = 30s;
    CHECK(bench.wait(bench.power().switch_off(h3)).error().code == ErrorCode::unavailable);
    CHECK(bench.other.orders.empty());
    const Instant begun = bench.clock.now();
    CHECK(bench.wait(bench.power().switch_off(h3)));
    CHECK(bench.clock.now() - begun < 10s);
    CHECK(bench.other.orders == std::vector<std::string>{"off h3"});
}

TEST_CASE("when nobody reaches it that is an error, and proof of nothing") {
    PowerBench bench;
    for (FakePower* broker : {&bench.own, &bench.other}) broker->hosts_by_id.at(h3).error = unreachable;
    const auto off = bench.wait(bench.power().switch_off(h3));
    CHECK(off.error().code == ErrorCode::unavailable);
    CHECK(off.error().message == "the BMC does not answer (through h2)");
    CHECK_FALSE(bench.wait(bench.power().status(h3)));
}

TEST_CASE("no member is asked to cut off its own host") {
    PowerBench bench;
    bench.own.hosts_by_id.clear();
    bench.wait(bench.own.hosts());
    bench.other.add_host("h2");
    bench.put(executor::power_lock_key(h2), "fencing");
    CHECK_FALSE(bench.wait(bench.power().switch_off(h2)));
    CHECK(bench.other.orders.empty());
}

TEST_CASE("another member's broker gets no order of a term that is over") {
    PowerBench bench;
    bench.own.hosts_by_id.at(h3).error = unreachable;
    bench.erase(cluster::leader_key);
    bench.put(cluster::leader_key, "another");
    CHECK_FALSE(bench.wait(bench.power().switch_off(h3)));
    bench.run_for(5min);
    CHECK(bench.other.orders.empty());
}

TEST_CASE("a term that ends between the call and its claim ends the order") {
    // After so many of the moments at which anything happens, whichever of them comes between the two.
    bool ordered = false, refused = false;
    for (int steps = 0; steps < 60; ++steps) {  // enough for all of the order
        PowerBench bench;
        bench.own.hosts_by_id.at(h3).error = unreachable;
        bench.own.hosts_by_id.at(h3).takes = 0ms;
        const auto off = bench.begin(bench.power().switch_off(h3));
        for (int i = 0; i < steps; ++i) bench.clock.run_until(bench.io, *bench.clock.next_wake());
        KeyValue& leader = bench.data.entries.at(cluster::leader_key);
        const bool was_claimed = [&] {
            for (const auto& [key, entry] : bench.data.entries)
                if (key.starts_with(cluster::calls_of(h2)) && cluster::call_from(entry.value)->claimed_by != 0)
                    return true;
            return false;
        }();
        leader.create_revision += 1'000'000;  // another one's by now
        bench.run_for(5min);
        const bool told = !bench.other.orders.empty();
        if (told) CHECK((was_claimed || *off));
        ordered = ordered || told;
        refused = refused || !told;
    }
    CHECK(ordered);
    CHECK(refused);
}

TEST_CASE("a host that is not being cut off any more is not cut off by a call that comes late") {
    PowerBench bench;
    bench.own.hosts_by_id.at(h3).error = unreachable;
    bench.erase(executor::power_lock_key(h3));
    CHECK_FALSE(bench.wait(bench.power().switch_off(h3)));
    bench.put(executor::power_lock_key(h3), "switching_on");
    CHECK_FALSE(bench.wait(bench.power().switch_off(h3)));
    CHECK(bench.other.orders.empty());
    bench.put(executor::power_lock_key(h3), "switching_off");
    CHECK(bench.wait(bench.power().shut_down_softly(h3)));
    CHECK(bench.other.orders == std::vector<std::string>{"soft h3"});
}

TEST_CASE("an agent that was held up after its claim orders nothing any more") {
    PowerBench bench;
    Call call{"power_off", {{"host", "h3"}}, true, 1, 0, {}};
    Claim slow = [&](std::vector<Compare>) { return claimed_after(bench.clock, 6s); };
    CHECK(bench.wait(bench.power_agent.handle(call, slow)).error().code == ErrorCode::unavailable);
    CHECK(bench.other.orders.empty());
    Claim quick = [&](std::vector<Compare>) { return claimed_after(bench.clock, 1s); };
    CHECK(bench.wait(bench.power_agent.handle(call, quick)));
    CHECK(bench.other.orders == std::vector<std::string>{"off h3"});
}

TEST_CASE("without other members everything is the own broker's") {
    PowerBench bench;
    SharedPower alone(bench.clock, bench.own, nullptr, [] { return std::vector<Broker>{}; });
    bench.own.hosts_by_id.at(h3).error = unreachable;
    CHECK(bench.wait(alone.switch_off(h3)).error() == unreachable);
    CHECK(bench.wait(alone.switch_off({"h9"})).error().code == ErrorCode::not_found);
    bench.own.broker_error = unreachable;
    CHECK_FALSE(bench.wait(alone.hosts()));
}
