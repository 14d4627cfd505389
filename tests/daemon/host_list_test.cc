#include "daemon/host_list.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace ballast;
using daemon::HostChange;
using daemon::HostList;

namespace {

config::DaemonOptions hosts_called(std::vector<std::string> names) {
    config::DaemonOptions options;
    for (const std::string& name : names) {
        config::HostOptions host;
        host.id = {name};
        host.uri = "qemu+tls://" + name + "/system";
        options.hosts.push_back(host);
    }
    return options;
}

struct EditedFile {
    explicit EditedFile(const std::string& text) { write(text); }
    ~EditedFile() { std::filesystem::remove_all(folder); }
    void write(const std::string& text) {
        std::filesystem::create_directories(folder / "policy.d");
        std::ofstream(path) << "policy_dir: " << (folder / "policy.d").string() << "\n" << text;
    }
    std::filesystem::path folder = std::filesystem::temp_directory_path() / ("host-list-" + std::to_string(::getpid()));
    std::string path = (folder / "ballast.yaml").string();
};

const char* const two_hosts =
    "hosts: [{name: h1, uri: 'qemu+tls://h1/system'}, {name: h2, uri: 'qemu+tls://h2/system'}]\n";
const char* const three_hosts =
    "hosts: [{name: h1, uri: 'qemu+tls://h1/system'}, {name: h2, uri: 'qemu+tls://h2/system'},"
    " {name: h3, uri: 'qemu+tls://h3/system'}]\n";

}  // namespace

TEST_CASE("Another list of hosts is told by what it adds, removes and changes") {
    const auto old = hosts_called({"h1", "h2", "h3"});
    CHECK_FALSE(daemon::change_of_hosts(old, old));
    auto now = hosts_called({"h1", "h4", "h3"});
    now.hosts[2].site = "B";
    const auto change = daemon::change_of_hosts(old, now);
    REQUIRE(change);
    CHECK(daemon::text_of(*change) == "h4 is added, h2 is removed, h3 is changed");
    CHECK(daemon::text_of(*daemon::change_of_hosts(old, hosts_called({"h2", "h1", "h3"}))) ==
          "the hosts are in another order");
    now.interval += std::chrono::seconds{1};
    CHECK_FALSE(daemon::change_of_hosts(old, now));
}

TEST_CASE("A host is not let go while something of it is under way") {
    const HostChange change{{{"h4"}}, {{"h2"}}, {{"h3"}}};
    CHECK(daemon::obstacle_to(change, {}, {}, {}).empty());
    Operation op;
    op.vm_name = "web";
    op.from = {"h1"};
    op.to = {"h2"};
    op.state = OperationState::running;
    CHECK(daemon::obstacle_to(change, {op}, {}, {}) == "web is on its way from h1 to h2");
    op.state = OperationState::waiting;
    CHECK(daemon::obstacle_to(change, {op}, {}, {}).empty());
    PowerRecord power;
    power.host = {"h3"};
    CHECK(daemon::obstacle_to(change, {}, {power}, {}).empty());
    power.state = PowerState::fencing;
    CHECK(daemon::obstacle_to(change, {}, {power}, {}) == "h3 is fencing");
    power.host = {"h1"};
    CHECK(daemon::obstacle_to(change, {}, {power}, {}).empty());
    RollingRun run;
    run.hosts = {{"h1"}, {"h2"}};
    CHECK(daemon::obstacle_to(change, {}, {}, run) == "h2 is a part of the rolling reboot under way");
    run.state = RollingState::done;
    CHECK(daemon::obstacle_to(change, {}, {}, run).empty());
    CHECK(daemon::obstacle_to({{{"h4"}}, {}, {}}, {op}, {power}, {}).empty());
}

TEST_CASE("An edited file is taken by starting anew when its hosts alone are others and nothing stands in the way") {
    EditedFile file(two_hosts);
    const HostList list(file.path);
    std::string why;
    const auto look = [&] { return list.look([&](const HostChange&) { return why; }); };
    CHECK(look().note.empty());
    CHECK_FALSE(look().start_anew);
    SECTION("a host more") {
        file.write(three_hosts);
        CHECK(look().note == "h3 is added: the daemon starts anew with these hosts");
        CHECK(look().start_anew);
    }
    SECTION("something stands in the way") {
        file.write(three_hosts);
        why = "web is on its way";
        CHECK(look().note.find("which are not taken now: web is on its way; reload again") != std::string::npos);
        CHECK_FALSE(look().start_anew);
    }
    SECTION("something else is different, too") {
        file.write(std::string(three_hosts) + "interval: 20s\n");
        CHECK(look().note == file.path + " has changed; it takes effect with a restart");
        CHECK_FALSE(look().start_anew);
    }
    SECTION("it would not load") {
        file.write("hosts: [{name: h1, uri: 'qemu+tls://h1/system'}, {name: h1, uri: 'qemu+tls://h1/system'}]\n");
        CHECK(look().note.find("has problems and would not load") != std::string::npos);
        CHECK_FALSE(look().start_anew);
    }
    SECTION("with the policy it would not load") {
        std::ofstream(file.folder / "policy.d" / "10.yaml") << "consolidation: {never_off: [h2]}\n";
        file.write("hosts: [{name: h1, uri: 'qemu+tls://h1/system'}]\n");
        CHECK(look().note.find("has other hosts, with which it would not load") != std::string::npos);
        CHECK_FALSE(look().start_anew);
    }
}
