// The shell script for what libvirt does not tell: what it asks, what it prints when it is really run, what is read.
#include "daemon/preflight_script.h"

#include <catch2/catch.hpp>

#include "service/children.h"
#include "tests/hypervisor/await.h"

using namespace ballast;
using namespace ballast::daemon::preflight;
using std::chrono::seconds;

namespace {

using Arguments = std::vector<std::string>;

Result<service::Ended> run(const Arguments& arguments, std::string input) {
    static service::Children& children = *new service::Children;  // coroutines of an immortal io_context refer to it
    service::Command command = service::command_of(arguments, seconds(15));
    command.input = std::move(input);
    return test::await(test::immortal_io(), children.run(std::move(command)));
}

ShellFacts facts_of(const std::string& output) {
    return shell_facts_from(output, 100, 102);
}

}  // namespace

TEST_CASE("Text reaches the shell as it is") {
    const std::string wild = "a 'b' \"c\" $(d) `e` \\f; g & h";
    const auto child = run({"sh", "-s"}, "printf '%s' " + shell_quoted(wild) + "\n");
    REQUIRE(child.has_value());
    CHECK(child->output == wild);
}

TEST_CASE("The script runs in a real shell and its answers are understood") {
    const ScriptQuestions questions{{"/", "/nonexistent"}, {"localhost", "no-such-host.invalid"}, {}};
    const auto child = run({"sh", "-s"}, script_for(questions));
    REQUIRE(child.has_value());
    INFO(child->output << child->complaint);
    CHECK(child->exit_code == 0);
    const ShellFacts facts = shell_facts_from(child->output, child->begun_s, child->heard_s);
    CHECK(facts.complete);
    CHECK_FALSE(facts.user.empty());
    REQUIRE(facts.file_systems.contains("/"));
    CHECK(facts.file_systems.at("/").size > Bytes{});
    CHECK_FALSE(facts.file_systems.at("/").type.empty());
    CHECK_FALSE(facts.file_systems.contains("/nonexistent"));
    CHECK(facts.resolves == std::map<std::string, bool>{{"localhost", true}, {"no-such-host.invalid", false}});
    REQUIRE(facts.skew);
    CHECK(facts.skew->low_s <= 0.01);
    CHECK(facts.skew->high_s >= -0.01);
}

TEST_CASE("Peers are connected to by virsh, and a refusal is passed on in one line") {
    ScriptQuestions questions;
    questions.peer_uris = {{{"a"}, "test:///default"}, {{"b"}, "qemu+tcp://127.0.0.1:1/system"}};
    const auto child = run({"sh", "-s"}, script_for(questions));
    REQUIRE(child.has_value());
    const ShellFacts facts = shell_facts_from(child->output, 0, 0);
    REQUIRE(facts.peers.size() == 2);
    if (facts.peers.at({"a"}).kind == PeerAnswer::Kind::no_virsh) return;  // not installed here: said so, as it should
    CHECK(facts.peers.at({"a"}).kind == PeerAnswer::Kind::reached);
    CHECK_FALSE(facts.peers.at({"a"}).text.empty());
    CHECK(facts.peers.at({"b"}).kind == PeerAnswer::Kind::failed);
    CHECK(facts.peers.at({"b"}).text.find("127.0.0.1") != std::string::npos);
}

TEST_CASE("Peers are connected to a few at a time") {
    ScriptQuestions questions;
    for (int i = 0; i < 9; ++i) questions.peer_uris.push_back({{"h" + std::to_string(i)}, "test:///default"});
    const std::string script = script_for(questions);
    std::size_t waits = 0;
    for (auto at = script.find("\nwait\n"); at != std::string::npos; at = script.find("\nwait\n", at + 1)) ++waits;
    CHECK(waits == 3);
}

TEST_CASE("The script's answers are read line by line") {
    const ShellFacts facts = facts_of(
        "time\t103.5\nuser\t0\troot\nconf_read\nconf\tlock_manager\tlockd\nfs\t/srv\tnfs4\tstorage:/vms\t2048\t1024\n"
        "name\thost2\tyes\nname\thost3\tno\npeer\th2\treached\thost2\npeer\th3\tfailed\terror: "
        "no\npeer\th4\tno_virsh\nend\n");
    CHECK(facts.complete);
    CHECK(facts.root);
    CHECK(facts.user == "root");
    REQUIRE(facts.skew);
    CHECK(facts.skew->low_s == Approx(1.5));
    CHECK(facts.skew->high_s == Approx(3.5));
    CHECK(facts.qemu_conf_read);
    CHECK(facts.qemu_conf == std::map<std::string, std::string>{{"lock_manager", "lockd"}});
    CHECK(facts.file_systems.at("/srv").type == "nfs4");
    CHECK(facts.file_systems.at("/srv").source == "storage:/vms");
    CHECK(facts.file_systems.at("/srv").size == mib(2));
    CHECK(facts.file_systems.at("/srv").available == mib(1));
    CHECK(facts.resolves == std::map<std::string, bool>{{"host2", true}, {"host3", false}});
    CHECK(facts.peers.at({"h2"}).kind == PeerAnswer::Kind::reached);
    CHECK(facts.peers.at({"h3"}).text == "error: no");
    CHECK(facts.peers.at({"h4"}).kind == PeerAnswer::Kind::no_virsh);
}

TEST_CASE("systemd is asked about all sleep targets at once, and its states are read in the order of the question") {
    // Of each unit it is asked about a state, and an empty line in between, as the real one has it.
    const std::string fake =
        "systemctl() { shift 4; for unit; do case $unit in sleep.target) echo loaded;; "
        "*) echo masked;; esac; echo; done; }\ncommand() { return 1; }\n";  // no `timeout`: it knows no functions
    const auto child = run({"sh", "-s"}, fake + script_for({}));
    REQUIRE(child.has_value());
    const ShellFacts facts = shell_facts_from(child->output, 0, 0);
    REQUIRE(facts.sleep_targets.size() == std::size(sleep_target_names));
    for (const auto& [unit, state] : facts.sleep_targets)
        CHECK(state == (unit == "sleep.target" ? "loaded" : "masked"));
    CHECK(facts.complete);
}

TEST_CASE("A system without systemd, or states that are not one a unit, tell nothing of sleep") {
    CHECK(facts_of("sleep\nend\n").sleep_targets.empty());
    CHECK(facts_of("sleep\tmasked\tmasked\nend\n").sleep_targets.empty());
    CHECK(facts_of("sleep\ta\tb\tc\td\te\n").sleep_targets.at("hibernate.target") == "c");
}

TEST_CASE("What is cut off or odd is left out, and the rest is used") {
    const ShellFacts facts = facts_of(
        "Welcome to host1!\n\n\t\ntime\tnow\nuser\nfs\t/srv\nfs\t/a\text4\t/dev/sda\tmany\t-\nconf\tx\npeer\th2\n"
        "peer\th2\tperhaps\tx\nuser\t1000\tann\npeer\th3\treac");
    CHECK_FALSE(facts.complete);
    CHECK_FALSE(facts.root);
    CHECK(facts.user == "ann");
    CHECK_FALSE(facts.skew);
    CHECK(facts.peers.empty());
    CHECK(facts.qemu_conf.empty());
    REQUIRE(facts.file_systems.size() == 1);
    CHECK_FALSE(facts.file_systems.at("/a").size);
    CHECK(facts_of("").user.empty());
    CHECK(facts_of("user\t0\troot").user.empty());  // without its end it may be cut off
}

TEST_CASE("ssh is called as libvirt would, and never asks") {
    const Arguments plain = {"ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=8"};
    const auto with = [&](Arguments more) {
        Arguments all = plain;
        all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    CHECK(ssh_arguments("qemu+ssh://h1/system") == with({"--", "h1", "sh", "-s"}));
    CHECK(ssh_arguments("qemu+ssh://ann@h1:2222/system?keyfile=/k&no_verify=1") ==
          with({"-o", "StrictHostKeyChecking=no", "-l", "ann", "-p", "2222", "-i", "/k", "--", "h1", "sh", "-s"}));
    CHECK(ssh_arguments("qemu+ssh://[fe80::1]/system?no_tty=1") == with({"--", "fe80::1", "sh", "-s"}));
    CHECK(ssh_arguments("qemu+ssh://[fe80::1]:22/system") == with({"-p", "22", "--", "fe80::1", "sh", "-s"}));
}

TEST_CASE("Where ssh is not how libvirt goes, it is not called") {
    for (const char* uri : {"qemu:///system", "qemu+tcp://h1/system", "qemu+tls://h1/system", "alias",
                            "qemu+ssh:///system", "qemu+ssh://-oProxyCommand=x/system", "qemu+ssh://-l@h/system",
                            "qemu+ssh://h1/system?command=/opt/other", "qemu+ssh://h1/system?keyfile=/a%20b"}) {
        INFO(uri);
        CHECK(ssh_arguments(uri).empty());
    }
}
