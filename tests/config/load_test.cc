#include "config/load.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <sys/stat.h>

#include "config/render.h"
#include "config/yaml_tree.h"
#include "tests/config/samples.h"

using namespace ballast;
using namespace ballast::config;

namespace {

/// A directory of its own for one test.
class Directory {
public:
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "ballast-config-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    std::string path(const std::string& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }
    void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

private:
    std::string path_;
};

Loaded<policy::Options> policy_of(const std::string& text) {
    return check_policy_text({{"p.yaml", text}});
}

std::string only_problem(const Diagnostics& problems) {
    INFO(to_string(problems));
    CHECK(problems.size() == 1);
    return problems.empty() ? "" : to_string(problems.front());
}

}  // namespace

TEST_CASE("Files without content give the defaults") {
    for (const std::string text :
         {"", "\n\n", "# only a comment", "---\n", "---\n...\n", "\xEF\xBB\xBF# byte order mark\n"}) {
        INFO(text);
        const auto policy = policy_of(text);
        REQUIRE(policy);
        CHECK(to_yaml(*policy) == policy_defaults_as_yaml());
        const auto daemon = check_daemon_text({"d.yaml", text});
        REQUIRE(daemon);
        CHECK(to_yaml(*daemon) == daemon_defaults_as_yaml());
        CHECK(daemon->hosts.empty());
    }
}

TEST_CASE("A policy sets what it names and leaves the rest at the defaults") {
    const auto loaded = policy_of(
        "mode: automatic\n"
        "overload: {cpu: {above: 85%, below: 75%, for: 10min}}\n"
        "migration: {bandwidth: 1Gbit/s, downtime_steps: [50ms, 1s]}\n"
        "rules:\n"
        "  - {name: web, keep_apart: [web1, \"web2*\"]}\n"
        "  - {name: licence, pin: [oracle], hosts: [host1, host2]}\n");
    INFO(to_string(loaded.problems()));
    REQUIRE(loaded);
    CHECK(loaded->mode == policy::Mode::automatic);
    CHECK(loaded->overload.cpu.above == 0.85);
    CHECK(loaded->overload.cpu.persistence == std::chrono::minutes{10});
    CHECK(loaded->overload.memory.above == policy::OverloadOptions{}.memory.above);
    CHECK(loaded->migration.bandwidth_mib_per_s == Approx(119.209));
    CHECK(loaded->migration.downtime_steps == std::vector<Duration>{Duration{50}, Duration{1000}});
    REQUIRE(loaded->rules.size() == 2);
    CHECK(loaded->rules[0].kind == policy::Rule::Kind::keep_apart);
    CHECK(loaded->rules[0].vms == std::vector<std::string>{"web1", "web2*"});
    CHECK(loaded->rules[0].origin == "p.yaml:5");
    CHECK(loaded->rules[1].hosts == std::vector<HostId>{HostId{"host1"}, HostId{"host2"}});
}

TEST_CASE("A daemon file lists hosts with their own settings") {
    const auto loaded = check_daemon_text({"d.yaml",
                                           "hosts:\n"
                                           "  - {name: h1, peer_uri: \"qemu+ssh://h1/system\"}\n"
                                           "  - name: h2\n"
                                           "    uri: qemu+ssh://h2/system\n"
                                           "    shared_storage: [/srv/fast]\n"
                                           "    target: false\n"
                                           "interval: 5s\n"
                                           "metrics: {listen: \"\", per_vm: true}\n"});
    INFO(to_string(loaded.problems()));
    REQUIRE(loaded);
    REQUIRE(loaded->hosts.size() == 2);
    CHECK(loaded->hosts[0].uri == "qemu:///system");
    CHECK(loaded->hosts[0].peer_uri == "qemu+ssh://h1/system");
    CHECK(loaded->hosts[1].uri == "qemu+ssh://h2/system");
    CHECK_FALSE(loaded->hosts[1].peer_uri);
    CHECK_FALSE(loaded->hosts[1].target);
    CHECK(loaded->interval == std::chrono::seconds{5});
    CHECK(loaded->metrics_listen.empty());
    CHECK(loaded->metrics_per_vm);
}

TEST_CASE("The page is open to other machines only with TLS and a login, and a password only with TLS") {
    const auto problem = [](const std::string& page) {
        const auto loaded = check_daemon_text({"d.yaml", "page: {" + page + "}\n"});
        return loaded ? std::string() : to_string(loaded.problems());
    };
    const std::string login = "cert_file: /c, key_file: /k, users_file: /u";
    CHECK(problem("listen: \"0.0.0.0:9478\", " + login).empty());
    CHECK(problem("listen: \"127.0.0.1:1\", " + login).empty());
    CHECK(problem("listen: \"127.1.2.3:1\"").empty());
    CHECK(problem("listen: \"[::1]:1\"").empty());
    CHECK(problem("listen: \"\"").empty());
    for (const char* open : {"0.0.0.0:1", "[::]:1", "192.0.2.1:1"})
        CHECK_THAT(problem(std::string("listen: \"") + open + "\""), Catch::Contains("reached from other machines"));
    for (const char* half :
         {"users_file: /u", "cert_file: /c, key_file: /k", "cert_file: /c, users_file: /u", "key_file: /k"})
        CHECK_THAT(problem(half), Catch::Contains("go together"));
    CHECK_THAT(problem("listen: \"localhost:1\""), Catch::Contains("ADDRESS:PORT"));
}

TEST_CASE("The files of a directory are merged in the order of their names") {
    const Directory dir;
    dir.write("20-b.yaml", "limits: {cluster: 7}\nrules: [{name: b, never_move: [vm2]}]\n");
    dir.write("10-a.yaml", "limits: {outgoing_per_host: 3}\nrules: [{name: a, never_move: [vm1]}]\n");
    for (const auto* ignored : {".10-a.yaml.swp", ".hidden.yaml", "10-a.yaml~", "10-a.yaml.bak", "README"}) {
        dir.write(ignored, "nonsense: true\n");
    }
    const auto loaded = load_policy_directory(dir.path());
    INFO(to_string(loaded.problems()));
    REQUIRE(loaded);
    CHECK(loaded->limits.cluster == 7);
    CHECK(loaded->limits.outgoing_per_host == 3);
    REQUIRE(loaded->rules.size() == 2);
    CHECK(loaded->rules[0].name == "a");
    CHECK(loaded->rules[0].origin == dir.path("10-a.yaml") + ":2");
}

TEST_CASE("A missing policy directory gives the defaults, a missing daemon file does not") {
    const Directory dir;
    const auto policy = load_policy_directory(dir.path("none"));
    REQUIRE(policy);
    CHECK(to_yaml(*policy) == policy_defaults_as_yaml());
    const auto daemon = load_daemon_file(dir.path("none.yaml"));
    CHECK(only_problem(daemon.problems()) == dir.path("none.yaml") + ":1:1: cannot be read: No such file or directory");
}

TEST_CASE("Two files that disagree on a key are refused with both places") {
    const auto loaded = check_policy_text({{"1.yaml", "mode: observe\n"}, {"2.yaml", "\nmode: automatic\n"}});
    CHECK(only_problem(loaded.problems()) == "2.yaml:2:1: `mode` is automatic here but observe at 1.yaml:1:1");
}

TEST_CASE("Two files that say the same are fine, however they write it") {
    CHECK(check_policy_text({{"1.yaml", "cooldown: {vm: 90min}\n"}, {"2.yaml", "cooldown: {vm: 1h30min}\n"}}));
}

TEST_CASE("What contradicts across files is refused where the later file sets it") {
    const auto loaded = check_policy_text(
        {{"1.yaml", "overload: {cpu: {above: 60%}}\n"}, {"2.yaml", "overload:\n  cpu: {below: 65%}\n"}});
    CHECK_THAT(only_problem(loaded.problems()), Catch::StartsWith("2.yaml:2:9: `overload.cpu.below` (65%)"));
}

TEST_CASE("The name of a rule is unique over all files") {
    const auto loaded = check_policy_text(
        {{"1.yaml", "rules: [{name: a, never_move: [x]}]\n"}, {"2.yaml", "rules:\n- name: a\n  never_move: [y]\n"}});
    CHECK(only_problem(loaded.problems()) == "2.yaml:2:9: rules: the rule name `a` is already used at 1.yaml:1:16");
}

TEST_CASE("All problems of all files come in one run") {
    const auto loaded = check_policy_text({{"1.yaml", "mode: auto\nlimits: {cluster: 0}\n"},
                                           {"2.yaml", "limits: [\n"},
                                           {"3.yaml", "reserve: {cpu: 200%}\n"}});
    REQUIRE(loaded.problems().size() == 4);
    CHECK(loaded.problems()[0].file == "1.yaml");
    CHECK(loaded.problems()[2].file == "2.yaml");
    CHECK(loaded.problems()[3].file == "3.yaml");
}

TEST_CASE("A problem is followed by no others that only follow from it") {
    SECTION("a misspelt key whose default would contradict") {
        CHECK(policy_of("overload: {cpu: {above: 60%, belwo: 50%}}\n").problems().size() == 1);
    }
    SECTION("a misspelt section") {
        CHECK(policy_of("overlaod: {cpu: {above: 60, x: y}}\n").problems().size() == 1);
    }
    SECTION("a bad value whose default would contradict") {
        CHECK(policy_of("overload: {cpu: {above: 60%, below: 50}}\n").problems().size() == 1);
    }
    SECTION("an unreadable file that may hold the other half") {
        CHECK(check_policy_text({{"1.yaml", "overload: {cpu: {above: 60%}}\n"}, {"2.yaml", "{"}}).problems().size() ==
              1);
    }
}

TEST_CASE("Thousands of problems are cut off after a hundred") {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "key" + std::to_string(i) + ": 1\n";
    const auto loaded = policy_of(text);
    REQUIRE(loaded.problems().size() == 101);
    CHECK(loaded.problems().back().message == "too many problems; the rest is not shown");
}

TEST_CASE("What is not a readable file of sensible size is refused") {
    const Directory dir;
    SECTION("a directory") {
        std::filesystem::create_directory(dir.path("x.yaml"));
        CHECK_THAT(only_problem(load_policy_directory(dir.path()).problems()), Catch::Contains("not a regular file"));
    }
    SECTION("a pipe nobody writes to") {
        REQUIRE(mkfifo(dir.path("x.yaml").c_str(), 0600) == 0);
        CHECK_THAT(only_problem(load_policy_directory(dir.path()).problems()), Catch::Contains("not a regular file"));
    }
    SECTION("a link to nowhere") {
        std::filesystem::create_symlink("nowhere", dir.path("x.yaml"));
        CHECK_THAT(only_problem(load_policy_directory(dir.path()).problems()), Catch::Contains("cannot be read"));
    }
    SECTION("a file where the directory should be") {
        dir.write("x", "");
        CHECK_THAT(only_problem(load_policy_directory(dir.path("x")).problems()), Catch::Contains("Not a directory"));
    }
    SECTION("a file larger than 1 MiB") {
        dir.write("x.yaml", "#" + std::string(max_file_size, ' '));
        CHECK_THAT(only_problem(load_policy_directory(dir.path()).problems()), Catch::Contains("larger than 1 MiB"));
    }
    SECTION("an endless device") {
        CHECK_THAT(only_problem(load_daemon_file("/dev/zero").problems()), Catch::Contains("not a regular file"));
    }
    SECTION("a name that would be ignored silently") {
        dir.write("x.yml", "mode: observe\n");
        CHECK_THAT(only_problem(load_policy_directory(dir.path()).problems()), Catch::Contains("rename this file"));
    }
    SECTION("a directory with hundreds of files") {
        for (int i = 0; i < 101; ++i) dir.write(std::to_string(i) + ".yaml", "");
        CHECK_THAT(only_problem(load_policy_directory(dir.path()).problems()), Catch::Contains("more than 100 files"));
    }
}

TEST_CASE("A file of exactly 1 MiB is read") {
    CHECK(policy_of("#" + std::string(max_file_size - 2, ' ') + "\n"));
}

TEST_CASE("Files with Windows line ends are read") {
    const auto loaded = policy_of("mode: confirm\r\nlimits:\r\n  cluster: 3\r\n");
    REQUIRE(loaded);
    CHECK(loaded->mode == policy::Mode::confirm);
    CHECK(loaded->limits.cluster == 3);
}

TEST_CASE("A policy that pins to an unknown host is found by the cross check") {
    DaemonOptions daemon;
    daemon.hosts = {default_host("host1")};
    const auto policy = policy_of("rules:\n  - {name: l, pin: [vm], hosts: [host1, host9]}\n");
    REQUIRE(policy);
    const auto problems = cross_check(daemon, *policy);
    CHECK(only_problem(problems) == "p.yaml:2:5: rule `l` names the host `host9`, which the daemon file does not list");
    daemon.hosts.push_back(default_host("host9"));
    CHECK(cross_check(daemon, *policy).empty());
}

TEST_CASE("A host that consolidation is to keep on but nobody knows is told where the list stands") {
    DaemonOptions daemon;
    daemon.hosts = {default_host("host1")};
    const auto policy = check_policy_text(
        {{"a.yaml", "mode: observe\n"}, {"b.yaml", "consolidation:\n  never_off: [host1, host9, host8]\n"}});
    REQUIRE(policy);
    CHECK(to_string(cross_check(daemon, *policy)) ==
          "b.yaml:2:14: consolidation.never_off names the host `host9`, which the daemon file does not list\n"
          "b.yaml:2:14: consolidation.never_off names the host `host8`, which the daemon file does not list\n");
    daemon.hosts = {default_host("host1"), default_host("host8"), default_host("host9")};
    CHECK(cross_check(daemon, *policy).empty());
}
