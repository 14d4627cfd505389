#include "interchange/views.h"

#include <catch2/catch.hpp>
#include <limits>

#include "interchange/views_explain.h"
#include "interchange/views_power.h"
#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;
namespace views = ballast::views;
namespace json = boost::json;

namespace {

// What the API would look at, of a cluster in words.
struct Look {
    Cluster cluster;
    Cycle last;
    std::deque<Cycle> cycles;
    std::vector<Operation> active;
    std::deque<Operation> ended;
    std::vector<PowerRecord> power;

    views::Seen seen() const {
        return {cluster.inventory, cluster.memory, cluster.options, last, cycles, active, ended, cluster.now,
                WallTime{},        power};
    }
    json::object explained(const std::string& vm) {
        return views::explain_vm(seen(), cluster.guest(vm), cluster.plan());
    }
};

Operation some_operation() {
    Operation op;
    op.id = {"op-000000000001"};
    op.vm = {"id-web"};
    op.vm_name = "web";
    op.from = {"h1"};
    op.to = {"h2"};
    op.state = OperationState::running;
    op.started = WallTime(10s);
    return op;
}

}  // namespace

TEST_CASE("What is not known is null and never zero") {
    CHECK(views::number(std::nullopt).is_null());
    CHECK(views::bytes(std::nullopt).is_null());
    CHECK(views::time(std::nullopt).is_null());
    CHECK(views::milliseconds(Duration{0}) == 0);
}

TEST_CASE("What JSON cannot carry is null") {
    CHECK(views::number(std::numeric_limits<double>::infinity()).is_null());
    CHECK(views::number(std::numeric_limits<double>::quiet_NaN()).is_null());
    CHECK(views::number(0.5) == 0.5);
}

TEST_CASE("A rejection carries its name, its sentence and whether it only advises") {
    const Rejection rejection{{"id-web"}, HostId{"h2"}, Reason::cooldown, "4 min ago"};
    const json::object view = views::rejection(rejection, {{{"id-web"}, "web"}});
    CHECK(view.at("vm_name") == "web");
    CHECK(view.at("reason") == "cooldown");
    CHECK(view.at("text").as_string() == explain(Reason::cooldown));
    CHECK(view.at("target") == "h2");
    CHECK(view.at("advisory") == true);
    CHECK(views::rejection({{"id-x"}, std::nullopt, Reason::memory, ""}, {}).at("vm_name") == "id-x");
    CHECK(views::rejection({{"id-x"}, std::nullopt, Reason::memory, ""}, {}).at("target").is_null());
}

TEST_CASE("An operation's time runs until now or until its end") {
    Operation op = some_operation();
    CHECK(views::operation(op, WallTime(15s)).at("elapsed_ms") == 5000);
    CHECK(views::operation(op, WallTime(5s)).at("elapsed_ms") == 0);  // the wall clock was set back
    op.state = OperationState::done;
    op.ended = WallTime(12s);
    CHECK(views::operation(op, WallTime(15s)).at("elapsed_ms") == 2000);
    CHECK(views::operation(op, WallTime(15s)).at("final") == true);
    op.started.reset();
    CHECK(views::operation(op, WallTime(15s)).at("elapsed_ms").is_null());
}

TEST_CASE("A measured outcome has nulls for what libvirt did not report") {
    Operation op = some_operation();
    CHECK(views::operation(op, {}).at("outcome").is_null());
    op.outcome = Outcome{4100ms, std::nullopt, mib(512), 3};
    const json::object outcome = views::operation(op, {}).at("outcome").as_object();
    CHECK(outcome.at("duration_ms") == 4100);
    CHECK(outcome.at("downtime_ms").is_null());
    CHECK(outcome.at("transferred_bytes") == mib(512).count);
}

TEST_CASE("An alarm is a problem for a day after its end") {
    Look look;
    Operation op = some_operation();
    op.alarm = true;
    op.message = "runs on neither host";
    op.updated = WallTime{} - 23h;
    look.ended.push_back(op);
    CHECK(views::cluster(look.seen()).at("problems").as_array().size() == 1);
    look.ended.front().updated = WallTime{} - 25h;
    CHECK(views::cluster(look.seen()).at("problems").as_array().empty());
}

TEST_CASE("The explanation of a VM agrees with the policy's refusals") {
    Look look;
    look.cluster.host("h1");
    look.cluster.host("h2");
    look.cluster.host("h3", 10, gib(1));
    look.cluster.vm("web", "h1", 1, gib(4));
    look.cluster.tick();
    const json::object view = look.explained("web");
    REQUIRE(view.at("targets").as_array().size() == 2);
    for (const json::value& target : view.at("targets").as_array()) {
        const auto refusals = look.cluster.refusals("web", std::string(target.at("host").as_string()));
        CHECK(target.at("possible") == refusals.empty());
        CHECK(target.at("refusals").as_array().size() == refusals.size());
    }
    CHECK(view.at("targets").at(1).at("possible") == false);
}

TEST_CASE("The explanation of a VM tells the cycles that named it, newest first") {
    Look look;
    look.cluster.host("h1");
    look.cluster.vm("web", "h1", 1);
    for (int i = 0; i < 30; ++i) {
        Cycle cycle;
        cycle.id = "cycle-" + std::to_string(i);
        if (i % 2)
            cycle.plan.immovable.push_back({{"id-web"}, std::nullopt, Reason::no_target, "h2: memory"});
        else
            cycle.plan.moves.push_back({{"id-other"}, {"h1"}, {"h2"}, {}, 0, "why", {}, {}, {}});
        look.cycles.push_back(cycle);
    }
    const json::array cycles = look.explained("web").at("cycles").as_array();
    REQUIRE(cycles.size() == 15);
    CHECK(cycles[0].at("id") == "cycle-29");
    CHECK(cycles[0].at("kind") == "immovable");
    CHECK(cycles[0].at("text") == "no host can take it (h2: memory)");
}

TEST_CASE("VMs of a lost host are down, and are not counted as running") {
    Look look;
    for (const char* name : {"h1", "h2"}) look.cluster.host(name, 10, gib(32));
    look.cluster.vm("web", "h1", 1, gib(4));
    look.cluster.vm("db", "h2", 1, gib(4));
    look.cluster.at("h2").lost = true;
    const json::object counts = views::cluster(look.seen()).at("vms").as_object();
    CHECK(counts.at("total") == 2);
    CHECK(counts.at("running") == 1);
    CHECK(counts.at("down") == 1);
    CHECK(views::vm(look.seen(), look.cluster.guest("web"), true).at("state") == "running");
    CHECK(views::vm(look.seen(), look.cluster.guest("db"), true).at("state") == "down");
    CHECK(views::host(look.seen(), look.cluster.at("h2")).at("vms") == 0);
}

TEST_CASE("The explanations of a lost host and its VMs tell where these can be started, and which nowhere") {
    Look look;
    for (const char* name : {"h1", "h2", "h3"}) look.cluster.host(name, 10, gib(32));
    look.cluster.vm("web", "h2", 1, gib(4));
    look.cluster.vm("big", "h2", 1, gib(200));
    look.cluster.persist(1min);
    look.cluster.at("h2").lost = true;
    look.cluster.at("h2").connection = Connection::down;
    const Plan plan = look.cluster.plan();
    REQUIRE(plan.restarts.size() == 1);
    const std::string to = plan.restarts[0].to.value;
    const json::object web = look.explained("web"), big = look.explained("big");
    CHECK(web.at("host_lost") == true);
    CHECK(web.at("restart").at("to") == json::value(to));
    CHECK(web.at("verdict").as_string().starts_with("It can be started on " + to + ": h2 is lost; web"));
    CHECK(big.at("restart").is_null());
    CHECK(big.at("verdict").as_string().starts_with("h2 is lost, and it can be started nowhere: no host can take it"));
    const auto explained = [&](const char* host) {
        return views::explain_host(look.seen(), look.cluster.inventory.hosts.at({host}), plan);
    };
    const json::object lost = explained("h2"), target = explained(to.c_str());
    CHECK(lost.at("verdict") == "h2 is lost: 2 VMs ran on it, 1 can be started elsewhere, 1 nowhere");
    REQUIRE(lost.at("restarts").as_array().size() == 1);
    CHECK(lost.at("restarts").at(0).at("vm_name") == "web");
    CHECK(lost.at("stays").at(0).at("vm_name") == "big");
    CHECK(target.at("restarts").as_array().size() == 1);
    Cycle cycle;
    cycle.plan = plan;
    look.cycles.push_back(cycle);
    CHECK(look.explained("web").at("cycles").at(0).at("kind") == "restart");
    CHECK(explained(to.c_str()).at("cycles").at(0).at("kind") == "restart");
    CHECK(views::cycle_summary(cycle).at("restarts") == 1);
}

TEST_CASE("A host that swaps is explained by its swap, in MiB/s, and one that is not measured as such") {
    Look look;
    look.cluster.host("h1");
    look.cluster.vm("web", "h1", 1);
    look.cluster.tick();
    const auto swap = [&] {
        const auto view = views::explain_host(look.seen(), look.cluster.at("h1"), look.cluster.plan());
        for (const json::value& detector : view.at("detectors").as_array())
            if (detector.at("name") == "swap") return std::pair(detector.as_object(), view.at("verdict").as_string());
        return std::pair(json::object{}, json::string());
    };
    CHECK(swap().first.at("value_mib_per_s").is_null());
    look.cluster.at("h1").load.swap_in_mib_per_s = 5;
    look.cluster.tick();
    CHECK(swap().first.at("value_mib_per_s") == 5.0);
    CHECK(swap().first.at("above_mib_per_s") == look.cluster.options.overload.swap.above);
    CHECK(swap().first.at("set") == false);
    CHECK(std::string(swap().second).starts_with("not overloaded yet: swap is above 1.0 MiB/s for"));
    look.cluster.persist(6min);
    CHECK(swap().first.at("set") == true);
    CHECK(std::string(swap().second).starts_with("h1 reads 5.0 MiB/s back from swap"));
}

TEST_CASE("A host's power is told as it is now, not as the last cycle saw it") {
    Look look;
    Host& host = look.cluster.host("h1");
    look.cluster.tick();
    look.last.plan = look.cluster.plan();
    CHECK(views::host(look.seen(), host).at("state") == "ok");
    host.power = PowerState::switching_off;
    CHECK(views::host(look.seen(), host).at("state") == "switching_off");
    host.power = PowerState::off;
    CHECK(views::host(look.seen(), host).at("state") == "off");
}

TEST_CASE("That a host has entered maintenance is told before a cycle has seen it, but not of one that is lost") {
    Look look;
    Host& host = look.cluster.host("h1");
    look.cluster.vm("web", "h1", 0.1);
    look.cluster.tick();
    look.last.plan = look.cluster.plan();
    host.maintenance = true;
    CHECK(views::host(look.seen(), host).at("state") == "draining");
    look.cluster.inventory.vms.clear();
    CHECK(views::host(look.seen(), host).at("state") == "maintenance");
    host.lost = true;
    CHECK(views::host(look.seen(), host).at("state") == "ok");
}

TEST_CASE("Of a host that was never measured no figure is told") {
    Look look;
    Host& host = look.cluster.host("h1");
    look.cluster.tick();
    look.last.plan = look.cluster.plan();
    CHECK_FALSE(views::host(look.seen(), host).at("cpu").at("demand_ratio").is_null());
    host.sampled_at.reset();
    CHECK(views::host(look.seen(), host).at("cpu").at("demand_ratio").is_null());
    CHECK(views::host(look.seen(), host).at("memory").at("demand_ratio").is_null());
}

TEST_CASE("An alarm of a host's power that is its problem as well is told once") {
    Look look;
    look.cluster.host("h1").power = PowerState::fencing;
    look.cluster.at("h1").problem = "cannot be cut off";
    look.power.resize(1);
    look.power[0].host = {"h1"};
    look.power[0].alarm = true;
    look.power[0].message = "cannot be cut off";
    const auto problems = [&] { return json::serialize(views::cluster(look.seen()).at("problems")); };
    CHECK(problems() == R"(["h1: cannot be cut off"])");
    look.power[0].message = "did not come in 3 tries";
    CHECK(problems() == R"(["h1: cannot be cut off","h1: did not come in 3 tries"])");
}

TEST_CASE("A host's problems are told with what the policy makes of them, and what holds that back") {
    Look look;
    for (const char* name : {"h1", "h2", "h3"}) look.cluster.host(name);
    look.cluster.vm("web", "h1", 1).facts.wishes.no_migrate = true;
    look.cluster.at("h1").health = {{HealthSource::units, "systemd", "failed units: a.service"},
                                    {HealthSource::unread, "disks", "SMART was not read"}};
    look.cluster.tick();
    look.last.plan = look.cluster.plan();
    const auto verdict = [&](const char* name) {
        const auto explained = views::explain_host(look.seen(), look.cluster.at(name), look.cluster.plan());
        return std::string(explained.at("verdict").as_string());
    };
    CHECK(views::host(look.seen(), look.cluster.at("h1")).at("health").as_array().size() == 2);
    CHECK(json::serialize(views::cluster(look.seen()).at("problems")) == R"(["h1: failed units: a.service"])");
    CHECK_THAT(verdict("h1"), !Catch::Contains("degraded"));

    look.cluster.at("h1").health = {{HealthSource::libvirt, "qemu", "its libvirt failed"}};
    CHECK(verdict("h1") == "h1 is degraded: its libvirt failed; no VM comes to it");
    CHECK(look.explained("web").at("verdict") ==
          "Nothing asks for a move: h1 is degraded: its libvirt failed; no VM comes to it.");

    look.cluster.at("h1").health = {{HealthSource::disk, "sda", "sda fails"}};
    look.last.plan = look.cluster.plan();
    CHECK_THAT(verdict("h1"), Catch::Contains("it is emptied, VMs on it or on their way: 1"));
    const std::string problems = json::serialize(views::cluster(look.seen()).at("problems"));
    CHECK_THAT(problems, Catch::Contains("ALARM: web cannot leave h1, which is degraded: "));

    look.cluster.at("h2").health = look.cluster.at("h1").health;
    CHECK_THAT(verdict("h1"), Catch::Contains("it is not emptied: too many hosts are degraded"));
    CHECK_THAT(json::serialize(views::cluster(look.seen()).at("problems")), Catch::Contains("2 of 3 hosts"));
}

TEST_CASE("The same state gives the same bytes") {
    Look look;
    look.cluster.host("h2");
    look.cluster.host("h1");
    look.cluster.vm("b", "h2", 1);
    look.cluster.vm("a", "h1", 1);
    look.cluster.tick();
    CHECK(json::serialize(views::hosts(look.seen())) == json::serialize(views::hosts(look.seen())));
    CHECK(views::hosts(look.seen())[0].at("id") == "h1");
    CHECK(views::vms(look.seen())[0].at("name") == "a");
}

TEST_CASE("Each host's energy names its source") {
    std::vector<HostEnergy> accounts(1);
    accounts[0].host = {"h1"};
    accounts[0].watts = 105;
    accounts[0].source = EnergySource::rapl;
    accounts[0].rest_watts = 45;
    const auto host = views::energy(accounts).at("hosts").at(0).as_object();
    CHECK(host.at("source") == "rapl");
    CHECK(host.at("measured") == true);
    CHECK(host.at("rest_of_host_watts") == 45.0);
    accounts[0].source = EnergySource::table;
    CHECK(views::energy(accounts).at("hosts").at(0).at("measured") == false);
}

TEST_CASE("A host's power tells when it was off last") {
    PowerRecord record;
    record.host = {"h1"};
    CHECK(views::power(record, {}).at("went_off").is_null());
    record.went_off = WallTime{} + 20h;
    record.came_back = WallTime{} + 30h;
    const auto power = views::power(record, {});
    CHECK(power.at("went_off") == "1970-01-01T20:00:00Z");
    CHECK(power.at("came_back") == "1970-01-02T06:00:00Z");
}
