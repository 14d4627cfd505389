#include "daemon/health_commands.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

using namespace ballast;
using namespace ballast::daemon;
using Words = std::vector<std::string>;

namespace {

config::HostOptions host(const std::string& uri) {
    config::HostOptions options;
    options.id = {"h1"};
    options.uri = uri;
    return options;
}

bool has(const Words& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

service::Ended ended(int code, const std::string& output) {
    service::Ended end;
    end.in_time = true;
    end.exit_code = code;
    end.output = output;
    return end;
}

}  // namespace

TEST_CASE("The daemon's own host is probed here, those behind ssh there, others as configured or not at all") {
    config::HealthWatchOptions options;
    const auto own = probe_command(options, host("qemu:///system"), false);
    REQUIRE(own);
    CHECK(own->program == "ballast-health");
    CHECK(own->arguments.empty());
    CHECK(own->deadline == options.deadline);
    CHECK(probe_command(options, host("qemu:///system"), true)->arguments == Words{"--smart"});

    const auto remote = probe_command(options, host("qemu+ssh://root@h1:2222/system"), true);
    REQUIRE(remote);
    CHECK(remote->program == "ssh");
    CHECK(has(remote->arguments, "BatchMode=yes"));
    const Words last(remote->arguments.end() - 4, remote->arguments.end());
    CHECK(last == Words{"--", "h1", "'ballast-health'", "'--smart'"});

    for (const char* uri : {"qemu+tcp://h1/system", "qemu+tls://h1/system", "qemu://h1/system",
                            "qemu+unix:///system?socket=/run/x", "qemu+ssh://-oProxyCommand=x/system"})
        CHECK_FALSE(probe_command(options, host(uri), false));
    options.probe_elsewhere = {"/opt/probe", "--of", "{host}", "{uri}"};
    const auto elsewhere = probe_command(options, host("qemu+tcp://h1/system"), false);
    REQUIRE(elsewhere);
    CHECK(elsewhere->program == "/opt/probe");
    CHECK(elsewhere->arguments == Words{"--of", "h1", "qemu+tcp://h1/system"});
    CHECK(has(elsewhere->environment, "BALLAST_HOST=h1"));
    CHECK_FALSE(probe_command(options, host("qemu+tcp://h1/system"), true));

    options.probe.clear();
    CHECK_FALSE(probe_command(options, host("qemu:///system"), false));
    CHECK_FALSE(probe_command(options, host("qemu+ssh://h1/system"), false));
}

TEST_CASE("No word of a configured probe is a command to the shell over ssh") {
    config::HealthWatchOptions options;
    options.probe = {"ballast-health", "--root", "/it's; rm -rf /"};
    const auto remote = probe_command(options, host("qemu+ssh://h1/system"), false);
    CHECK(remote->arguments.back() == "'/it'\\''s; rm -rf /'");
}

TEST_CASE("A check is told the host in words and in its environment, and nothing that is systemd's") {
    REQUIRE(::setenv("NOTIFY_SOCKET", "/run/x", 1) == 0);
    const config::HealthCheck check{"ups", {"/bin/ups-{host}", "{host}-{host}", "--uri={uri}", "$(reboot)"}};
    const auto command = check_command(check, host("qemu+tcp://h1/system"));
    ::unsetenv("NOTIFY_SOCKET");
    CHECK(command.program == "/bin/ups-{host}");  // not a program of the host's choosing
    CHECK(command.arguments == Words{"h1-h1", "--uri=qemu+tcp://h1/system", "$(reboot)"});
    CHECK(has(command.environment, "BALLAST_HOST=h1"));
    CHECK(has(command.environment, "BALLAST_URI=qemu+tcp://h1/system"));
    CHECK_FALSE(has(command.environment, "NOTIFY_SOCKET=/run/x"));
    CHECK(command.deadline == check.deadline);
}

TEST_CASE("A check says well by 0, and why not by its first line") {
    const config::HealthCheck check{"ups", {"/bin/ups"}};
    CHECK_FALSE(verdict_of(check, ended(0, "all is well\n")));
    for (const int code : {1, 2, 126, 255}) CHECK(verdict_of(check, ended(code, "on battery\nfor 3 min\n")));
    CHECK(*verdict_of(check, ended(1, "\n  on battery\nfor 3 min\n")) ==
          HealthProblem{HealthSource::check, "ups", "ups: on battery"});
    CHECK(verdict_of(check, ended(3, ""))->text == "ups: exit status 3");
    service::Ended refused = ended(255, "");
    refused.complaint = "Warning: added\nroot@h1: Permission denied (publickey).\r\n";
    CHECK(verdict_of(check, refused)->text == "ups: exit status 255, root@h1: Permission denied (publickey).");
    CHECK(verdict_of(check, ended(1, std::string(5000, 'x')))->text.size() < 250);
    CHECK(verdict_of(check, ended(1, "\x1b[2J\xff"))->text == "ups: ?[2J?");
}

TEST_CASE("What did not answer is told by how it ended") {
    const Duration deadline = std::chrono::seconds{5};
    CHECK(no_answer(ended(1, ""), deadline).empty());
    CHECK_FALSE(no_answer(Error{ErrorCode::unavailable, "/bin/x", "cannot be started"}, deadline).empty());
    service::Ended killed = ended(0, "");
    killed.exit_code.reset();
    CHECK(no_answer(killed, deadline) == "a signal ended it");
    killed.in_time = false;
    CHECK_THAT(no_answer(killed, deadline), Catch::StartsWith("no answer within"));
}
