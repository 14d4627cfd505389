#include "daemon/cluster_member.h"

#include <catch2/catch.hpp>

#include "cluster/keys.h"
#include "config/uri.h"
#include "daemon/findings_json.h"
#include "daemon/startup.h"
#include "power/client.h"
#include "tests/sim/show_result.h"
#include "tests/store/store_fixture.h"
#include "tests/support/fake_hypervisor.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_clock.h"

using namespace ballast;

namespace {

config::DaemonOptions three_hosts() {
    config::DaemonOptions options;
    for (const char* name : {"h1", "h2", "h3"}) {
        config::HostOptions host;
        host.id = {name};
        host.uri = std::string("qemu+tls://") + name + "/system";
        options.hosts.push_back(host);
    }
    options.hosts[1].peer_uri = "qemu+tls://h2.fast/system";
    options.hosts[2].uri = "qemu:///system";
    options.hosts[2].peer_uri = "qemu+ssh://h3/system";
    return options;
}

}  // namespace

TEST_CASE("a member is the agent of the host that is called as its machine") {
    CHECK(daemon::own_host(three_hosts(), "h2") == HostId{"h2"});
    CHECK_FALSE(daemon::own_host(three_hosts(), "h4"));
}

TEST_CASE(
    "with one file on all hosts each member reaches its own by the local libvirt and the others by their address") {
    for (const char* own : {"h1", "h2", "h3"}) {
        const auto seen = daemon::seen_from(three_hosts(), {own});
        for (const config::HostOptions& host : seen.hosts) CHECK(config::is_local(host.uri) == (host.id.value == own));
        CHECK(*seen.hosts[0].peer_uri == "qemu+tls://h1/system");
        CHECK(*seen.hosts[1].peer_uri == "qemu+tls://h2.fast/system");
        CHECK(*seen.hosts[2].peer_uri == "qemu+ssh://h3/system");
    }
    CHECK(daemon::seen_from(three_hosts(), {"h1"}).hosts[1].uri == "qemu+tls://h2.fast/system");
    CHECK(daemon::seen_from(three_hosts(), {"h1"}).hosts[2].uri == "qemu+ssh://h3/system");
}

TEST_CASE("of each member it is told what it registered as, also of those that no host is configured for") {
    const auto entry = [](const char* host, const std::string& value) {
        KeyValue agent;
        agent.key = cluster::agent_key({host});
        agent.value = value;
        agent.create_revision = 7;
        return agent;
    };
    const cluster::AgentIdentity fine{"h1", "m", "b", "0.1.0", cluster::own_protocols, WallTime(std::chrono::hours(1))};
    const cluster::AgentIdentity newer{"h2", "m", "b", "9.9", {1000, 1001}, WallTime()};
    KeyValue leader;
    leader.value = "h1";
    leader.create_revision = 42;
    const auto told = daemon::describe_cluster(
        {"h2"}, {{"h1"}, {"h2"}, {"h3"}}, leader,
        {entry("h1", cluster::to_text(fine)), entry("h2", cluster::to_text(newer)), entry("h9", "{")}, {});
    CHECK(told.at("leader") == "h1");
    CHECK(told.at("term") == 42);
    const auto& members = told.at("members").as_array();
    REQUIRE(members.size() == 4);
    CHECK(members[0].at("version") == "0.1.0");
    CHECK(members[0].at("since") == "1970-01-01T01:00:00Z");
    CHECK(members[0].at("boot") == "b");
    CHECK_FALSE(members[0].as_object().contains("problem"));
    CHECK(members[1].at("problem").as_string().find("speaks protocol 1000 to 1001") != std::string::npos);
    CHECK(members[1].at("since").is_null());
    CHECK(members[2].at("registered") == false);
    CHECK(members[2].at("incarnation").is_null());
    CHECK(members[3].at("host") == "h9");
    CHECK(members[3].at("configured") == false);
    CHECK(members[3].at("problem").as_string().starts_with("its registration cannot be read"));
    CHECK(daemon::describe_cluster({"h2"}, {{"h1"}}, std::nullopt, {}, {}).at("leader").is_null());
}

TEST_CASE("the cluster's status names members whose configuration is not the leader's") {
    const auto entry = [](const std::string& key, const std::string& configuration) {
        daemon::Findings findings;
        findings.configuration = configuration;
        findings.version = "1.2";
        return KeyValue{key, boost::json::serialize(to_json(findings)), 7, 7, 1, 0};
    };
    const std::vector<HostId> hosts{{"h1"}, {"h2"}, {"h3"}, {"h4"}};
    const std::vector<KeyValue> agents{{cluster::agent_key({"h1"}), "", 5, 6, 1, 0}};
    const std::vector<KeyValue> findings{entry(cluster::findings_key({"h1"}), "a"),
                                         entry(cluster::findings_key({"h2"}), "a"),
                                         entry(cluster::findings_key({"h3"}), "b"),
                                         {cluster::findings_key({"h4"}), "no JSON", 7, 7, 1, 0}};
    KeyValue leader;
    leader.value = "h1";
    const auto told = daemon::describe_cluster({"h1"}, hosts, leader, agents, findings);
    const auto& rows = told.at("members").as_array();
    CHECK(rows[0].at("registered") == true);
    CHECK(rows[0].at("incarnation") == 5);
    CHECK(rows[0].at("configuration_is_leaders") == true);
    CHECK(rows[1].at("registered") == false);
    CHECK(rows[1].at("configuration_is_leaders") == true);
    CHECK(rows[2].at("configuration_is_leaders") == false);
    CHECK(rows[3].at("configuration_is_leaders").is_null());
    const auto nobody_leads = daemon::describe_cluster({"h1"}, hosts, std::nullopt, agents, findings);
    for (const auto& row : nobody_leads.at("members").as_array()) CHECK(row.at("configuration_is_leaders").is_null());
}

TEST_CASE("members with one file have one digest, and another host, check or policy is another") {
    const auto digest = [](const config::DaemonOptions& options, const policy::Options& policy = {}) {
        return daemon::digest_of({options, policy});
    };
    const auto seen = [](config::DaemonOptions options, const char* own) {
        return daemon::seen_from(std::move(options), {own});
    };
    const std::string one = digest(seen(three_hosts(), "h1"));
    CHECK(digest(seen(three_hosts(), "h2")) == one);
    auto elsewhere = three_hosts();
    elsewhere.metrics_listen = "192.0.2.1:9477";
    CHECK(digest(seen(elsewhere, "h3")) == one);
    auto fewer = three_hosts();
    fewer.hosts.pop_back();
    CHECK(digest(seen(fewer, "h1")) != one);
    auto checks = three_hosts();
    checks.health.checks.push_back({"fan", {"/fan"}, {}, {}, 1});
    CHECK(digest(seen(checks, "h1")) != one);
    policy::Options policy;
    policy.mode = policy::Mode::automatic;
    CHECK(digest(seen(three_hosts(), "h1"), policy) != one);
}

TEST_CASE("who may not even look at a member that does not lead puts nothing into the store") {
    boost::asio::io_context io;
    test::VirtualClock clock;
    test::TemporaryDirectory directory;
    test::MemoryStore store;
    test::FakeHypervisor hypervisor{clock};
    power::Client broker("no-broker.sock");
    auto options = three_hosts();
    for (const config::HostOptions& host : options.hosts) hypervisor.add_host(host.id.value);
    options.socket = directory / "ballast.sock";
    store.entries[cluster::leader_key] = {cluster::leader_key, R"({"host":"h1"})", 1, 1, 1, 1};
    const auto lead = [](daemon::LeaderParts) { return daemon::Leading(); };
    daemon::ClusterMember member(io.get_executor(), clock, store, hypervisor, broker, options, HostId{"h3"}, lead,
                                 [] {});
    REQUIRE(member.start());
    clock.run_for(io, std::chrono::seconds{1});
    const auto before = store.entries.size();
    const auto ask = [&](daemon::Role role) {
        daemon::Caller caller;
        caller.role = role;
        std::optional<daemon::Reply> reply;
        auto asking = member.answerer()("POST", "/v1/pause", "{}", caller);
        boost::asio::co_spawn(io, std::move(asking), [&](std::exception_ptr, daemon::Reply told) { reply = told; });
        clock.run_for(io, std::chrono::milliseconds{10});
        return reply ? reply->status : 0;
    };
    CHECK(ask(daemon::Role::none) == 403);
    CHECK(store.entries.size() == before);
    CHECK(ask(daemon::Role::admin) == 0);  // it waits for the leader
    CHECK(store.entries.size() == before + 1);
}
