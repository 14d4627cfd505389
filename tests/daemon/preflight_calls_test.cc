// Preflight with a daemon on each host: the leader judges what all of them see of themselves.
#include "daemon/preflight_calls.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "cluster/keys.h"
#include "daemon/preflight_wire.h"
#include "tests/daemon/preflight_cluster.h"
#include "tests/support/virtual_clock.h"
#include "tests/support/watched_store.h"

using namespace ballast;
using namespace ballast::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace json = boost::json;

namespace {

/// Three members, each with sources that reach its own host only, and a leader without any of its own.
struct CallsBench {
    struct Member {
        Member(CallsBench& bench, const std::string& name)
            : host{name},
              agent(clock, bench.sources_of(*this), host),
              callee(
                  bench.io.get_executor(), bench.clock, bench.store, host,
                  [this] { return std::optional<Revision>(1); },
                  [this](cluster::Call call, cluster::Claim) { return agent.handle(std::move(call)); }) {}
        HostId host;
        VirtualClock clock;  // its wall clock, that is
        std::string script;
        std::size_t guests = 0;
        std::vector<std::string> reached;
        PreflightAgent agent;
        cluster::Callee callee;
    };

    CallsBench() {
        Transaction leader;
        leader.changes.push_back({Change::Kind::put, cluster::leader_key, "h1", 0});
        const Revision term = wait(store.commit(std::move(leader)))->revision;
        for (const char* name : {"host1", "host2", "host3"}) {
            members.push_back(std::make_unique<Member>(*this, name));
            asio::co_spawn(io, members.back()->callee.run(), asio::detached);
            hypervisor::LinkOptions link;
            link.id = {name};
            link.uri = members.size() == 1 ? "qemu:///system" : std::string("qemu+tls://") + name + "/system";
            link.peer_uri = std::string("qemu+tls://") + name + "/system";
            links.push_back(link);
        }
        caller.emplace(io.get_executor(), clock, store, term);
        REQUIRE(wait(caller->start()).has_value());
        preflight.emplace(io.get_executor(), links, "/var/lib/ballast",
                          sources_through(*caller, clock, [this](const HostId& host) { return host != away; }));
    }

    Sources sources_of(Member& member) {
        Sources own;
        own.facts = [&](HostId host, Duration) { return facts(member, std::move(host)); };
        own.compare_cpus = [](HostId, std::vector<hypervisor::CpuQuestion> questions, Duration) {
            return compare(questions.size());
        };
        own.common_cpu = [](HostId, std::string, std::vector<std::string> cpus, Duration) {
            return common(cpus.size());
        };
        own.identity_at = [&](HostId from, std::string uri, Duration) {
            CHECK(from == member.host);
            member.reached.push_back(uri);
            return identity(uri);
        };
        own.run = [&](service::Command command) { return run(member, std::move(command)); };
        return own;
    }
    static Sources::Task<hypervisor::PreflightFacts> facts(Member& member, HostId host) {
        CHECK(host == member.host);
        auto facts = preflight_facts(host.value);
        for (std::size_t i = 0; i < member.guests; ++i) {
            facts.guests.push_back(preflight_guest("more-" + host.value + std::to_string(i)));
            facts.guests.back().cpu_xml = std::string(10'000, 'x');
        }
        co_return facts;
    }
    static Sources::Task<std::vector<CpuAnswer>> compare(std::size_t questions) {
        co_return std::vector<CpuAnswer>(questions, CpuAnswer::runs);
    }
    static Sources::Task<std::string> common(std::size_t cpus) { co_return "<cpu of " + std::to_string(cpus) + ">"; }
    static Sources::Task<hypervisor::PeerIdentity> identity(std::string uri) {
        co_return hypervisor::PeerIdentity{uri.substr(uri.find("//") + 2, 5) + ".example.org", ""};
    }
    static Sources::Task<service::Ended> run(Member& member, service::Command command) {
        CHECK(command.program == "sh");
        member.script = command.input;
        service::Ended ended;
        ended.begun_s = ended.heard_s = seconds(member.clock);
        ended.output = "time\t" + std::to_string(ended.begun_s) + "\nuser\t1000\tballast\nend\n";
        co_return ended;
    }
    static double seconds(const Clock& of) {
        return std::chrono::duration<double>(of.wall_now().time_since_epoch()).count();
    }

    template <class T>
    T wait(asio::awaitable<T> work) {
        std::optional<T> result;
        asio::co_spawn(io, std::move(work), [&](std::exception_ptr bug, T value) {
            BALLAST_ASSERT(!bug);
            result = std::move(value);
        });
        for (const Instant end = clock.now() + 2min; !result && clock.now() < end;) {
            clock.run_for(io, 100ms);
        }
        REQUIRE(result.has_value());
        return *result;
    }
    json::object report() {
        const auto told = wait(preflight->report(std::nullopt));
        REQUIRE(told.has_value());
        return told->as_object();
    }

    asio::io_context io{1};
    VirtualClock clock;
    WatchedStore store;
    std::vector<std::unique_ptr<Member>> members;
    std::vector<hypervisor::LinkOptions> links;
    HostId away;
    std::optional<cluster::Caller> caller;
    std::optional<Preflight> preflight;
};

json::object check_of(const json::object& report, const std::string& host, const std::string& id) {
    for (const json::value& check : report.at("checks").as_array())
        if (check.at("host") == json::string(host) && check.at("check") == json::string(id)) return check.as_object();
    return {};
}

}  // namespace

TEST_CASE("Each member looks at its own host, and the leader has what all of them saw") {
    CallsBench bench;
    const json::object report = bench.report();
    CHECK(report.at("checks").as_array().size() == 3 * all_checks().size());
    for (const auto& member : bench.members) {
        const std::string host = member->host.value;
        INFO(host);
        for (const char* id : {"reachable", "kvm", "cpu_model", "shared_storage"})
            CHECK(check_of(report, host, id).at("status") == "ok");
        CHECK(member->reached.size() == 2);
        CHECK(member->script.find("folder '/var/lib/ballast'") != std::string::npos);
        CHECK(member->script.find("\npeer '") == std::string::npos);  // each daemon connects itself
    }
}

TEST_CASE("The clocks of members are compared with the leader's") {
    CallsBench bench;
    bench.members[1]->clock.step_wall_clock(5min);
    const json::object report = bench.report();
    CHECK(check_of(report, "host2", "clock").at("status") == "problem");
    CHECK(check_of(report, "host3", "clock").at("status") == "ok");
}

TEST_CASE("A host whose agent is not there is a problem of its own and delays nobody") {
    CallsBench bench;
    bench.away = {"host2"};
    const Instant begun = bench.clock.now();
    const json::object report = bench.report();
    CHECK(bench.clock.now() - begun < 5s);
    CHECK(check_of(report, "host2", "reachable").at("status") == "problem");
    CHECK(check_of(report, "host3", "reachable").at("status") == "ok");
}

TEST_CASE("More guests than the store can tell of are told as such") {
    CallsBench bench;
    bench.members[2]->guests = 200;
    const json::object report = bench.report();
    CHECK(check_of(report, "host3", "reachable").at("status") == "problem");
    CHECK(std::string(check_of(report, "host3", "reachable").at("finding").as_string()).find("too many guests") !=
          std::string::npos);
    CHECK(check_of(report, "host1", "reachable").at("status") == "ok");
}

TEST_CASE("What preflight finds comes through the store as it was") {
    const auto facts = preflight_facts("host1");
    const json::value text = interchange::to_json(facts);
    const auto read = cluster::read_as<hypervisor::PreflightFacts>(text);
    REQUIRE(read.has_value());
    CHECK(interchange::to_json(*read) == text);
    CHECK((read->pools[0].volumes == facts.pools[0].volumes && read->cpu_xmls == facts.cpu_xmls));
    CHECK(read->guests[0].facts == facts.guests[0].facts);
    for (const CpuAnswer answer : {CpuAnswer::runs, CpuAnswer::does_not_run, CpuAnswer::unknown})
        CHECK(*cluster::read_as<CpuAnswer>(interchange::to_json(answer)) == answer);
}
