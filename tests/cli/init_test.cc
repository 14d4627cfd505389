#include "cli/init.h"

#include <regex>
#include <unistd.h>

#include "cli/whole_file.h"
#include "config/load.h"
#include "tests/cli/samples.h"

using namespace ballast::cli;
namespace fs = std::filesystem;

namespace {
bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// One run of init in a folder of its own.
struct Begun {
    Begun() {
        fs::remove_all(folder);
        fs::create_directories(folder);
        machine.hostname = "host1";
        machine.mounts = "nas:/vms /srv/vms nfs4 rw 0 0\n/dev/sda1 / ext4 rw 0 0\n";
        machine.look_at_libvirt = [this](const std::vector<std::string>& uris) -> ballast::Result<value> {
            if (nobody_asks) return ballast::Error{ballast::ErrorCode::not_found, "ballastd", "cannot be run"};
            array hosts;
            for (const std::string& uri : uris) {
                const bool answers = !silent.contains(uri);
                asked.push_back(uri);
                hosts.push_back(object{
                    {"uri", uri},
                    {"answers", answers},
                    {"problem", answers ? "" : "connection refused"},
                    {"hostname", uri == "qemu:///system" ? value("host1.example.org") : value("other.example.org")},
                    {"libvirt_version", "9.0.0"},
                    {"vms", 3},
                    {"pools", object{{"default", "/srv/vms/images"}}}});
            }
            return value(object{{"hosts", hosts}});
        };
        wish.directory = folder;
    }
    ~Begun() { fs::remove_all(folder); }

    int operator()(const std::string& answers = "") {
        std::istringstream in(answers);
        Terminal terminal{out,   err,        style_of_width(80),      style_of_width(80),
                          false, [](int) {}, wish.yes ? nullptr : &in};
        FakeApi api;
        Session session(api, terminal, format);
        return static_cast<int>(init(session, machine, wish));
    }
    std::string file(const std::string& name) const { return read_if_there(folder + "/" + name); }
    std::string daemon() const { return file("ballast.yaml"); }

    static inline int begun = 0;
    const std::string folder =
        fs::temp_directory_path() / ("ballast-init-" + std::to_string(::getpid()) + "-" + std::to_string(++begun));
    Machine machine;
    InitWish wish;
    Format format = Format::table;
    bool nobody_asks = false;
    std::set<std::string> silent;
    std::vector<std::string> asked;
    std::ostringstream out, err;
};

/// As `ballastd --check` reads them.
void check_valid(const Begun& begun) {
    const auto daemon = ballast::config::load_daemon_file(begun.folder + "/ballast.yaml");
    INFO(to_string(daemon.problems()) << begun.daemon());
    REQUIRE(daemon);
    CHECK(daemon->policy_dir == begun.folder + "/policy.d");
    const auto policy = ballast::config::load_policy_directory(daemon->policy_dir);
    INFO(to_string(policy.problems()));
    REQUIRE(policy);
    CHECK(ballast::config::cross_check(*daemon, *policy).empty());
}

ballast::config::DaemonOptions daemon_options(const Begun& begun) {
    return *ballast::config::load_daemon_file(begun.folder + "/ballast.yaml");
}
}  // namespace

TEST_CASE("init --yes writes what is found, in mode observe, and it is valid") {
    Begun begun;
    begun.wish.yes = true;
    REQUIRE(begun() == 0);
    check_valid(begun);
    const auto options = daemon_options(begun);
    REQUIRE(options.hosts.size() == 1);
    CHECK(options.hosts[0].id.value == "host1");
    CHECK(options.hosts[0].uri == "qemu:///system");
    CHECK(options.shared_storage == std::vector<std::string>{"/srv/vms"});
    CHECK(options.store.kind == "embedded");
    CHECK(has(begun.file("policy.d/10-policy.yaml"), "mode: observe"));
    CHECK(has(begun.out.str(), "systemctl restart ballastd") == false);  // not in /etc/ballast
    CHECK(has(begun.out.str(), "ballastd --check --config " + begun.folder));
}

TEST_CASE("init asks, shows what it finds, and takes Enter for what is in brackets") {
    Begun begun;
    REQUIRE(begun("\nhost2 qemu+tls://host3/system\n\n\n\n\n") == 0);
    CHECK(begun.asked ==
          std::vector<std::string>{"qemu:///system", "qemu+ssh://root@host2/system", "qemu+tls://host3/system"});
    check_valid(begun);
    const auto options = daemon_options(begun);
    REQUIRE(options.hosts.size() == 3);
    CHECK(options.hosts[0].peer_uri == "qemu+ssh://root@host1/system");
    CHECK(options.hosts[1].id.value == "host2");
    CHECK(options.hosts[2].id.value == "other");  // as it calls itself
    CHECK(has(begun.out.str(), "libvirt 9.0.0, 3 VMs run"));
    CHECK(has(begun.out.str(), "ballastctl status --watch"));
}

TEST_CASE("init goes on where libvirt cannot be reached, and says so") {
    Begun begun, blind;
    begun.silent = {"qemu:///system", "qemu+ssh://root@host2/system"};
    REQUIRE(begun("y\nhost2\ny\n\n\n\n\n") == 0);
    check_valid(begun);
    CHECK(has(begun.out.str(), "does not answer: connection refused"));
    CHECK(has(begun.daemon(), "did not answer when this was written"));
    CHECK(daemon_options(begun).hosts.size() == 2);
    blind.nobody_asks = true;
    blind.wish.yes = true;
    REQUIRE(blind() == 0);
    check_valid(blind);
    CHECK(has(blind.out.str(), "cannot be run"));
}

TEST_CASE("init never replaces a file without --force, and keeps what it replaces") {
    Begun begun;
    begun.wish.yes = true;
    fs::create_directories(begun.folder + "/policy.d");
    for (const char* name : {"ballast.yaml", "policy.d/10-policy.yaml"}) {
        fs::remove(begun.folder + "/ballast.yaml");
        std::ofstream(begun.folder + "/" + name) << "# mine\n";
        CHECK(begun() == 2);
        CHECK(begun.file(name) == "# mine\n");
        CHECK(has(begun.err.str(), "--force"));
        CHECK(begun.asked.empty());
    }
    CHECK(begun.daemon().empty());  // nor is one of them written without the other
    std::ofstream(begun.folder + "/ballast.yaml") << "# mine as well\n";
    begun.wish.force = true;
    REQUIRE(begun() == 0);
    check_valid(begun);
    CHECK(begun.file("ballast.yaml.old") == "# mine as well\n");
    CHECK(begun.file("policy.d/10-policy.yaml.old") == "# mine\n");
    REQUIRE(begun() == 0);  // and again: nothing is lost
    CHECK(begun.file("ballast.yaml.old") == "# mine as well\n");
    CHECK_FALSE(begun.file("ballast.yaml.old.2").empty());
}

TEST_CASE("Flags answer in the place of questions, and what is wrong with one is said with its name") {
    Begun begun;
    begun.wish.yes = true;
    begun.wish.hosts = {"host1=qemu:///system", "b=qemu+ssh://root@b.example.org/system"};
    begun.wish.shared = {""};
    begun.wish.etcd = {"https://etcd1:2379", "https://etcd2:2379"};
    begun.wish.cluster = true;
    begun.wish.mode = "confirm";
    REQUIRE(begun() == 0);
    check_valid(begun);
    const auto options = daemon_options(begun);
    CHECK(options.shared_storage.empty());
    CHECK(options.store.endpoints == begun.wish.etcd);
    CHECK(options.cluster.enabled);
    CHECK(has(begun.file("policy.d/10-policy.yaml"), "mode: confirm"));

    const auto refused = [](const std::function<void(InitWish&)>& change, const std::string& said) {
        Begun wrong;
        wrong.wish.yes = true;
        change(wrong.wish);
        CHECK(wrong() == 2);
        INFO(wrong.err.str());
        CHECK(has(wrong.err.str(), said));
        CHECK(wrong.daemon().empty());
    };
    refused([](InitWish& wish) { wish.hosts = {"http://x/"}; }, "--host http://x/");
    refused(
        [](InitWish& wish) {
            wish.hosts = {"qemu:///system", "host1=qemu+tls://b/system"};
        },
        "two hosts would be called host1");
    refused([](InitWish& wish) { wish.cluster = true; }, "--etcd");
    refused([](InitWish& wish) { wish.shared = {"relative"}; }, "--shared");
    refused(
        [](InitWish& wish) {
            wish.cluster = true;
            wish.etcd = {"https://e:2379"};
            wish.hosts = {"elsewhere=qemu+tls://b/system"};
        },
        "called host1");
}

TEST_CASE("init without anybody to answer, or whose answers end, writes nothing") {
    Begun nobody, ended, declined;
    {
        std::ostringstream out, err;
        Terminal terminal{out, err, {}, {}, false, [](int) {}};
        FakeApi api;
        Session session(api, terminal, Format::table);
        CHECK(static_cast<int>(init(session, nobody.machine, nobody.wish)) == 2);
        CHECK(has(err.str(), "--yes"));
    }
    CHECK(ended("y\n") == 2);
    CHECK(has(ended.err.str(), "nothing was written"));
    CHECK(declined("\n\n\n\n\nn\n") == 1);
    for (const Begun* begun : {&nobody, &ended, &declined}) CHECK(begun->daemon().empty());
}

TEST_CASE("What is asked is asked again until it is answered") {
    Begun begun;
    REQUIRE(begun("maybe\ny\nhost_%2\nhost2\nrelative\n-\nsqlite\nembedded\nsometimes\nautomatic\ny\n") == 0);
    check_valid(begun);
    CHECK(has(begun.file("policy.d/10-policy.yaml"), "mode: automatic"));
    CHECK(daemon_options(begun).shared_storage.empty());
}

TEST_CASE("What init's files show as examples is valid when the marks are taken away") {
    FirstConfiguration first;
    first.directory = "/etc/ballast";
    first.hosts = {{"host1", "qemu:///system", "", ""}};
    const std::regex example("^#([a-z_]+:.*)$");
    for (const bool daemon : {true, false}) {
        int examples = 0;
        std::string text =
            daemon ? "hosts: [{name: host1, uri: \"qemu+tls://host1/system\"}]\n" : "";  // a cluster has some
        for (const std::string& line : text_lines(daemon ? daemon_file(first) : policy_file(first))) {
            std::smatch match;
            if (!std::regex_match(line, match, example)) continue;
            ++examples;
            text += match[1].str() + "\n";
        }
        CHECK(examples >= 4);
        const auto problems = daemon ? ballast::config::check_daemon_text({"x", text}).problems()
                                     : ballast::config::check_policy_text({{"x", text}}).problems();
        INFO(text << to_string(problems));
        CHECK(problems.empty());
    }
}

TEST_CASE("Names that YAML would take for something else, and hostile ones, come back as they were") {
    for (const std::string name : {"on", "1e3", "null", "a-b_c.d"}) {
        FirstConfiguration first;
        first.directory = "/etc/ballast";
        first.hosts = {{name, "qemu:///system", "", ""}};
        first.shared = {"/srv/with space", "/srv/#hash: x"};
        const auto read = ballast::config::check_daemon_text({"x", daemon_file(first)});
        INFO(to_string(read.problems()));
        REQUIRE(read);
        CHECK(read->hosts[0].id.value == name);
        CHECK(read->shared_storage == first.shared);
    }
}

TEST_CASE("Hosts that ssh knows are names, not patterns, addresses or hashes") {
    CHECK(ssh_names("Host host2 *.example.org !x\n  HostName 192.0.2.1\nHost host3\n",
                    "host4,192.0.2.4 ssh-ed25519 AAAA\n|1|abc= ssh-rsa AAAA\n[host5]:2222 ssh-rsa "
                    "AAAA\n@cert-authority * ssh-rsa A\n# no\n") ==
          std::vector<std::string>{"host2", "host3", "host4"});
    CHECK(shared_mounts("a:/x /srv/x nfs rw 0 0\nb /y ext4 rw 0 0\nc:/ /with\\040space nfs4 rw 0 0\n") ==
          std::vector<std::string>{"/srv/x"});
}
