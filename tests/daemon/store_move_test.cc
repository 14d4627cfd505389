// ballastd's work on a stopped store, with its own files and a real etcd.
#include <fstream>

#include "cluster/keys.h"
#include "daemon/open_store.h"
#include "daemon/store_tools.h"
#include "etcd/etcd_store.h"
#include "interchange/store_backup.h"
#include "service/real_clock.h"
#include "tests/etcd/etcd_process.h"

using namespace ballast;
using namespace ballast::test;

namespace {

struct Machine {
    Machine() {
        write("embedded.yaml", "");
        write("other.yaml", "state_dir: " + (directory / "other") + "\n");
    }
    void write(const std::string& name, const std::string& more) {
        const bool placed = more.find("state_dir:") != std::string::npos;
        std::ofstream(directory / name) << (placed ? "" : "state_dir: " + (directory / "state") + "\n")
                                        << "socket: " << (directory / "ballast.sock") << "\n"
                                        << more;
    }
    std::string file(const std::string& name) const { return directory / name; }
    /// A store as the daemon opens it.
    struct Opened {
        boost::asio::io_context io;
        RealClock clock;
        Result<std::unique_ptr<Store>> store = Error{};
        std::map<std::string, std::string> content() {
            std::map<std::string, std::string> all;
            for (const KeyValue& entry : wait(io, (*store)->list("")).value()) all[entry.key] = entry.value;
            return all;
        }
        void put(const std::string& key, const std::string& value) {
            REQUIRE(wait(io, (*store)->commit(transaction({test::put(key, value)}))).value().committed);
        }
    };
    std::unique_ptr<Opened> open(const config::DaemonOptions& options) {
        auto opened = std::make_unique<Opened>();
        opened->store = wait(opened->io, daemon::open_store_for_use(opened->io.get_executor(), opened->clock, options));
        return opened;
    }
    config::DaemonOptions embedded() const {
        config::DaemonOptions options;
        options.state_dir = directory / "state";
        return options;
    }
    TemporaryDirectory directory;
};

const std::map<std::string, std::string> some{{"/ballast/maintenance/h1", "ann"},
                                              {"/ballast/settings/mode", "observe"}};

std::map<std::string, std::string> paused(std::map<std::string, std::string> entries, const std::string& by) {
    entries["/ballast/settings/paused_by"] = by;
    return entries;
}

}  // namespace

TEST_CASE("a backup of a stopped daemon's store comes back into an empty one, and over another content") {
    Machine machine;
    std::filesystem::create_directory(machine.file("state"));
    for (const auto& [key, value] : some) machine.open(machine.embedded())->put(key, value);
    const std::string backup = machine.file("backup.json");
    REQUIRE(daemon::back_up_store(machine.file("embedded.yaml"), backup) == 0);
    machine.open(machine.embedded())->put("/ballast/maintenance/h2", "bob");
    REQUIRE(daemon::restore_store(machine.file("embedded.yaml"), backup) == 0);
    std::ifstream in(backup);
    const auto read = interchange::parse_store_backup(std::string(std::istreambuf_iterator<char>(in), {})).value();
    CHECK(machine.open(machine.embedded())->content() == paused(some, "the restore of the backup of " + read.at));
    std::size_t kept = 0;  // what was there before
    for (const auto& entry : std::filesystem::directory_iterator(machine.file("state")))
        kept += entry.path().filename().string().starts_with("store.before-restore-");
    CHECK(kept == 1);
    std::filesystem::remove_all(machine.file("state"));
    std::filesystem::create_directory(machine.file("state"));
    REQUIRE(daemon::restore_store(machine.file("embedded.yaml"), backup) == 0);
    CHECK(machine.open(machine.embedded())->content() == paused(some, "the restore of the backup of " + read.at));
}

TEST_CASE("a damaged backup, one of a later version, and none at all change nothing") {
    Machine machine;
    for (const auto& [key, value] : some) machine.open(machine.embedded())->put(key, value);
    for (const char* text : {"", "{", R"({"format": "ballast-store/2"})", R"({"format": "ballast-store/1"})",
                             R"({"format": "ballast-store/1", "checksum": "0", "entries": {"/ballast/a": "1"}})"}) {
        std::ofstream(machine.file("bad.json")) << text;
        CHECK(daemon::restore_store(machine.file("embedded.yaml"), machine.file("bad.json")) == 2);
    }
    CHECK(daemon::restore_store(machine.file("embedded.yaml"), machine.file("none.json")) == 2);
    CHECK(machine.open(machine.embedded())->content() == some);
}

TEST_CASE("a backup may be named from where one stands") {
    Machine machine;
    machine.open(machine.embedded())->put("/ballast/settings/mode", "observe");
    const auto here = std::filesystem::current_path();
    std::filesystem::current_path(machine.directory.path());
    const int status = daemon::back_up_store("embedded.yaml", "backup.json");
    const bool there = std::filesystem::exists("backup.json");
    std::filesystem::current_path(here);
    CHECK(status == 0);
    CHECK(there);
}

TEST_CASE("nothing is done to the store of a daemon that runs") {
    Machine machine;
    const std::string backup = machine.file("backup.json");
    machine.open(machine.embedded())->put("/ballast/settings/mode", "observe");
    REQUIRE(daemon::back_up_store(machine.file("embedded.yaml"), backup) == 0);
    {
        const auto running = machine.open(machine.embedded());  // holds the directory
        CHECK(daemon::restore_store(machine.file("embedded.yaml"), backup) == 1);
        CHECK(daemon::move_store(machine.file("embedded.yaml"), machine.file("other.yaml")) == 1);
        CHECK(daemon::back_up_store(machine.file("embedded.yaml"), backup) == 1);
    }
    boost::asio::io_context io;
    boost::asio::local::stream_protocol::acceptor listener(io, machine.file("ballast.sock"));
    CHECK(daemon::restore_store(machine.file("embedded.yaml"), backup) == 1);
    CHECK(daemon::move_store(machine.file("embedded.yaml"), machine.file("other.yaml")) == 1);
    listener.close();
    CHECK(machine.open(machine.embedded())->content() ==
          std::map<std::string, std::string>{{"/ballast/settings/mode", "observe"}});
}

TEST_CASE("the embedded store moves to an etcd, which then is the only one that a daemon uses; and back") {
    Etcd etcd;
    Machine machine;
    machine.write("etcd.yaml",
                  "store: {kind: etcd, endpoints: [\"" + etcd.endpoints()[0] + "\"], call_timeout: 20s}\n");
    config::DaemonOptions in_etcd = machine.embedded();
    in_etcd.store.kind = "etcd";
    in_etcd.store.endpoints = etcd.endpoints();
    in_etcd.store.call_timeout = std::chrono::seconds(20);  // of a machine that is busy
    auto before = some;
    for (int i = 0; i < 300; ++i) before["/ballast/facts/h" + std::to_string(i)] = std::string(10'000, 'x');
    {
        const auto embedded = machine.open(machine.embedded());
        for (const auto& [key, value] : before) embedded->put(key, value);
    }
    REQUIRE(daemon::move_store(machine.file("embedded.yaml"), machine.file("etcd.yaml")) == 0);
    {
        const auto moved = machine.open(in_etcd);
        REQUIRE(moved->store.has_value());
        CHECK(moved->content() == before);
        moved->put("/ballast/maintenance/h7", "eve");
    }
    {
        const auto old = machine.open(machine.embedded());
        REQUIRE(old->store.has_error());
        CHECK(old->store.error().code == ErrorCode::refused);
        CHECK(old->store.error().message.find("moved to etcd at " + etcd.endpoints()[0]) != std::string::npos);
    }
    CHECK(daemon::move_store(machine.file("embedded.yaml"), machine.file("etcd.yaml")) == 1);  // moved already
    CHECK(daemon::move_store(machine.file("etcd.yaml"), machine.file("etcd.yaml")) == 2);
    before["/ballast/maintenance/h7"] = "eve";
    REQUIRE(daemon::move_store(machine.file("etcd.yaml"), machine.file("other.yaml")) == 0);
    config::DaemonOptions other = machine.embedded();
    other.state_dir = machine.file("other");
    CHECK(machine.open(other)->content() == before);
}

TEST_CASE("nothing is restored into an etcd in which a daemon is registered") {
    Etcd etcd;
    Machine machine;
    machine.write("etcd.yaml",
                  "store: {kind: etcd, endpoints: [\"" + etcd.endpoints()[0] + "\"], call_timeout: 20s}\n");
    config::DaemonOptions in_etcd = machine.embedded();
    in_etcd.store.kind = "etcd";
    in_etcd.store.endpoints = etcd.endpoints();
    in_etcd.store.call_timeout = std::chrono::seconds(20);  // of a machine that is busy
    in_etcd.state_dir = machine.file("of the running daemon");
    const std::string backup = machine.file("backup.json");
    const auto running = machine.open(in_etcd);
    running->put("/ballast/settings/mode", "observe");
    running->put(cluster::agent_key({"h1"}), "somebody");
    REQUIRE(daemon::back_up_store(machine.file("etcd.yaml"), backup) == 0);  // which any time is fine for
    running->put("/ballast/settings/mode", "confirm");
    const auto before = running->content();
    CHECK(daemon::restore_store(machine.file("etcd.yaml"), backup) == 1);
    CHECK(running->content() == before);
}
