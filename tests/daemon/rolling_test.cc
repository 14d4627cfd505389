// Rolling reboots in the whole daemon: who is meant, what the cluster can spare, what an operator may run, and the
// routes that steer it.
#include "daemon/api_service.h"
#include "daemon/rolling_service.h"
#include "tests/daemon/daemon_life.h"

using namespace ballast;
using namespace ballast::test;
namespace json = boost::json;

namespace {

/// The daemon runs on host0; host1 to host3 have BMCs and a VM each.
class RollingLife : public DaemonLife {
public:
    RollingLife() : DaemonLife({"host0", "host1", "host2", "host3"}) {
        options.hosts[0].uri = "qemu:///system";
        options.rolling.commands["upgrade"] = {"/opt/upgrade", "--all"};
        for (const char* name : {"1", "2", "3"}) {
            vm(std::string("host") + name, std::string("vm") + name);
            power.add_host(std::string("host") + name);
        }
        policy.groups.push_back({"new", {}, {{"host3"}, {"host2"}}});
        policy.maintenance.return_home = true;
        power.on_change = [this](const HostId& id, Power now) {
            const bool up = now == Power::on;
            hypervisor->hosts_by_id.at(id).connection = up ? Connection::up : Connection::down;
            if (!up) CHECK(hypervisor->hosts_by_id.at(id).vms.empty());
            hypervisor->tell({up ? HypervisorEvent::Kind::connected : HypervisorEvent::Kind::disconnected, id, {}, ""});
        };
    }
    ~RollingLife() { end(); }

    void boot() {
        DaemonLife::boot();
        auto run_program = [this](std::vector<std::string> arguments, Duration) {
            ran.push_back(std::move(arguments));
            return ended();
        };
        rolling.emplace(io->get_executor(), clock, *hypervisor, store, *controller, run_program,
                        [this](const RollingRun& run) { told.push_back(run); });
        daemon::ApiHooks hooks;
        hooks.rolling = &*rolling;
        api.emplace(*controller, clock, hooks, 25s);
        REQUIRE(wait(rolling->recover()));
    }
    void reboot() {
        end();
        die();
        boot();
    }

    daemon::Reply ask(const std::string& method, const std::string& body = "",
                      daemon::Role role = daemon::Role::admin) {
        daemon::Caller caller;
        caller.role = role;
        caller.user = "root";
        std::optional<daemon::Reply> reply;
        boost::asio::co_spawn(*io, api->answer(method, "/v1/rolling", body, caller),
                              [&](std::exception_ptr bug, daemon::Reply answer) {
                                  REQUIRE_FALSE(bug);
                                  reply = std::move(answer);
                              });
        for (int i = 0; i < 60 && !reply; ++i) pass(1s);
        REQUIRE(reply);
        return *reply;
    }
    daemon::Reply post(const std::string& body) { return ask("POST", body); }
    std::string text(const std::string& pointer) {
        return std::string(ask("GET").body.at_pointer("/rolling" + pointer).as_string());
    }
    bool ends(Duration limit = 6h) {
        return until([&] { return rolling->run()->state != RollingState::running; }, limit);
    }

    Result<executor::CommandEnd> command_ends = executor::CommandEnd{true, 0, "ok\n"};
    std::vector<std::vector<std::string>> ran;
    std::vector<RollingRun> told;
    std::optional<daemon::RollingService> rolling;
    std::optional<daemon::ApiService> api;

private:
    boost::asio::awaitable<Result<executor::CommandEnd>> ended() { co_return command_ends; }
    void end() { api.reset(), rolling.reset(); }
};

std::string message_of(const daemon::Reply& reply) {
    return std::string(reply.body.at_pointer("/error/message").as_string());
}

}  // namespace

TEST_CASE("All hosts but the daemon's own are rebooted by their BMCs, and their VMs come home each time") {
    RollingLife life;
    life.boot();
    CHECK(life.ask("GET").body.at("rolling").is_null());
    const auto begun = life.post(R"({"action":"start"})");
    INFO(json::serialize(begun.body));
    REQUIRE(begun.status == 202);
    CHECK(begun.body.at_pointer("/rolling/left_out/0/host") == "host0");
    CHECK(begun.body.at_pointer("/rolling/hosts").as_array().size() == 3);
    CHECK(begun.body.at_pointer("/rolling/requested_by").as_string().starts_with("uid "));
    REQUIRE(life.ends());
    CHECK(life.text("/state") == "done");
    CHECK(life.power.orders ==
          std::vector<std::string>{"soft host1", "on host1", "soft host2", "on host2", "soft host3", "on host3"});
    for (const char* name : {"1", "2", "3"}) CHECK(life.where(std::string("vm") + name) == std::string("host") + name);
    for (const char* name : {"1", "2", "3"})
        CHECK(life.controller->maintenance_by({std::string("host") + name}).empty());
    CHECK(life.told.back().state == RollingState::done);
}

TEST_CASE("A command that the configuration names runs for each host of a group, in its order, and knows which it is") {
    RollingLife life;
    life.boot();
    REQUIRE(life.post(R"({"action":"start","group":"new","command":"upgrade"})").status == 202);
    REQUIRE(life.ends());
    CHECK(life.text("/state") == "done");
    CHECK(life.text("/output") == "ok\n");
    REQUIRE(life.ran.size() == 2);
    CHECK(life.ran[0] == std::vector<std::string>{"/usr/bin/env", "BALLAST_HOST=host3",
                                                  "BALLAST_URI=qemu+tls://host3/system", "/opt/upgrade", "--all"});
    CHECK(life.ran[1][1] == "BALLAST_HOST=host2");
    CHECK(life.power.orders.empty());
}

TEST_CASE("A command that fails stops the run; resume goes on with that host, also in another daemon") {
    RollingLife life;
    life.command_ends = executor::CommandEnd{true, 2, "disk full\n"};
    life.boot();
    REQUIRE(life.post(R"({"action":"start","command":"upgrade","hosts":["host2","host3"]})").status == 202);
    REQUIRE(life.ends());
    CHECK(life.text("/state") == "stopped");
    CHECK(life.text("/host") == "host2");
    CHECK(life.text("/message") == "the command upgrade failed with exit status 2: disk full");
    CHECK(life.controller->maintenance_by({"host2"}) == "rolling-reboot");
    CHECK(life.post(R"({"action":"stop"})").status == 409);
    life.command_ends = executor::CommandEnd{true, 0, ""};
    SECTION("this one") {}
    SECTION("another one") {
        life.reboot();
        CHECK(life.text("/state") == "stopped");
    }
    REQUIRE(life.post(R"({"action":"resume"})").status == 202);
    REQUIRE(life.ends());
    CHECK(life.text("/state") == "done");
    CHECK(life.ran.size() == 3);
}

TEST_CASE("A daemon that ends in the middle of a reboot is followed by one that goes on") {
    RollingLife life;
    life.boot();
    REQUIRE(life.post(R"({"action":"start"})").status == 202);
    RollingStep step = RollingStep::checking;
    SECTION("while VMs leave") {
        step = RollingStep::emptying;
    }
    SECTION("while it is switched") {
        step = RollingStep::rebooting;
    }
    SECTION("while it is waited for") {
        step = RollingStep::answering;
    }
    SECTION("while VMs come home") {
        step = RollingStep::settling;
    }
    REQUIRE(life.until([&] { return life.rolling->run()->step == step && life.rolling->run()->at == 1; }, 6h));
    life.reboot();
    REQUIRE(life.ends());
    CHECK(life.text("/state") == "done");
    for (const char* name : {"1", "2", "3"}) CHECK(life.where(std::string("vm") + name) == std::string("host") + name);
}

TEST_CASE("A host whose VM cannot leave is not begun with, and stops the run at its turn") {
    RollingLife life;
    life.hypervisor->hosts_by_id.at({"host2"}).vms.at({"id-vm2"}).facts.wishes.no_migrate = true;
    life.boot();
    const auto refused = life.post(R"({"action":"start","hosts":["host2"]})");
    CHECK(refused.status == 422);
    CHECK(message_of(refused).starts_with("vm2 cannot leave: "));
    REQUIRE(life.post(R"({"action":"start"})").status == 202);
    REQUIRE(life.ends());
    CHECK(life.text("/state") == "stopped");
    CHECK(life.text("/host") == "host2");
    CHECK(life.text("/message").starts_with("the cluster cannot do without it: vm2 cannot leave: "));
    CHECK(life.controller->maintenance_by({"host2"}).empty());
    REQUIRE(life.post(R"({"action":"resume","skip":true})").status == 202);
    REQUIRE(life.ends());
    CHECK(life.text("/state") == "done");
    CHECK(life.power.orders.size() == 4);
}

TEST_CASE("The room that the policy keeps for a loss is kept while a host is away") {
    RollingLife life;
    for (const char* name : {"1", "2", "3"})
        life.hypervisor->hosts_by_id.at({std::string("host") + name}).vms.begin()->second.facts.memory = gib(25);
    SECTION("without it the cluster can spare the host") {
        life.boot();
        CHECK(life.post(R"({"action":"start","hosts":["host1"]})").status == 202);
    }
    SECTION("with it it cannot") {
        life.policy.admission.host_failures = 1;
        life.boot();
        const auto refused = life.post(R"({"action":"start","hosts":["host1"]})");
        CHECK(refused.status == 422);
        CHECK(message_of(refused).find("of memory would be missing after the loss of 1 host") != std::string::npos);
    }
}

TEST_CASE("What makes no sense, or would move nothing, is refused with the reason") {
    RollingLife life;
    SECTION("bodies") {
        life.boot();
        for (const char* body : {"{}", R"({"action":"begin"})", R"({"action":"start","argv":["/bin/sh"]})",
                                 R"({"action":"start","command":["/bin/sh"]})", R"({"action":"start","hosts":"host1"})",
                                 R"({"action":"start","hosts":[1]})", R"({"action":"start","reboot":"kexec"})",
                                 R"({"action":"start","reboot":"command"})", R"({"action":"start","reboot":"none"})",
                                 R"({"action":"start","hosts":["host1","host1"]})",
                                 R"({"action":"start","hosts":["host1"],"group":"new"})",
                                 R"({"action":"stop","skip":true})", R"({"action":"resume","skip":1})"}) {
            INFO(body);
            CHECK(life.post(body).status == 400);
        }
        CHECK(life.post(R"({"action":"start","command":"/bin/sh"})").status == 404);
        CHECK(life.post(R"({"action":"start","hosts":["host9"]})").status == 404);
        CHECK(life.post(R"({"action":"start","group":"old"})").status == 404);
        CHECK(life.post(R"({"action":"resume"})").status == 409);
    }
    SECTION("the daemon's own host") {
        life.boot();
        const auto refused = life.post(R"({"action":"start","hosts":["host0"]})");
        CHECK(refused.status == 422);
        CHECK(message_of(refused).starts_with("this daemon runs on it: reboot it last, by systemctl reboot"));
    }
    SECTION("a host without a BMC") {
        life.power.hosts_by_id.erase({"host2"});
        life.boot();
        CHECK(life.post(R"({"action":"start"})").status == 422);
        CHECK(life.post(R"({"action":"start","command":"upgrade"})").status == 202);
    }
    SECTION("mode observe") {
        life.policy.mode = policy::Mode::observe;
        life.boot();
        CHECK(message_of(life.post(R"({"action":"start"})")) == "in mode observe no VM would leave");
    }
    SECTION("paused") {
        life.boot();
        REQUIRE(life.wait(life.controller->set_paused(true, "eve")));
        CHECK(message_of(life.post(R"({"action":"start"})")) == "Ballast is paused by eve: no VM would leave");
    }
    SECTION("who may only look") {
        life.boot();
        CHECK(life.ask("GET", "", daemon::Role::viewer).status == 200);
        CHECK(life.ask("POST", R"({"action":"start"})", daemon::Role::viewer).status == 403);
    }
    CHECK(life.power.orders.empty());
}

namespace {
daemon::RollingService::RunProgram as_children(service::Children& children) {
    return daemon::run_as_child([&children](service::Command command) { return children.run(std::move(command)); });
}
}  // namespace

TEST_CASE("A program is run with its arguments, its end and the end of its output are told") {
    service::Children children;
    boost::asio::io_context io;
    const auto run = [&](const std::string& script, Duration deadline) {
        std::optional<Result<executor::CommandEnd>> ended;
        const auto program = as_children(children);
        boost::asio::co_spawn(io, program({"/usr/bin/env", "BALLAST_HOST=h1", "/bin/sh", "-c", script}, deadline),
                              [&](std::exception_ptr, Result<executor::CommandEnd> result) { ended = result; });
        io.restart();
        io.run();
        REQUIRE(ended);
        return *ended;
    };
    const auto good = run("echo on $BALLAST_HOST", 30s);
    REQUIRE(good);
    CHECK(good->in_time);
    CHECK(good->exit_status == 0);
    CHECK(good->output == "on h1\n");
    const auto bad = run("echo bad >&2; exit 3", 30s);
    CHECK(bad->exit_status == 3);
    CHECK(bad->output == "bad\n");
    CHECK_FALSE(run("sleep 60", 300ms)->in_time);
    const auto chatty = run("head -c 3000000 /dev/zero | tr '\\0' x; exit 4", 30s);
    CHECK(chatty->in_time);  // nobody reads all of it, and nobody holds it up
    CHECK(chatty->exit_status == 4);
    const auto long_one = run("head -c 100000 /dev/zero | tr '\\0' x; echo end", 30s);
    CHECK(long_one->output.size() < 5000);
    CHECK(long_one->output.ends_with("end\n"));
}

TEST_CASE("What a command writes is text by the time anybody keeps or shows it, whatever bytes it wrote") {
    service::Children children;
    boost::asio::io_context io;
    std::optional<Result<executor::CommandEnd>> ended;
    const std::string longer(5000, 'x');
    boost::asio::co_spawn(io, as_children(children)({"/usr/bin/printf", longer + "bad \\377 byte\\nlast\\n"}, 20s),
                          [&](std::exception_ptr, Result<executor::CommandEnd> result) { ended = result; });
    io.run();
    REQUIRE(ended);
    REQUIRE(*ended);
    const std::string output = (*ended)->output;
    CHECK(output.ends_with("byte\nlast\n"));
    CHECK(output.size() < 4200);
    boost::system::error_code failure;
    json::parse(json::serialize(json::value(output)), failure);
    CHECK_FALSE(failure);
}
