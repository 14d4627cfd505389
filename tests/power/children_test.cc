#include "service/children.h"

#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

#include "tests/power/lab.h"

using namespace ballast;
using namespace ballast::power;
using test::Lab;
using test::milliseconds;

namespace {

Command shell(const std::string& script, Duration deadline = test::ample) {
    Command command;
    command.program = "/bin/sh";
    command.arguments = {"-c", script};
    command.environment = {"PATH=/usr/bin:/bin"};
    command.deadline = deadline;
    return command;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

/// As in a process that has all files open that it may have. For this thread alone, and what it starts.
bool refuse_to_watch() {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    sock_fprog filter{std::size(code), code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

TEST_CASE("a child gets its input and its environment, and nothing else of ours") {
    Lab lab;
    REQUIRE(::setenv("BALLAST_TEST_SECRET", "inherited", 1) == 0);
    Command command = shell("cat; env | sort; ls /proc/self/fd | tr '\\n' ' '; pwd; echo wrong >&2; exit 7");
    command.environment.push_back("NAME=value");
    command.input = "one\ntwo\n";
    const auto ended = lab.run(lab.children.run(command));
    ::unsetenv("BALLAST_TEST_SECRET");
    REQUIRE(ended);
    CHECK(ended->in_time);
    CHECK(ended->exit_code == 7);
    CHECK(ended->complaint == "wrong\n");
    // Descriptor 3 is ls's own, of the folder.
    CHECK(ended->output == "one\ntwo\nNAME=value\nPATH=/usr/bin:/bin\nPWD=/\n0 1 2 3 /\n");
}

TEST_CASE("a child is killed at its deadline with all of its group") {
    Lab lab;
    const auto ended = lab.run(lab.children.run(shell("sleep 1000 & echo $!; wait", milliseconds{500})));
    REQUIRE(ended);
    CHECK_FALSE(ended->in_time);
    CHECK(test::is_dead(first_line(ended->output)));
}

TEST_CASE("a child that ignores SIGTERM is killed all the same") {
    Lab lab;
    const auto ended =
        lab.run(lab.children.run(shell("trap '' TERM; echo $$; while :; do sleep 1; done", milliseconds{500})));
    REQUIRE(ended);
    CHECK_FALSE(ended->in_time);
    CHECK_FALSE(ended->exit_code);
    CHECK(test::is_dead(first_line(ended->output)));
}

TEST_CASE("what a child leaves behind neither delays its end nor outlives it") {
    Lab lab;
    const Instant begun = lab.clock.now();
    const auto ended = lab.run(lab.children.run(shell("sleep 1000 & echo $!; exit 3")));
    REQUIRE(ended);
    CHECK(ended->exit_code == 3);
    CHECK(lab.clock.now() - begun < test::ample);
    CHECK(test::is_dead(first_line(ended->output)));
}

TEST_CASE("a subreaper also ends what left the child's session") {
    Lab lab;
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    Children adopting(true);
    const auto ended = lab.run(adopting.run(shell("setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.5; exit 0")));
    ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    REQUIRE(ended);
    CHECK(ended->exit_code == 0);
    const std::string stray = first_line(ended->output);
    REQUIRE_FALSE(stray.empty());
    CHECK(test::is_dead(stray));
}

TEST_CASE("endless output is bounded, and ends with the deadline") {
    Lab lab;
    const auto ended = lab.run(lab.children.run(shell("exec yes", milliseconds{500})));
    REQUIRE(ended);
    CHECK_FALSE(ended->in_time);
    CHECK(ended->output.size() >= 64 * 1024);
    CHECK(ended->output.size() <= 68 * 1024);
}

TEST_CASE("what nobody wants to hear is dropped where that is asked for, and the child goes on to its end") {
    Lab lab;
    Command command = shell("yes | head -c 3000000; yes wrong | head -c 3000000 >&2; exit 5");
    command.most_output = 100'000;
    command.drops_excess = true;
    const auto ended = lab.run(lab.children.run(command));
    REQUIRE(ended);
    CHECK(ended->in_time);
    CHECK(ended->exit_code == 5);
    CHECK(ended->output.size() >= 100'000);
    CHECK(ended->output.size() <= 105'000);
    CHECK(ended->complaint.size() <= 105'000);
}

TEST_CASE("an output without end that is dropped leaves others their turn, and ends with the deadline") {
    Lab lab;
    Command command = shell("exec yes", milliseconds{500});
    command.drops_excess = true;
    const auto ended = lab.run(lab.children.run(command));
    REQUIRE(ended);
    CHECK_FALSE(ended->in_time);
}

TEST_CASE("it is told when a child was started and when it was heard first") {
    Lab lab;
    const auto ended = lab.run(lab.children.run(shell("sleep 0.1; echo here; sleep 0.1")));
    REQUIRE(ended);
    CHECK(ended->begun_s > 1'700'000'000);
    CHECK(ended->heard_s >= ended->begun_s + 0.1);
    CHECK(lab.run(lab.children.run(shell("exit 0")))->heard_s == 0);
}

TEST_CASE("a child that shall have our environment has not what systemd tells us alone") {
    Lab lab;
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "BALLAST_TEST_ORDINARY"})
        REQUIRE(::setenv(name, "inherited", 1) == 0);
    const auto ended = lab.run(lab.children.run(service::command_of({"env"}, test::ample)));
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "BALLAST_TEST_ORDINARY"}) ::unsetenv(name);
    REQUIRE(ended);
    CHECK(ended->output.find("BALLAST_TEST_ORDINARY=inherited") != std::string::npos);
    CHECK(ended->output.find("NOTIFY_SOCKET") == std::string::npos);
    CHECK(ended->output.find("WATCHDOG") == std::string::npos);
}

TEST_CASE("programs beyond a bound are not started, and others can be once those have ended") {
    Lab lab;
    unsigned refused = 0, well = 0;
    for (int i = 0; i < 130; ++i)
        boost::asio::co_spawn(lab.io, lab.children.run(shell("exec sleep 1000", milliseconds{3000})),
                              [&](std::exception_ptr, Result<Ended> ended) { ++(ended ? well : refused); });
    const auto more = lab.run(lab.children.run(shell("exit 0")));
    CHECK_FALSE(more);
    lab.run_until([&] { return well + refused == 130; });
    CHECK(refused == 2);
    CHECK(lab.run(lab.children.run(shell("exit 0"))));
}

TEST_CASE("the last line is the last that says anything") {
    CHECK(service::last_line("one\ntwo \n\n \n") == "two");
    CHECK(service::last_line("\n only") == "only");
    CHECK(service::last_line(" \n") == "");
    CHECK(service::last_line("") == "");
}

TEST_CASE("a child that cannot be watched is killed, and that is an error") {
    Lab lab;
    const std::string trace = lab.path("trace");
    bool refused = false;
    std::optional<Result<service::Ended>> ended;
    std::thread([&] {
        refused = refuse_to_watch();
        if (refused) ended = lab.run(lab.children.run(shell("echo $$ > " + trace + "; sleep 1000")));
    }).join();
    REQUIRE(refused);
    REQUIRE_FALSE(*ended);
    CHECK(ended->error().code == ErrorCode::unavailable);
    CHECK(ended->error().message == "cannot be watched: Too many open files");
    std::ifstream written(trace);
    std::string child;
    if (written >> child) CHECK(test::is_dead(child));
    CHECK(lab.run(lab.children.run(shell("exit 3")))->exit_code == 3);
}

TEST_CASE("a program that is not there is an error, not an exit code") {
    Lab lab;
    Command command = shell("");
    command.program = lab.path("nothing");
    CHECK(lab.run(lab.children.run(command)).error().code == ErrorCode::unavailable);
}
