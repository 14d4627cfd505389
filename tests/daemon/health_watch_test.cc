#include "daemon/health_watch.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace ballast::daemon;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

service::Ended ended(int code, const std::string& output) {
    service::Ended end;
    end.in_time = true;
    end.exit_code = code;
    end.output = output;
    return end;
}

std::string report(const std::vector<HealthProblem>& problems) {
    health::Report made;
    made.problems = problems;
    return health::to_json(made);
}

// Two hosts, one of them this machine; commands answer what the test wants and are counted.
struct Lab {
    asio::io_context io{1};
    test::VirtualClock clock;
    config::DaemonOptions options;
    std::map<std::string, Result<service::Ended>> answers;  // by program
    std::map<std::string, int> runs;
    std::map<std::string, Duration> takes;
    std::map<std::string, std::vector<HealthProblem>> problems;  // by host, as told last
    std::vector<std::string> unread;
    std::map<std::string, int> reports;  // by host
    int changes = 0;
    bool answering = true;
    std::optional<HealthWatch> watch;

    Lab() {
        options.health.interval = 10s;
        options.health.clear_after = 2;
        options.health.probe.clear();
        for (const auto& [name, uri] : {std::pair{"h1", "qemu:///system"}, {"h2", "qemu+tcp://h2/system"}}) {
            config::HostOptions host;
            host.id = {name};
            host.uri = uri;
            options.hosts.push_back(host);
        }
    }

    void check(const std::string& name, std::vector<HostId> hosts = {}, unsigned after = 1) {
        options.health.checks.push_back({name, {"/" + name, "{host}"}, std::move(hosts), 5s, after});
        answers.emplace("/" + name, ended(0, ""));
    }

    void begin() {
        HealthListener listener;
        listener.changed = [this](const HostId& host, const std::vector<HealthProblem>& now) {
            problems[host.value] = now;
            ++changes;
        };
        listener.unread = [this](const HostId& host, const std::string& why) {
            unread.push_back(host.value + ": " + why);
        };
        listener.reported = [this](const HostId& host, const health::Report&) { ++reports[host.value]; };
        listener.answers = [this](const HostId&) { return answering; };
        watch.emplace(
            io.get_executor(), clock, [this](service::Command command) { return run(std::move(command)); }, options,
            std::move(listener));
        watch->start();
        clock.run_for(io, 0s);
    }

    asio::awaitable<Result<service::Ended>> run(service::Command command) {
        ++runs[command.program];
        co_await clock.sleep_for(takes[command.program]);
        co_return answers.at(command.program);
    }

    bool has(const std::string& host, HealthSource source) {
        const auto& list = problems[host];
        return std::any_of(list.begin(), list.end(), [&](const HealthProblem& one) { return one.source == source; });
    }
};

}  // namespace

TEST_CASE("A check that calls a host unwell is told with the next look, and its end after as many as it takes") {
    Lab lab;
    lab.check("ups", {{"h1"}});
    lab.begin();
    CHECK(lab.runs["/ups"] == 1);
    CHECK(lab.changes == 0);
    lab.answers.at("/ups") = ended(1, "on battery\n");
    lab.clock.run_for(lab.io, 10s);
    CHECK(lab.problems["h1"] == std::vector<HealthProblem>{{HealthSource::check, "ups", "ups: on battery"}});
    CHECK(lab.problems["h2"].empty());
    lab.answers.at("/ups") = ended(0, "");
    lab.clock.run_for(lab.io, 10s);
    CHECK(lab.has("h1", HealthSource::check));
    lab.clock.run_for(lab.io, 10s);
    CHECK(lab.problems["h1"].empty());
    CHECK(lab.changes == 2);
}

TEST_CASE("A check may have to say so several times in a row") {
    Lab lab;
    lab.check("ups", {{"h1"}}, 3);
    lab.answers.at("/ups") = ended(1, "");
    lab.begin();
    lab.clock.run_for(lab.io, 10s);
    CHECK(lab.problems["h1"].empty());
    lab.clock.run_for(lab.io, 10s);
    CHECK(lab.has("h1", HealthSource::check));
}

TEST_CASE("A check that cannot be run, is killed or ends by a signal is unread, and calls nobody unwell") {
    service::Ended late = ended(0, ""), killed = ended(0, "");
    late.in_time = false;
    killed.exit_code.reset();
    for (const Result<service::Ended>& broken :
         {Result<service::Ended>(Error{ErrorCode::unavailable, "/ups", "cannot be started"}),
          Result<service::Ended>(late), Result<service::Ended>(killed)}) {
        Lab lab;
        lab.check("ups", {{"h1"}});
        lab.answers.at("/ups") = broken;
        lab.begin();
        CHECK(lab.problems["h1"].empty());  // once may be chance
        lab.clock.run_for(lab.io, 10s);
        REQUIRE(lab.problems["h1"].size() == 1);
        CHECK(lab.problems["h1"][0].source == HealthSource::unread);
        CHECK(lab.problems["h1"][0].subject == "check ups");
        lab.answers.at("/ups") = ended(0, "");
        lab.clock.run_for(lab.io, 20s);
        CHECK(lab.problems["h1"].empty());
    }
}

TEST_CASE("What was seen stays while nobody can look") {
    Lab lab;
    lab.check("ups", {{"h1"}});
    lab.answers.at("/ups") = ended(1, "on battery");
    lab.begin();
    REQUIRE(lab.has("h1", HealthSource::check));
    lab.answers.at("/ups") = Error{ErrorCode::unavailable, "/ups", "cannot be started"};
    lab.clock.run_for(lab.io, 10min);
    CHECK(lab.has("h1", HealthSource::check));
    CHECK(lab.has("h1", HealthSource::unread));
}

TEST_CASE("A slow look delays no other, and never runs twice at once") {
    Lab lab;
    lab.check("slow", {{"h1"}});
    lab.check("ups", {{"h1"}});
    lab.takes["/slow"] = 60s;
    lab.begin();
    lab.clock.run_for(lab.io, 65s);
    CHECK(lab.runs["/ups"] == 7);
    CHECK(lab.runs["/slow"] == 2);
}

TEST_CASE("Looks at several hosts are spread over the interval") {
    Lab lab;
    lab.check("ups");
    lab.begin();
    CHECK(lab.runs["/ups"] == 1);
    lab.clock.run_for(lab.io, 4s);
    CHECK(lab.runs["/ups"] == 1);
    lab.clock.run_for(lab.io, 1s);
    CHECK(lab.runs["/ups"] == 2);
    lab.clock.run_for(lab.io, 5s);
    CHECK(lab.runs["/ups"] == 3);
}

TEST_CASE("A host that does not answer is not looked at, and is looked at again when it does") {
    Lab lab;
    lab.check("ups", {{"h1"}});
    lab.answering = false;
    lab.begin();
    lab.clock.run_for(lab.io, 60s);
    CHECK(lab.runs["/ups"] == 0);
    lab.answering = true;
    lab.clock.run_for(lab.io, 10s);
    CHECK(lab.runs["/ups"] == 1);
}

TEST_CASE("The probe's report is taken: at once what destroys data, the second time what may be over in a moment") {
    Lab lab;
    lab.options.health.probe = {"probe"};
    const HealthProblem memory{HealthSource::memory_uncorrected, "mc0", "bad"};
    const HealthProblem link{HealthSource::link, "eth0", "slow"};
    lab.answers.emplace("probe", ended(0, report({link, memory})));
    lab.begin();
    CHECK(lab.problems["h1"] == std::vector{memory});
    lab.clock.run_for(lab.io, 10s);
    CHECK(lab.problems["h1"] == std::vector{memory, link});
    CHECK(lab.problems["h2"].empty());  // nothing can look at it
}

TEST_CASE("A probe that fails or prints nonsense is unread, with the reason") {
    for (const auto& [answer, words] : {std::pair{ended(127, ""), "exit status 127; is Ballast installed there?"},
                                        {ended(0, "Last login: today"), "no JSON"},
                                        {ended(0, "{\"format\": 99}"), "another format"}}) {
        Lab lab;
        lab.options.health.probe = {"probe"};
        lab.answers.emplace("probe", answer);
        lab.begin();
        lab.clock.run_for(lab.io, 10s);
        REQUIRE(lab.has("h1", HealthSource::unread));
        CHECK_THAT(lab.problems["h1"][0].text, Catch::Contains(words));
    }
}

TEST_CASE("Disks are asked now and then, and what could not be read is told once") {
    Lab lab;
    lab.options.health.probe = {"probe"};
    health::Report made;
    made.cannot_read(HealthSource::disk, "only root may ask disks");
    lab.answers.emplace("probe", ended(0, health::to_json(made)));
    lab.begin();
    CHECK(lab.runs["probe"] == 2);
    lab.clock.run_for(lab.io, 10min);
    CHECK(lab.runs["probe"] == 2 + 60 + 2);
    CHECK(lab.unread == std::vector<std::string>{"h1: only root may ask disks"});
    CHECK(lab.changes == 0);
}

TEST_CASE("A disk that hangs is told as unread while it does, and one that failed before stays a problem") {
    Lab lab;
    lab.options.health.probe = {"probe"};
    const HealthProblem fails{HealthSource::disk, "sda", "fails"};
    lab.answers.emplace("probe", ended(0, report({fails})));
    lab.begin();
    CHECK(lab.problems["h1"] == std::vector{fails});
    health::Report hung;
    hung.did_not_answer(HealthSource::disk, "sda", "SMART of sda was not read: no answer within 5 s");
    lab.answers.at("probe") = ended(0, health::to_json(hung));
    lab.clock.run_for(lab.io, 30min);
    REQUIRE(lab.has("h1", HealthSource::unread));
    CHECK(lab.has("h1", HealthSource::disk));
    CHECK_THAT(lab.problems["h1"].back().text, Catch::Contains("no answer within 5 s"));
    lab.answers.at("probe") = ended(0, report({}));
    lab.clock.run_for(lab.io, 30min);
    CHECK(lab.problems["h1"].empty());
}

TEST_CASE("A libvirt that fails three times within ten minutes is a problem, one that stays away is none") {
    Lab lab;
    lab.begin();
    const auto asked = [&](bool answered) {
        lab.watch->libvirt_asked({"h2"}, answered);
        lab.clock.run_for(lab.io, 30s);
    };
    for (int i = 0; i < 20; ++i) asked(false);
    CHECK(lab.problems["h2"].empty());
    asked(true);
    asked(false), asked(true);
    asked(false), asked(true);
    CHECK(lab.problems["h2"].empty());  // the first fault is long ago
    asked(false), asked(true);
    CHECK(lab.has("h2", HealthSource::libvirt));
    for (int i = 0; i < 21; ++i) asked(true);
    CHECK(lab.problems["h2"].empty());
    lab.watch->libvirt_asked({"nobody"}, false);
}
