#include "cluster/registration.h"

#include "executor/power_journal.h"
#include "tests/cluster/bench.h"

using namespace ballast;
using namespace ballast::test;
using cluster::AgentIdentity;
using cluster::Registration;

namespace {

struct RegistrationBench : ClusterBench {
    std::unique_ptr<Registration> agent(const char* machine = "machine-1", const char* boot = "boot-1") {
        return std::make_unique<Registration>(io.get_executor(), clock, store, h1,
                                              AgentIdentity{"ballastd@h1", machine, boot}, ttl,
                                              [this](const std::string& problem) { told.push_back(problem); });
    }
    std::vector<std::string> told;
};

}  // namespace

TEST_CASE("an agent registers and stays registered for as long as it beats") {
    RegistrationBench bench;
    const auto agent = bench.agent();
    bench.begin(agent->run());
    bench.run_for(60s);
    CHECK(agent->incarnation() == bench.created(cluster::agent_key(h1)));
    CHECK(bench.told == std::vector<std::string>{""});
    const auto known = cluster::identity_from(bench.data.entries.at(cluster::host_key(h1)).value);
    REQUIRE(known);
    CHECK(known->since != WallTime{});
    CHECK(*known == AgentIdentity{"ballastd@h1", "machine-1", "boot-1", "", cluster::own_protocols, known->since});
}

TEST_CASE("a host that is being cut off cannot be registered before that is over") {
    RegistrationBench bench;
    bench.put(executor::power_lock_key(h1), to_string(PowerState::fencing));
    const auto agent = bench.agent();
    bench.begin(agent->run());
    bench.run_for(60s);
    CHECK_FALSE(bench.has(cluster::agent_key(h1)));
    CHECK_FALSE(agent->incarnation());
    REQUIRE(bench.told.size() == 1);
    CHECK(bench.told[0].find("being cut off") != std::string::npos);
    bench.put(executor::power_lock_key(h1), to_string(PowerState::lost));
    CHECK(bench.run_until([&] { return agent->incarnation().has_value(); }, 5s));
}

TEST_CASE("a host whose cutting off begins while it registers is not registered") {
    RegistrationBench bench;
    const auto agent = bench.agent();
    // The agent has seen no lock, and is about to put its key: three calls of a millisecond each.
    bench.begin(agent->run());
    bench.run_for(2ms);
    bench.data.entries[executor::power_lock_key(h1)] = {
        executor::power_lock_key(h1), to_string(PowerState::fencing), 2, 2, 1, 0};
    bench.run_for(20s);
    CHECK_FALSE(bench.has(cluster::agent_key(h1)));
}

TEST_CASE("a process takes the place of the one before it on its machine at once, with an incarnation of its own") {
    RegistrationBench bench;
    auto before = bench.agent();
    bench.begin(before->run());
    bench.run_for(1s);
    const Revision first = *before->incarnation();
    const auto after = bench.agent("machine-1", "boot-2");
    bench.begin(after->run());
    CHECK(bench.run_until([&] { return after->incarnation().has_value(); }, 1s));
    CHECK(*after->incarnation() > first);
}

TEST_CASE("a second machine that says to be the host is refused and told of") {
    RegistrationBench bench;
    const auto first = bench.agent();
    bench.begin(first->run());
    bench.run_for(1s);
    const auto second = bench.agent("machine-2");
    bench.begin(second->run());
    bench.run_for(60s);
    CHECK(first->incarnation());
    CHECK_FALSE(second->incarnation());
    CHECK(bench.told.back().find("another machine") != std::string::npos);
}

TEST_CASE("an agent whose key is gone is not registered, and registers anew") {
    RegistrationBench bench;
    const auto agent = bench.agent();
    bench.begin(agent->run());
    bench.run_for(1s);
    const Revision first = *agent->incarnation();
    bench.erase(cluster::agent_key(h1));
    CHECK(bench.run_until([&] { return agent->incarnation().value_or(0) > first; }, bench.ttl));
    CHECK(bench.told == std::vector<std::string>{"", "its registration is over", ""});
}

TEST_CASE("that most members have only just registered is seen in the store") {
    RegistrationBench bench;
    const auto lately = [&] {
        std::optional<bool> most;
        boost::asio::co_spawn(bench.io, cluster::most_registered_lately(bench.store, bench.clock.wall_now(), 10s),
                              [&](std::exception_ptr, bool answer) { most = answer; });
        bench.run_for(1s);
        return most.value();
    };
    const auto member = [&](const char* host, Duration ago) {
        AgentIdentity identity{host, "machine", "boot"};
        identity.since = bench.clock.wall_now() - ago;
        bench.put(cluster::agent_key({host}), cluster::to_text(identity));
    };
    CHECK_FALSE(lately());
    member("h1", 3s);
    member("h2", 10min);
    CHECK_FALSE(lately());  // one of two: its daemon was started anew
    member("h3", 5s);
    CHECK(lately());
    member("h3", -1h);  // its clock is wrong
    CHECK_FALSE(lately());
    const auto agent = bench.agent();
    bench.erase(cluster::agent_key(h1));
    bench.begin(agent->run());
    bench.run_for(1s);
    member("h2", 25s);
    CHECK(lately());
    bench.run_for(2min);
    CHECK_FALSE(lately());
}

TEST_CASE("an agent that cannot reach the store counts as registered no longer than its time") {
    RegistrationBench bench;
    const auto agent = bench.agent();
    bench.begin(agent->run());
    bench.run_for(1s);
    bench.data.unavailable_until = bench.clock.now() + 1h;
    CHECK(bench.run_until([&] { return !agent->incarnation(); }, bench.ttl));
}

TEST_CASE("an identity that cannot be read is an error that says what is missing") {
    CHECK(cluster::identity_from("{").error().code == ErrorCode::corrupt);
    CHECK(cluster::identity_from("[]").error().message == "member is missing");
    CHECK(cluster::identity_from(R"({"member":"a","machine":1,"boot":"b"})").error().message == "machine is missing");
}
