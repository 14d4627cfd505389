// The program itself, with the real agent that keeps "on" or "off" in a file.
#include <fcntl.h>
#include <sys/wait.h>

#include "power/client.h"
#include "tests/power/lab.h"

using namespace ballast;
using test::Lab;
using test::milliseconds;

namespace {

bool dummy_is_installed() {
    if (::access("/usr/sbin/fence_dummy", X_OK) == 0) return true;
    WARN("fence_dummy is not installed: this test cannot run (tools/packages testbed)");
    return false;
}

std::string file_of(const Lab& lab, const std::string& host) {
    return "hosts:\n  - name: " + host +
           "\n    levels: [{agent: fence_dummy, parameters: {status_file: " + lab.path("power") + "}}]\n";
}

/// ballast-powerd with its log in the lab's file `log`.
class Program {
public:
    explicit Program(Lab& lab, std::vector<std::string> arguments) {
        process_ = ::fork();
        if (process_ != 0) return;
        ::dup2(::open(lab.path("log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
        ::dup2(STDERR_FILENO, STDOUT_FILENO);
        std::vector<char*> words = {const_cast<char*>(BALLAST_POWERD)};
        for (std::string& argument : arguments) words.push_back(argument.data());
        words.push_back(nullptr);
        ::execv(words[0], words.data());
        ::_exit(127);
    }
    ~Program() {
        if (process_ > 0) ::kill(process_, SIGKILL);
        if (process_ > 0) ::waitpid(process_, nullptr, 0);
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    std::string proc(const std::string& file) const {
        return test::read_text("/proc/" + std::to_string(process_) + "/" + file);
    }
    void signal(int number) const { ::kill(process_, number); }
    int wait() {
        int status = 0;
        ::waitpid(std::exchange(process_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t process_ = -1;
};

bool comes_true(const std::function<bool()>& condition) {
    for (int attempt = 0; attempt < 1000; ++attempt, ::usleep(20'000))
        if (condition()) return true;
    return false;
}

}  // namespace

TEST_CASE("the program serves, reloads what is right, keeps the last good file, and stops when told") {
    if (!dummy_is_installed()) return;
    Lab lab;
    lab.set("on");
    lab.write("power.yaml", file_of(lab, "host1"), 0640);
    Program program(lab, {"--config", lab.path("power.yaml"), "--socket", lab.path("broker.sock")});
    power::Client client(lab.path("broker.sock"));
    REQUIRE(comes_true([&] { return lab.run(client.hosts()).has_value(); }));
    CHECK(client.knows({"host1"}));
    CHECK_THAT(program.proc("limits"), Catch::Contains("Max core file size        1                    1 "));
    CHECK(*lab.run(client.status({"host1"})) == Power::on);
    CHECK(lab.run(client.switch_off({"host1"})));
    CHECK(*lab.run(client.status({"host1"})) == Power::off);
    lab.write("power.yaml", file_of(lab, "host2") + "    levls: []\n", 0640);
    program.signal(SIGHUP);
    CHECK(comes_true([&] { return lab.text("log").find("power.yaml:4:5: ") != std::string::npos; }));
    CHECK((lab.run(client.hosts()) && client.knows({"host1"})));
    lab.write("power.yaml", file_of(lab, "host2"), 0640);
    program.signal(SIGHUP);
    CHECK(comes_true([&] { return lab.run(client.hosts()) && client.knows({"host2"}); }));
    CHECK(lab.run(client.status({"host1"})).error().code == ErrorCode::not_found);
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
    CHECK_FALSE(std::filesystem::exists(lab.path("broker.sock")));
}

TEST_CASE("the program checks a file and shows what works") {
    if (!dummy_is_installed()) return;
    Lab lab;
    lab.write("power.yaml", file_of(lab, "host1"), 0640);
    const auto run = [&](const std::vector<std::string>& arguments) {
        std::vector<std::string> all = {"--config", lab.path("power.yaml")};
        all.insert(all.end(), arguments.begin(), arguments.end());
        return Program(lab, all).wait();
    };
    CHECK(run({"--check"}) == 0);
    CHECK(run({"--probe", "host1"}) == 0);
    CHECK_THAT(lab.text("log"), Catch::StartsWith("level 1 fence_dummy: on ("));
    CHECK(run({"--probe", "host2"}) == 1);
    CHECK_THAT(lab.text("log"), Catch::Contains("host2"));
    lab.write("power.yaml", file_of(lab, "host1"), 0644);
    CHECK(run({}) == 2);
    CHECK_THAT(lab.text("log"), Catch::Contains("chmod 0640"));
}
