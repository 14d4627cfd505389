// A cluster is taken host by host through a reboot or an upgrade: in order, keeping its VMs running; a failure stops it
// where it is, and a daemon that dies on the way leaves it to the next one.
#include "executor/rolling.h"

#include "sim/sim_power.h"
#include "tests/executor/lab.h"

using namespace ballast;
using namespace ballast::test;
using executor::CommandEnd;
using executor::PowerSwitch;
using executor::Rolling;

namespace {

/// What outlives the daemon: who is in maintenance, and what commands have done.
struct Beyond {
    std::map<HostId, std::string> maintenance;
    std::vector<std::string> commands;  // "upgrade h1"
};

/// Empties hosts in maintenance by one migration after the other, and lets commands do what the test wants.
class LabSurroundings : public executor::RollingSurroundings {
public:
    LabSurroundings(Lab& lab, Beyond& beyond) : lab_(lab), beyond_(beyond) {}

    std::map<HostId, std::string> objections;
    std::map<HostId, std::vector<std::string>> stays;  // VMs that never leave, as texts
    bool empties = true;
    Duration command_takes = 10s;
    std::function<Result<CommandEnd>(const HostId&)> on_command;
    Duration home_takes = 30s;

    std::string objection(const HostId& host) override {
        const auto found = objections.find(host);
        return found == objections.end() ? "" : found->second;
    }
    bool is_busy() override { return !lab_.executor->active().empty(); }
    bool is_in_use(const HostId& host) override {
        const auto active = lab_.executor->active();
        return std::any_of(active.begin(), active.end(),
                           [&](const Operation& op) { return op.from == host || op.to == host; });
    }
    Task<void> set_maintenance(HostId host, bool on) override {
        co_await lab_.crashes.pass(*lab_.io);
        if (on)
            beyond_.maintenance[host] = ours();
        else
            beyond_.maintenance.erase(host);
        co_await lab_.crashes.pass(*lab_.io);
        co_return Result<void>();
    }
    std::string maintenance_by(const HostId& host) override {
        const auto found = beyond_.maintenance.find(host);
        return found == beyond_.maintenance.end() ? "" : found->second;
    }
    std::string ours() override { return "rolling-reboot"; }
    std::vector<std::string> stuck(const HostId& host) override {
        if (empties) empty(host);
        const auto found = stays.find(host);
        return is_busy() || found == stays.end() ? std::vector<std::string>() : found->second;
    }
    bool is_measured(const HostId& host, Instant since) override {
        return lab_.world.host(host)->answers() && lab_.clock.now() - since >= 10s;
    }
    bool has_rebooted(const HostId& host, Instant since) override { return lab_.world.host(host)->booted > since; }
    bool is_settled(const HostId&, Instant since) override { return lab_.clock.now() - since >= home_takes; }
    Task<CommandEnd> run_command(std::string name, HostId host) override {
        co_await lab_.crashes.pass(*lab_.io);
        beyond_.commands.push_back(name + " " + host.value);
        const Duration takes = command_takes;
        co_await lab_.clock.sleep_for(takes);
        co_await lab_.crashes.pass(*lab_.io);
        if (on_command) co_return on_command(host);
        co_return CommandEnd{true, 0, "done\n"};
    }

private:
    void empty(const HostId& host) {
        if (is_busy() || stays.contains(host)) return;
        for (const auto& [id, domain] : lab_.world.host(host)->domains)
            for (const HostId& to : lab_.world.hosts())
                if (domain.active() && to != host && !beyond_.maintenance.contains(to) &&
                    lab_.world.host(to)->answers()) {
                    Operation draft = lab_.draft(id.value.c_str(), host.value.c_str(), to.value.c_str());
                    draft.trigger = Trigger::maintenance;
                    boost::asio::co_spawn(*lab_.io, lab_.executor->submit(std::move(draft), false),
                                          boost::asio::detached);
                    return;
                }
    }

    Lab& lab_;
    Beyond& beyond_;
};

/// Three hosts with BMCs; a on h1, b on h2.
class RollingLab : public Lab {
public:
    RollingLab() {
        for (const HostId& host : world.hosts()) bmcs[host];
        world.add_vm({"h1"}, {"a"}, {});
        world.add_vm({"h2"}, {"b"}, {});
        connect();
        recover_all();
        REQUIRE_FALSE(crashes.dead());
    }
    ~RollingLab() { stop(); }

    void restart(std::uint64_t crash_at = 0) {
        stop();
        die();
        boot(crash_at);
        recover();
        connect();
        recover_all();
    }
    RollingRun wanted(std::vector<HostId> hosts = {{"h1"}, {"h2"}, {"h3"}}) const {
        RollingRun run;
        run.hosts = std::move(hosts);
        run.requested_by = "uid 0 (root)";
        return run;
    }
    RollingRun upgrade(Reboot reboot = Reboot::none) const {
        RollingRun run = wanted();
        run.command = "upgrade";
        run.reboot = reboot;
        return run;
    }
    Result<void> begin(RollingRun run) { return wait(rolling->start(std::move(run))); }
    const RollingRun& run() const { return *rolling->run(); }
    bool ends(Duration limit = 10h) {
        return run_until([&] { return run().state != RollingState::running; }, limit);
    }
    bool reaches(RollingStep step, const char* host = "h1") {
        return run_until([&] { return run().step == step && run().hosts[run().at].value == host; }, 10h);
    }
    bool all_run() const { return where("a").size() == 2 && where("b").size() == 2; }
    /// Between two hosts a guest stands still for a moment.
    bool none_runs_twice() const { return where("a").size() <= 2 && where("b").size() <= 2; }

    Beyond beyond;
    sim::Bmcs bmcs;
    std::unique_ptr<sim::SimPower> power;
    std::unique_ptr<PowerSwitch> power_switch;
    std::unique_ptr<LabSurroundings> around;
    std::unique_ptr<Rolling> rolling;
    std::vector<std::string> told;  // "h1 emptying"
    std::function<void(LabSurroundings&)> arrange;

private:
    void stop() { rolling.reset(), power_switch.reset(), power.reset(); }
    void connect() {
        power = std::make_unique<sim::SimPower>(*io, clock, world, bmcs, crashes);
        power_switch = std::make_unique<PowerSwitch>(
            io->get_executor(), clock, *hypervisor, *power, *store, [this](const HostId& host) { return in_use(host); },
            [](const PowerRecord&) {});
        around = std::make_unique<LabSurroundings>(*this, beyond);
        if (arrange) arrange(*around);
        rolling = std::make_unique<Rolling>(
            io->get_executor(), clock, *hypervisor, *power_switch, *store, *around, [this](const RollingRun& now) {
                told.push_back(now.state == RollingState::running ? now.hosts[now.at].value + " " + to_string(now.step)
                                                                  : to_string(now.state));
            });
    }
    void recover_all() {
        if (!recovering) recover();
        run_until([&] { return recovered.has_value(); });
        const auto by_power = ask(power_switch->recover());
        run_until([&] { return by_power->has_value(); });
        const auto by_rolling = ask(rolling->recover());
        run_until([&] { return by_rolling->has_value(); });
        if (!crashes.dead()) REQUIRE((**by_rolling).has_value());
    }
};

}  // namespace

TEST_CASE("Hosts are rebooted one after the other, each empty, and their VMs run on") {
    RollingLab lab;
    lab.check = [&] {
        if (!lab.none_runs_twice()) FAIL("a VM runs twice");
        const auto off = [&](const HostId& host) { return !lab.world.host(host)->powered; };
        const auto hosts = lab.world.hosts();
        if (std::count_if(hosts.begin(), hosts.end(), off) > 1) FAIL("two hosts are off");
        if (lab.beyond.maintenance.size() > 1) FAIL("two hosts are in maintenance");
    };
    REQUIRE(lab.begin(lab.wanted()));
    REQUIRE(lab.ends());
    lab.run_for(1s);
    CHECK(lab.run().state == RollingState::done);
    CHECK(lab.run().ended);
    CHECK(lab.all_run());
    CHECK(lab.beyond.maintenance.empty());
    for (const char* host : {"h1", "h2", "h3"}) {
        CHECK(lab.power_switch->record({host})->proven);
        CHECK(lab.world.host({host})->powered);
    }
    const std::vector<std::string> first(lab.told.begin(), lab.told.begin() + 6);
    CHECK(first == std::vector<std::string>{"h1 checking", "h1 emptying", "h1 rebooting", "h1 answering", "h1 settling",
                                            "h2 checking"});
    CHECK(lab.told.back() == "done");
}

TEST_CASE("A command runs on each host once it is empty") {
    RollingLab lab;
    lab.around->on_command = [&](const HostId& host) -> Result<CommandEnd> {
        CHECK(lab.world.host(host)->domains.empty());
        CHECK(lab.beyond.maintenance.contains(host));
        return CommandEnd{true, 0, "upgraded\n"};
    };
    SECTION("and that is all") {
        REQUIRE(lab.begin(lab.upgrade()));
        REQUIRE(lab.ends());
        CHECK(lab.run().output == "upgraded\n");
        CHECK_FALSE(lab.power_switch->record({"h1"}));
    }
    SECTION("and then it is rebooted") {
        REQUIRE(lab.begin(lab.upgrade(Reboot::power)));
        REQUIRE(lab.ends());
        CHECK(lab.power_switch->record({"h3"})->proven);
    }
    CHECK(lab.run().state == RollingState::done);
    CHECK(lab.beyond.commands == std::vector<std::string>{"upgrade h1", "upgrade h2", "upgrade h3"});
}

TEST_CASE("A command that reboots its host is believed when the host was seen to have booted") {
    RollingLab lab;
    bool reboots = true;
    lab.around->on_command = [&](const HostId& host) -> Result<CommandEnd> {
        if (!reboots) lab.world.restart_libvirtd(host);  // as its upgrade does
        if (!reboots) return CommandEnd{true, 0, ""};
        lab.world.power_off(host);
        lab.world.after(90s, [&lab, host] { lab.world.power_on(host); });
        return CommandEnd{true, 0, ""};
    };
    SECTION("it does") {
        REQUIRE(lab.begin(lab.upgrade(Reboot::command)));
        REQUIRE(lab.ends());
        CHECK(lab.run().state == RollingState::done);
    }
    SECTION("it does not") {
        reboots = false;
        REQUIRE(lab.begin(lab.upgrade(Reboot::command)));
        REQUIRE(lab.ends());
        CHECK(lab.run().state == RollingState::stopped);
        CHECK(lab.run().message == "answers, but was not rebooted by the command upgrade");
        CHECK(lab.beyond.maintenance.contains({"h1"}));
    }
    CHECK(lab.all_run());
}

TEST_CASE("The first failure stops it: the host stays in maintenance, the others are left alone, and resume goes on") {
    enum Then { resumed, resumed_by_the_next_daemon, resumed_without_the_host };
    const Then then = GENERATE(resumed, resumed_by_the_next_daemon, resumed_without_the_host);
    RollingLab lab;
    std::string message;
    std::function<void()> mend;
    SECTION("the command fails") {
        lab.around->on_command = [&](const HostId& host) -> Result<CommandEnd> {
            return CommandEnd{true, host.value == "h2" ? 3 : 0, "reading\nno space left\n"};
        };
        message = "the command upgrade failed with exit status 3: no space left";
        mend = [&] { lab.around->on_command = nullptr; };
    }
    SECTION("the command takes too long") {
        lab.around->on_command = [&](const HostId& host) -> Result<CommandEnd> {
            return CommandEnd{host.value != "h2", 0, ""};
        };
        message = "the command upgrade took too long and was killed";
        mend = [&] { lab.around->on_command = nullptr; };
    }
    SECTION("it cannot be started") {
        lab.around->on_command = [&](const HostId& host) -> Result<CommandEnd> {
            if (host.value != "h2") return CommandEnd{true, 0, ""};
            return Error{ErrorCode::unavailable, "/usr/bin/upgrade", "cannot be started"};
        };
        message = "the command upgrade did not run: cannot be started";
        mend = [&] { lab.around->on_command = nullptr; };
    }
    SECTION("a VM cannot leave") {
        lab.around->stays[{"h2"}] = {"b cannot leave: it is not on shared storage"};
        message = "b cannot leave: it is not on shared storage";
        mend = [&] { lab.around->stays.clear(); };
    }
    SECTION("it does not get empty in time") {
        lab.around->stays[{"h2"}] = {};
        message = "is not empty after 60 min";
        mend = [&] { lab.around->stays.clear(); };
    }
    SECTION("somebody ends its maintenance") {
        lab.around->stays[{"h2"}] = {};
        lab.world.after(5min, [&] { lab.beyond.maintenance.erase({"h2"}); });
        message = "somebody else ended its maintenance";
        mend = [&] { lab.around->stays.clear(); };
    }
    REQUIRE(lab.begin(lab.upgrade()));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::stopped);
    CHECK(lab.run().hosts[lab.run().at].value == "h2");
    CHECK(lab.run().message == message);
    CHECK(lab.beyond.maintenance.contains({"h2"}) == (message != "somebody else ended its maintenance"));
    CHECK(std::count(lab.beyond.commands.begin(), lab.beyond.commands.end(), "upgrade h3") == 0);
    CHECK(lab.all_run());
    lab.run_for(1h);
    CHECK(lab.run().state == RollingState::stopped);
    mend();
    const auto count = [&](const char* command) {
        return std::count(lab.beyond.commands.begin(), lab.beyond.commands.end(), command);
    };
    const auto before = count("upgrade h2");
    if (then == resumed_by_the_next_daemon) lab.restart();
    REQUIRE(lab.wait(lab.rolling->resume(then == resumed_without_the_host, "somebody")));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::done);
    CHECK(count("upgrade h1") == 1);
    CHECK(count("upgrade h2") == before + (then == resumed_without_the_host ? 0 : 1));
    CHECK(lab.beyond.commands.back() == "upgrade h3");
    CHECK(lab.beyond.maintenance.empty());
    CHECK(lab.all_run());
}

TEST_CASE("A host that the cluster cannot spare is left alone, and the reason is told") {
    RollingLab lab;
    SECTION("the first one: nothing begins") {
        lab.around->objections[{"h1"}] = "a cannot leave";
        const auto begun = lab.begin(lab.wanted());
        REQUIRE_FALSE(begun);
        CHECK(begun.error().code == ErrorCode::refused);
        CHECK_FALSE(lab.rolling->run());
    }
    SECTION("a later one: it stops there") {
        lab.around->objections[{"h2"}] = "b cannot leave";
        REQUIRE(lab.begin(lab.wanted()));
        REQUIRE(lab.ends());
        CHECK(lab.run().message == "the cluster cannot do without it: b cannot leave");
        CHECK(lab.beyond.maintenance.empty());
        CHECK_FALSE(lab.power_switch->record({"h2"}));
    }
    SECTION("one that passes is waited for") {
        lab.around->objections[{"h2"}] = "b cannot leave";
        REQUIRE(lab.begin(lab.wanted()));
        REQUIRE(lab.reaches(RollingStep::checking, "h2"));
        lab.run_for(30s);
        lab.around->objections.clear();
        REQUIRE(lab.ends());
        CHECK(lab.run().state == RollingState::done);
    }
    SECTION("it is in maintenance by somebody else") {
        lab.beyond.maintenance[{"h3"}] = "uid 7 (eve)";
        REQUIRE(lab.begin(lab.wanted()));
        REQUIRE(lab.ends());
        CHECK(lab.run().message == "is in maintenance already, by uid 7 (eve)");
        CHECK(lab.beyond.maintenance.at({"h3"}) == "uid 7 (eve)");
    }
}

TEST_CASE("A reboot that fails stops it") {
    RollingLab lab;
    std::string message;
    SECTION("its BMC cannot be reached") {
        lab.bmcs[{"h1"}].dead = true;
        message = "was not rebooted: not switched off: ";
    }
    SECTION("its system does not go down") {
        lab.bmcs[{"h1"}].button_ignored = true;
        message = "was not rebooted: did not go down within 5 min";
    }
    SECTION("it does not come back") {
        lab.bmcs[{"h1"}].wakes_ignored = 100;
        message = "was not rebooted: did not come in 3 tries";
    }
    REQUIRE(lab.begin(lab.wanted()));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::stopped);
    INFO(lab.run().message);
    CHECK(lab.run().message.starts_with(message));
    CHECK(lab.beyond.maintenance.contains({"h1"}));
    CHECK(lab.all_run());
}

TEST_CASE("An operator stops it between two steps, and it is resumed where it was") {
    RollingLab lab;
    RollingStep step = RollingStep::emptying;
    SECTION("while its VMs leave") {
        step = RollingStep::emptying;
    }
    SECTION("while its command runs") {
        step = RollingStep::command;
    }
    SECTION("while it is rebooted") {
        step = RollingStep::rebooting;
    }
    SECTION("while it is waited for") {
        step = RollingStep::answering;
    }
    SECTION("while its VMs come back") {
        step = RollingStep::settling;
    }
    REQUIRE(lab.begin(lab.upgrade(Reboot::power)));
    REQUIRE(lab.reaches(step, "h2"));
    lab.run_for(500ms);  // into it
    REQUIRE(lab.wait(lab.rolling->stop("somebody")));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::stopped);
    CHECK(lab.run().message == "stopped by somebody");
    CHECK(lab.run().at == 1);
    CHECK(lab.wait(lab.rolling->stop("somebody")).error().code == ErrorCode::conflict);
    lab.run_for(30min);
    CHECK(lab.world.host({"h2"})->powered);
    CHECK(lab.beyond.maintenance.contains({"h2"}) == (step != RollingStep::settling));
    REQUIRE(lab.wait(lab.rolling->resume(false, "somebody")));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::done);
    CHECK(lab.beyond.commands == std::vector<std::string>{"upgrade h1", "upgrade h2", "upgrade h3"});
}

TEST_CASE("A maintenance that somebody else takes over meanwhile is theirs to end") {
    RollingLab lab;
    lab.around->on_command = [&](const HostId& host) -> Result<CommandEnd> {
        lab.beyond.maintenance[host] = "uid 7 (eve)";
        return CommandEnd{true, 0, ""};
    };
    RollingRun run = lab.upgrade();
    run.hosts = {{"h3"}};
    REQUIRE(lab.begin(run));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::done);
    CHECK(lab.beyond.maintenance.at({"h3"}) == "uid 7 (eve)");
}

TEST_CASE("A host that is not configured any more stops it") {
    RollingLab lab;
    REQUIRE(lab.begin(lab.wanted({{"h1"}, {"h9"}})));
    REQUIRE(lab.ends());
    CHECK(lab.run().message == "is not configured any more");
    REQUIRE(lab.wait(lab.rolling->resume(true, "somebody")));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::done);
}

TEST_CASE("A host that somebody takes into maintenance meanwhile is not rebooted under their hands") {
    RollingLab lab;
    lab.around->on_command = [&](const HostId& host) -> Result<CommandEnd> {
        lab.beyond.maintenance[host] = "uid 7 (eve)";
        return CommandEnd{true, 0, ""};
    };
    REQUIRE(lab.begin(lab.upgrade(Reboot::power)));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::stopped);
    CHECK(lab.run().message == "is in maintenance by uid 7 (eve) by now");
    CHECK(lab.beyond.maintenance.at({"h1"}) == "uid 7 (eve)");
    CHECK_FALSE(lab.power_switch->record({"h1"}));
}

TEST_CASE("There is one run at a time, and nothing to stop or resume without one") {
    RollingLab lab;
    CHECK(lab.wait(lab.rolling->stop("somebody")).error().code == ErrorCode::conflict);
    CHECK(lab.wait(lab.rolling->resume(false, "somebody")).error().code == ErrorCode::conflict);
    REQUIRE(lab.begin(lab.wanted({{"h1"}})));
    CHECK(lab.begin(lab.wanted({{"h2"}})).error().code == ErrorCode::conflict);
    CHECK(lab.wait(lab.rolling->resume(false, "somebody")).error().code == ErrorCode::conflict);
    REQUIRE(lab.ends());
    CHECK(lab.wait(lab.rolling->resume(false, "somebody")).error().code == ErrorCode::conflict);
    REQUIRE(lab.begin(lab.wanted({{"h2"}})));
    REQUIRE(lab.ends());
    CHECK(lab.run().state == RollingState::done);
}

TEST_CASE("Without the store nothing begins, and a step waits until it is journalled") {
    RollingLab lab;
    SECTION("at the beginning") {
        lab.data.unavailable_until = lab.clock.now() + 2min;
        const auto begun = lab.begin(lab.wanted());
        REQUIRE_FALSE(begun);
        REQUIRE(lab.ends());
        CHECK(lab.run().state == RollingState::stopped);
        lab.run_for(10min);
        CHECK(lab.beyond.maintenance.empty());
        lab.restart();
        CHECK(lab.run().state == RollingState::stopped);
    }
    SECTION("on the way") {
        REQUIRE(lab.begin(lab.upgrade()));
        REQUIRE(lab.reaches(RollingStep::emptying));
        lab.data.unavailable_until = lab.clock.now() + 10min;
        lab.run_for(9min);
        CHECK(lab.beyond.commands.empty());
        REQUIRE(lab.ends());
        CHECK(lab.run().state == RollingState::done);
    }
}

TEST_CASE("A daemon that dies at any point leaves a run that the next one brings to its end") {
    Reboot reboot = Reboot::power;
    SECTION("by its BMC") {
        reboot = Reboot::power;
    }
    SECTION("by a command") {
        reboot = Reboot::none;
    }
    unsigned resumed = 0, crashed = 0;
    for (std::uint64_t crash_at = 1; crash_at < 4000; crash_at += crash_at < 60 ? 1 : 5) {
        RollingLab lab;
        RollingRun wanted = reboot == Reboot::power ? lab.wanted({{"h1"}, {"h2"}}) : lab.upgrade();
        lab.restart(crash_at);
        lab.check = [&] {
            if (!lab.none_runs_twice()) FAIL("a VM runs twice");
        };
        if (!lab.crashes.dead()) {
            const auto begun = lab.ask(lab.rolling->start(wanted));
            lab.run_until([&] { return lab.rolling->run() && lab.run().state != RollingState::running; }, 10h);
        }
        if (!lab.crashes.dead()) break;
        ++crashed;
        lab.restart();
        INFO("died at point " << crash_at);
        if (!lab.rolling->run()) {  // it had not been accepted yet
            REQUIRE(lab.begin(wanted));
        }
        REQUIRE(lab.ends());
        if (lab.run().state == RollingState::stopped) {
            INFO(lab.run().message);
            CHECK(reboot != Reboot::power);
            CHECK(lab.run().message.starts_with("ballastd ended while the command upgrade ran"));
            REQUIRE(lab.wait(lab.rolling->resume(false, "somebody")));
            REQUIRE(lab.ends());
            ++resumed;
        }
        CHECK(lab.run().state == RollingState::done);
        CHECK(lab.beyond.maintenance.empty());
        CHECK(lab.all_run());
        for (const HostId& host : lab.world.hosts()) CHECK(lab.world.host(host)->powered);
    }
    CHECK(crashed > 60);
    if (reboot == Reboot::none) CHECK(resumed > 0);
}

TEST_CASE("Records of a run are read as they were written, and nothing else is") {
    RollingRun run;
    run.started = WallTime{1000s};
    run.ended = WallTime{2000s};
    run.requested_by = "uid 0 (root)";
    run.hosts = {{"h1"}, {"h2"}};
    run.left_out = {{{"h3"}, "this daemon runs on it"}};
    run.at = 1;
    run.command = "upgrade";
    run.state = RollingState::stopped;
    run.step = RollingStep::command;
    run.since = WallTime{1500s};
    run.message = "no space left";
    run.output = "reading\n";
    for (const Reboot reboot : {Reboot::none, Reboot::power, Reboot::command}) {
        run.reboot = reboot;
        CHECK(executor::rolling_run_from_json(executor::to_json(run)).value() == run);
    }
    for (const auto& [key, value] : executor::to_json(run)) {
        boost::json::object broken = executor::to_json(run);
        broken.erase(key);
        CHECK(executor::rolling_run_from_json(broken).error().code == ErrorCode::corrupt);
        broken[key] = boost::json::array{1, boost::json::object{}};
        CHECK(executor::rolling_run_from_json(broken).error().code == ErrorCode::corrupt);
    }
    boost::json::object beyond = executor::to_json(run);
    beyond["at"] = 2;
    CHECK_FALSE(executor::rolling_run_from_json(beyond));
}
