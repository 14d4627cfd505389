// What a member finds out about its host and what the leader makes of it, on one store.
#include <algorithm>
#include <catch2/catch.hpp>

#include "cluster/keys.h"
#include "daemon/cluster_findings.h"
#include "daemon/own_findings.h"
#include "tests/support/fake_power.h"
#include "tests/support/virtual_clock.h"
#include "tests/support/watched_store.h"

using namespace ballast;
using namespace ballast::daemon;
using namespace std::chrono_literals;

namespace {

const HostId own{"h2"};

/// The member of h2, which runs a check, and a leader.
struct FindingsLab {
    FindingsLab() {
        for (const char* name : {"h1", "h2"}) {
            config::HostOptions host;
            host.id = {name};
            host.uri = name == own.value ? "qemu:///system" : "qemu+tls://h1/system";
            options.hosts.push_back(host);
        }
        options.health.probe.clear();
        options.health.clear_after = 2;
        options.health.checks.push_back({"fan", {"/fan", "{host}"}, {}, 5s, 2});
        put(cluster::agent_key(own));
    }
    void put(const std::string& key, const std::string& value = "") {
        Transaction transaction;
        transaction.changes.push_back({Change::Kind::put, key, value, 0});
        wait(store.commit(std::move(transaction)));
    }
    template <class T>
    T wait(boost::asio::awaitable<T> work) {
        std::optional<T> result;
        boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr, T value) { result = std::move(value); });
        clock.run_for(io, 1ms);
        return *result;
    }

    void begin_member() {
        member.emplace(
            io.get_executor(), clock, store, [this](service::Command command) { return run(std::move(command)); },
            broker, options, own, "boot-1",
            [this] { return std::optional(store.entries.at(cluster::agent_key(own)).create_revision); });
        member->start();
    }
    void begin_leader() {
        FindingsListener listener;
        listener.changed = [this](const HostId& host, const std::vector<HealthProblem>& now) { problems[host] = now; };
        listener.reported = [this](const HostId& host, const health::Report& report) { boots[host] = report.boot_id; };
        listener.differ = [this](const std::vector<HostId>& hosts) { differ = hosts; };
        listener.answers = [this](const HostId& host) { return host == own && answers; };
        leader.emplace(io.get_executor(), clock, store, std::vector<HostId>{{"h1"}, own}, HostId{"h1"},
                       std::move(listener));
        leader->start();
    }
    boost::asio::awaitable<Result<service::Ended>> run(service::Command command) {
        CHECK(command.arguments == std::vector<std::string>{own.value});  // of its own host only
        service::Ended ended;
        ended.in_time = true;
        ended.exit_code = fails ? 1 : 0;
        ended.output = "the fan stands still";
        co_return ended;
    }
    void pass(Duration time) { clock.run_for(io, time); }
    bool has(HealthSource source) {
        return std::any_of(problems[own].begin(), problems[own].end(),
                           [&](const HealthProblem& problem) { return problem.source == source; });
    }

    boost::asio::io_context io{1};
    test::VirtualClock clock;
    test::WatchedStore store;
    test::FakePower broker{clock};
    config::DaemonOptions options;
    bool fails = false, answers = true;
    std::optional<OwnFindings> member;
    std::optional<ClusterFindings> leader;
    std::map<HostId, std::vector<HealthProblem>> problems;
    std::map<HostId, std::string> boots;
    std::vector<HostId> differ;
};

}  // namespace

TEST_CASE("a check that fails on a follower's host is a problem of that host for the leader, until it is well again") {
    FindingsLab lab;
    lab.begin_member();
    lab.begin_leader();
    lab.pass(1min);
    CHECK(lab.problems[own].empty());
    lab.fails = true;
    lab.pass(35s);
    REQUIRE(lab.problems[own].size() == 1);
    CHECK(lab.problems[own][0] == HealthProblem{HealthSource::check, "fan", "fan: the fan stands still"});
    CHECK(lab.problems[HostId{"h1"}].empty());
    lab.fails = false;
    lab.pass(1min);
    CHECK(lab.problems[own].empty());
    CHECK(lab.boots[own] == "boot-1");
}

TEST_CASE("a member that was restarted does not take its host for well before it has looked often enough") {
    FindingsLab lab;
    lab.fails = true;
    lab.begin_member();
    lab.begin_leader();
    lab.pass(1min);
    REQUIRE(lab.has(HealthSource::check));
    FindingsLab next;
    static_cast<test::MemoryStore&>(next.store) = lab.store;
    next.begin_leader();
    next.pass(1s);
    CHECK(next.has(HealthSource::check));
    next.begin_member();
    SECTION("it is as before") {
        next.fails = true;
        for (int i = 0; i < 60; ++i) {
            next.pass(1s);
            CHECK(next.has(HealthSource::check));
        }
    }
    SECTION("it is well by now") {
        next.pass(20s);
        CHECK(next.has(HealthSource::check));
        next.pass(40s);
        CHECK_FALSE(next.has(HealthSource::check));
    }
}

TEST_CASE("a member that says nothing although its host answers is told, and one whose host is silent is not") {
    FindingsLab lab;
    lab.begin_leader();
    lab.answers = false;
    lab.pass(10min);
    CHECK_FALSE(lab.has(HealthSource::unread));
    lab.answers = true;
    lab.pass(80s);
    CHECK_FALSE(lab.has(HealthSource::unread));
    lab.pass(30s);
    CHECK(lab.has(HealthSource::unread));
    lab.begin_member();
    lab.pass(30s);
    CHECK_FALSE(lab.has(HealthSource::unread));
}

TEST_CASE("what the leader sees itself counts beside what the member tells") {
    FindingsLab lab;
    lab.fails = true;
    lab.begin_member();
    lab.begin_leader();
    lab.pass(1min);
    lab.leader->seen_here(own, {{HealthSource::libvirt, "libvirt", "its libvirt failed"}});
    CHECK((lab.has(HealthSource::check) && lab.has(HealthSource::libvirt)));
    lab.leader->seen_here(own, {});
    CHECK((lab.has(HealthSource::check) && !lab.has(HealthSource::libvirt)));
}

TEST_CASE("findings of another version, or of a hostile hand, are read as far as they make sense") {
    CHECK(findings_from({}).problems.empty());
    CHECK(findings_from({{"problems", 7}, {"report", "x"}, {"time_s", "now"}}).problems.empty());
    boost::json::array many;
    for (int i = 0; i < 1000; ++i)
        many.push_back(boost::json::object{{"source", "check"}, {"subject", "a\nb"}, {"text", std::string(5000, 'x')}});
    many.push_back(boost::json::object{{"source", "of tomorrow"}});
    many.push_back("text");
    const auto read = findings_from({{"problems", many}});
    CHECK(read.problems.size() == 300);
    CHECK(read.problems[0].text.size() <= 200);
    CHECK(read.problems[0].subject.find('\n') == std::string::npos);
    Findings findings;
    findings.problems = {{HealthSource::disk, "sda", "sda says that it fails"}};
    findings.report.energy = {{"package-0", 123, 456}};
    findings.report.uptime_s = 12.5;
    findings.report.boot_id = "b";
    findings.time_s = 1790000000.25;
    const auto again = findings_from(to_json(findings));
    CHECK(again.problems == findings.problems);
    CHECK((again.report.energy == findings.report.energy && again.report.boot_id == "b" &&
           again.time_s == findings.time_s));
}

TEST_CASE("a clock that is wrong is told when the findings prove it, and not when they are merely late") {
    FindingsLab lab;
    lab.begin_leader();
    lab.pass(1s);
    const auto tell = [&](double ahead_s) {
        Findings findings;
        findings.time_s = std::chrono::duration<double>(lab.clock.wall_now().time_since_epoch()).count() + ahead_s;
        lab.put(cluster::findings_key(own), boost::json::serialize(to_json(findings)));
        lab.pass(30s);
    };
    tell(-5);
    tell(-0.01);
    tell(-4);
    tell(-5);
    CHECK_FALSE(lab.has(HealthSource::clock));
    tell(-6);
    CHECK(lab.has(HealthSource::clock));
    tell(-0.01);
    CHECK_FALSE(lab.has(HealthSource::clock));
    tell(3);
    REQUIRE(lab.has(HealthSource::clock));
    CHECK(lab.problems[own][0].text == "its clock is 3 s ahead of the leader's");
    tell(-0.01);
    CHECK_FALSE(lab.has(HealthSource::clock));
}

TEST_CASE("the leader knows what the brokers of members know whose hosts answer") {
    FindingsLab lab;
    lab.broker.add_host("h1");
    lab.begin_member();
    lab.begin_leader();
    lab.pass(1s);
    REQUIRE(lab.leader->brokers().size() == 1);
    CHECK(lab.leader->brokers()[0].member == own);
    CHECK(lab.leader->brokers()[0].hosts == std::vector{lab.broker.hosts_by_id.at({"h1"}).can});
    lab.answers = false;
    CHECK(lab.leader->brokers().empty());
    lab.answers = true;
    lab.broker.broker_error = Error{ErrorCode::unavailable, "power broker", "is gone"};
    lab.pass(1min);
    CHECK(lab.leader->brokers().empty());
}

TEST_CASE("members that have another configuration than the leader are named until they have the same") {
    FindingsLab lab;
    lab.begin_leader();
    const auto tell = [&](const HostId& host, const std::string& configuration) {
        Findings findings;
        findings.configuration = configuration;
        lab.put(cluster::findings_key(host), boost::json::serialize(to_json(findings)));
        lab.pass(1s);
    };
    lab.pass(1s);
    tell(own, "old");
    CHECK(lab.differ.empty());  // nothing is known of the leader's
    tell({"h1"}, "new");
    CHECK(lab.differ == std::vector{own});
    tell(own, "new");
    CHECK(lab.differ.empty());
    tell({"h1"}, "newer");
    CHECK(lab.differ == std::vector{own});
    tell(own, "");  // of an older version
    CHECK(lab.differ.empty());
}

TEST_CASE("a member tells which configuration is in force there, and which version it is") {
    FindingsLab lab;
    lab.begin_member();
    lab.member->configured("abc");
    lab.pass(1s);
    const auto told = [&] {
        const auto value = boost::json::parse(lab.store.entries.at(cluster::findings_key(own)).value);
        return findings_from(value.as_object());
    };
    CHECK(told().configuration == "abc");
    CHECK(told().version == BALLAST_VERSION);
    lab.member->configured("def");
    lab.pass(1s);
    CHECK(told().configuration == "def");
}
