// A shutdown of the daemon's own machine waits until the VMs have left, and for nothing else.
#include "cluster/requests.h"
#include "daemon/evacuation.h"
#include "daemon/shutdown_guard.h"
#include "tests/daemon/daemon_life.h"

using namespace ballast;
using namespace ballast::test;

namespace {

/// A logind that does as it is told; it outlives daemons, as do their locks in it, but for those of daemons that died.
class FakeShutdown : public Shutdown {
public:
    bool exists = true, announced = false, held = false;
    unsigned locks = 0;
    Duration longest = 16min;

    Task<void> connect() override {
        if (!exists) co_return Error{ErrorCode::unavailable, "logind", "nobody is there"};
        co_return Result<void>();
    }
    Task<void> delay(std::string) override {
        if (!held) ++locks;
        held = true;
        co_return Result<void>();
    }
    void release() override { held = false; }
    std::vector<std::string> told;
    void tell_users(const std::string& text) override { told.push_back(text); }
    Task<Duration> longest_delay() override { co_return longest; }
    Task<bool> is_preparing() override { co_return announced; }

    void announce(bool begins) {
        announced = begins;
        preparing(begins);
    }
};

/// The daemon runs on host1, with a and b on it.
class OwnLife : public DaemonLife {
public:
    explicit OwnLife(Duration patience = 15min) : patience_(patience) {
        options.hosts[0].uri = "qemu:///system";
        vm("host1", "a");
        vm("host1", "b");
    }
    ~OwnLife() { guard.reset(); }

    void boot() {
        DaemonLife::boot();
        evacuation = std::make_unique<daemon::OwnEvacuation>(*controller);
        guard = std::make_unique<daemon::ShutdownGuard>(io->get_executor(), clock, logind, *evacuation, HostId{"host1"},
                                                        patience_);
        boost::asio::co_spawn(*io, guard->run(), boost::asio::detached);
        pass(1s);
    }
    void reboot() {
        die();
        guard.reset();
        logind.held = false;
        boot();
    }
    bool is_empty() const { return hypervisor->hosts_by_id.at({"host1"}).vms.empty(); }
    std::string wanted_by() const { return controller->maintenance_by({"host1"}); }

    FakeShutdown logind;
    std::unique_ptr<daemon::OwnEvacuation> evacuation;
    std::unique_ptr<daemon::ShutdownGuard> guard;

private:
    Duration patience_;
};

/// The daemon on host1 leads; host2, with c and d on it, is to go down.
class FollowersLife : public DaemonLife {
public:
    FollowersLife() {
        vm("host2", "c");
        vm("host2", "d");
    }
    ~FollowersLife() { end(); }

    void boot() {
        DaemonLife::boot();
        lead();
        requests = std::make_unique<cluster::Requests>(io->get_executor(), clock, store, "host2");
        evacuation = std::make_unique<daemon::LeadersEvacuation>(
            [this](boost::json::value request) { return requests->ask(std::move(request), 10s); });
        guard = std::make_unique<daemon::ShutdownGuard>(io->get_executor(), clock, logind, *evacuation, HostId{"host2"},
                                                        15min);
        boost::asio::co_spawn(*io, guard->run(), boost::asio::detached);
        pass(10s);
    }
    void lead() {
        leader = std::make_unique<daemon::OwnEvacuation>(*controller);
        desk = std::make_unique<cluster::Desk>(io->get_executor(), clock, store, [this](boost::json::value request) {
            return answer(std::move(request));
        });
        boost::asio::co_spawn(*io, desk->run(), boost::asio::detached);
    }
    boost::asio::awaitable<boost::json::value> answer(boost::json::value request) {
        REQUIRE(daemon::is_about_shutdown(request));
        if (!leads) co_await clock.sleep_for(1h);
        auto told = co_await daemon::answer_member(*leader, std::move(request));
        co_return told;
    }
    void end() {
        die();
        guard.reset();
        desk.reset();
    }
    /// Of host2 and its member; the leader's process, too, in this world.
    void reboot() {
        end();
        logind.held = logind.announced = false;
        boot();
    }
    bool is_empty() const { return hypervisor->hosts_by_id.at({"host2"}).vms.empty(); }
    std::string wanted_by() const { return controller->maintenance_by({"host2"}); }

    bool leads = true;
    FakeShutdown logind;
    std::unique_ptr<daemon::OwnEvacuation> leader;
    std::unique_ptr<cluster::Desk> desk;
    std::unique_ptr<cluster::Requests> requests;
    std::unique_ptr<daemon::LeadersEvacuation> evacuation;
    std::unique_ptr<daemon::ShutdownGuard> guard;
};

}  // namespace

TEST_CASE("A shutdown waits until the VMs have left, and no longer") {
    OwnLife life;
    life.boot();
    CHECK(life.logind.held);
    life.logind.announce(true);
    life.pass(1s);
    CHECK(life.logind.held);
    CHECK(life.wanted_by() == "shutdown");
    REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
    CHECK(life.is_empty());
    REQUIRE(life.logind.told.size() == 1);
    CHECK(life.logind.told[0].starts_with("Ballast: host1 goes down once 2 virtual machines have left it"));
}

TEST_CASE("After the reboot the maintenance ends by itself, and the VMs come back if the policy says so") {
    OwnLife life;
    life.policy.maintenance.return_home = true;
    life.boot();
    life.logind.announce(true);
    REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
    life.logind.announced = false;
    life.reboot();
    CHECK(life.logind.held);
    CHECK(life.wanted_by().empty());
    CHECK(life.until([&] { return life.where("a") == "host1" && life.where("b") == "host1"; }, 2min));
}

TEST_CASE("A shutdown that is called off ends the maintenance, and the next one waits again") {
    OwnLife life;
    life.boot();
    life.logind.announce(true);
    life.pass(2s);
    life.logind.announce(false);
    life.pass(5s);
    CHECK(life.wanted_by().empty());
    CHECK(life.logind.held);
    life.logind.announce(true);
    REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
    CHECK(life.is_empty());
}

TEST_CASE("A daemon that is restarted while the machine waits goes on with it") {
    OwnLife life;
    life.hypervisor->migration_time = 2min;
    life.boot();
    life.logind.announce(true);
    life.pass(10s);
    life.hypervisor->migration_time = 2s;
    life.reboot();
    CHECK(life.logind.locks == 2);
    CHECK(life.wanted_by() == "shutdown");
    REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
    CHECK(life.is_empty());
}

TEST_CASE("VMs that cannot leave are not waited for once the others have left") {
    OwnLife life;
    life.hypervisor->hosts_by_id.at({"host1"}).vms.at({"id-a"}).facts.wishes.no_migrate = true;
    life.boot();
    life.logind.announce(true);
    REQUIRE(life.until([&] { return !life.logind.held; }, 2min));
    CHECK(life.where("a") == "host1");
    CHECK(life.where("b") != "host1");
}

TEST_CASE("The wait has an end") {
    OwnLife life(5min);
    life.hypervisor->migration_time = 1h;
    life.boot();
    life.logind.announce(true);
    const Instant begin = life.clock.now();
    REQUIRE(life.until([&] { return !life.logind.held; }, 1h));
    CHECK(life.clock.now() - begin >= 5min);
    CHECK(life.clock.now() - begin < 6min);
}

TEST_CASE("Where no VM would leave nothing is waited for") {
    OwnLife life;
    SECTION("mode observe") {
        life.policy.mode = policy::Mode::observe;
        life.boot();
    }
    SECTION("mode confirm") {
        life.policy.mode = policy::Mode::confirm;
        life.boot();
    }
    SECTION("paused") {
        life.boot();
        REQUIRE(life.wait(life.controller->set_paused(true, "somebody")));
    }
    SECTION("it is empty already") {
        life.hypervisor->hosts_by_id.at({"host1"}).vms.clear();
        life.boot();
    }
    CHECK(life.logind.held);
    life.logind.announce(true);
    life.pass(3s);
    CHECK_FALSE(life.logind.held);
    CHECK(life.logind.told.empty());
    CHECK(life.wanted_by() == "shutdown");
}

TEST_CASE("An operator's maintenance stays the operator's") {
    OwnLife life;
    life.boot();
    life.maintenance("host1", true, "uid 7 (eve)");
    life.logind.announce(true);
    REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
    CHECK(life.is_empty());
    life.logind.announced = false;
    life.reboot();
    CHECK(life.wanted_by() == "uid 7 (eve)");
}

TEST_CASE("Without logind everything else goes on, and it is found when it comes") {
    OwnLife life;
    life.logind.exists = false;
    life.boot();
    CHECK_FALSE(life.logind.held);
    life.pass(5min);
    life.logind.exists = true;
    life.pass(1min);
    CHECK(life.logind.held);
    life.logind.held = false;  // as after a restart of dbus
    life.logind.lost();
    life.pass(1min);
    CHECK(life.logind.held);
}

TEST_CASE("A shutdown of a follower's host waits until the leader has emptied it, and its maintenance ends after it") {
    FollowersLife life;
    life.hypervisor->migration_time = 20s;
    life.boot();
    CHECK(life.logind.held);
    life.logind.announce(true);
    life.pass(10s);
    CHECK(life.logind.held);
    CHECK(life.wanted_by() == "shutdown");
    REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
    CHECK(life.is_empty());
    REQUIRE(life.logind.told.size() == 1);
    CHECK(life.logind.told[0].starts_with("Ballast: host2 goes down once 2 virtual machines have left it"));
    life.reboot();
    CHECK(life.logind.held);
    CHECK(life.wanted_by().empty());
}

TEST_CASE("A shutdown of a follower's host that is called off ends the maintenance that the leader began") {
    FollowersLife life;
    life.boot();
    life.logind.announce(true);
    REQUIRE(life.until([&] { return life.wanted_by() == "shutdown"; }, 30s));
    life.logind.announce(false);
    CHECK(life.until([&] { return life.wanted_by().empty(); }, 30s));
    life.pass(2min);
    CHECK(life.wanted_by().empty());
    CHECK(life.logind.held);
}

TEST_CASE("While nobody leads a shutdown of a follower's host waits for a minute, and a leader that comes is asked") {
    FollowersLife life;
    life.boot();
    life.leads = false;
    life.logind.announce(true);
    const Instant begin = life.clock.now();
    SECTION("nobody comes") {
        REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
        CHECK(life.clock.now() - begin >= 1min);
        CHECK(life.clock.now() - begin < 90s);
        CHECK_FALSE(life.is_empty());
    }
    SECTION("one comes") {
        life.pass(30s);
        CHECK(life.logind.held);
        life.leads = true;
        REQUIRE(life.until([&] { return !life.logind.held; }, 5min));
        CHECK(life.is_empty());
    }
}

TEST_CASE("A host that Ballast itself switches off is not taken into maintenance by its shutdown") {
    FollowersLife life;
    life.hypervisor->hosts_by_id.at({"host2"}).vms.clear();
    life.power.add_host("host2");
    life.boot();
    REQUIRE(life.wait(life.controller->switch_off({"host2"}, false, true, "somebody")));
    REQUIRE(
        life.until([&] { return life.controller->power_switch().record({"host2"})->state != PowerState::on; }, 1min));
    life.logind.announce(true);
    CHECK(life.until([&] { return !life.logind.held; }, 1min));
    CHECK(life.wanted_by().empty());
}
