// Hosts that fail although they answer: what is done about them, and what holds it back.
#include "policy/health.h"

#include "tests/policy/oracle.h"
#include "tests/policy/random_cluster.h"

using namespace ballast;
using namespace ballast::test;
using policy::HealthAction;

namespace {

HealthProblem problem(HealthSource source, const std::string& text = "it is bad") {
    return {source, "x", text};
}

// host1 with three VMs of different priorities; host2 and host3 are empty and host4 has one.
Cluster four_hosts() {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3", "host4"}) cluster.host(name);
    cluster.vm("low", "host1", 0.5).facts.wishes.priority = 1;
    cluster.vm("high", "host1", 0.5).facts.wishes.priority = 9;
    cluster.vm("middle", "host1", 0.5).facts.wishes.priority = 5;
    cluster.vm("other", "host4", 0.5);
    cluster.tick();
    return cluster;
}

std::vector<std::string> order_of(const Plan& plan) {
    std::vector<std::string> names;
    for (const Move& move : plan.moves) names.push_back(move.vm.value.substr(3));
    return names;
}

bool warns(const Plan& plan, const std::string& words) {
    return std::any_of(plan.warnings.begin(), plan.warnings.end(),
                       [&](const std::string& warning) { return warning.find(words) != std::string::npos; });
}

}  // namespace

TEST_CASE("A problem that asks for nothing changes nothing") {
    Cluster cluster = four_hosts();
    const Plan before = cluster.plan();
    cluster.at("host1").health = {problem(HealthSource::units)};
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(plan.hosts.at({"host1"}).state == before.hosts.at({"host1"}).state);
    CHECK(cluster.refusals("other", "host1").empty());
}

TEST_CASE("A host that is closed gets no VMs and keeps those it has") {
    Cluster cluster = four_hosts();
    cluster.at("host1").health = {problem(HealthSource::link)};
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(plan.hosts.at({"host1"}).state == "degraded");
    CHECK(has(cluster.refusals("other", "host1"), Reason::host_degraded));
    CHECK(cluster.refusals("high", "host2").empty());
}

TEST_CASE("A host that fails is emptied, the most important VMs first") {
    for (const HealthSource source : {HealthSource::disk, HealthSource::temperature}) {
        Cluster cluster = four_hosts();
        cluster.at("host1").health = {problem(source, "disk sda says that it fails")};
        const Plan plan = cluster.plan();
        CHECK(order_of(plan) == std::vector<std::string>{"high", "middle", "low"});
        for (const Move& move : plan.moves) {
            CHECK(move.trigger == Trigger::degraded);
            CHECK_THAT(move.reason, Catch::StartsWith("host1 is degraded: disk sda says that it fails; "));
        }
        const Finding* finding = finding_of(plan, "host1");
        REQUIRE(finding != nullptr);
        CHECK(finding->trigger == Trigger::degraded);
        CHECK(finding->resolved_by_plan);
        CHECK(plan.hosts.at({"host1"}).state == "degraded");
    }
}

TEST_CASE("VMs that leave a failing host in maintenance leave for the maintenance, after which they come home") {
    Cluster cluster = four_hosts();
    cluster.at("host1").health = {problem(HealthSource::disk)};
    cluster.at("host1").maintenance = true;
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 3);
    for (const Move& move : plan.moves) CHECK(move.trigger == Trigger::maintenance);
}

TEST_CASE("VMs of a dead host are started on hosts that are merely closed, but not on those to be left") {
    Cluster cluster = four_hosts();
    cluster.at("host1").lost = true;
    for (const char* name : {"host3", "host4"}) cluster.at(name).maintenance = true;
    SECTION("closed") {
        cluster.at("host2").health = {problem(HealthSource::link)};
        CHECK(cluster.plan().restarts.size() == 3);
    }
    SECTION("to be left") {
        cluster.at("host2").health = {problem(HealthSource::disk)};
        CHECK(cluster.plan().restarts.empty());
    }
}

TEST_CASE("What a problem asks for is the policy's to say, and a check may have an action of its own") {
    policy::HealthOptions options;
    CHECK(policy::action_of(options, problem(HealthSource::memory_uncorrected)) == HealthAction::evacuate_now);
    CHECK(policy::action_of(options, problem(HealthSource::unread)) == HealthAction::nothing);
    options.check = HealthAction::nothing;
    options.checks = {{"x", HealthAction::evacuate}};
    CHECK(policy::action_of(options, problem(HealthSource::check)) == HealthAction::evacuate);
    CHECK(policy::action_of(options, {HealthSource::check, "y", ""}) == HealthAction::nothing);
    CHECK(policy::action_of(options, problem(HealthSource::disk)) == HealthAction::evacuate);

    Cluster cluster = four_hosts();
    cluster.options.health.disk = HealthAction::nothing;
    cluster.at("host1").health = {problem(HealthSource::disk)};
    CHECK(cluster.plan().moves.empty());
    cluster.at("host1").health.push_back(problem(HealthSource::link));
    CHECK(policy::wanted_action(cluster.options.health, cluster.at("host1")) == HealthAction::cordon);
}

TEST_CASE("Cooldowns hold nobody on a failing host, windows for maintenance only where there is time") {
    Cluster cluster = four_hosts();
    cluster.inventory.wall_time = WallTime{std::chrono::hours{12}};
    cluster.moved("high", "host2", "host1", 1min);
    policy::Window window;
    window.name = "never-at-noon";
    window.vms = {"*"};
    window.deny = {{0, 6, 0, policy::minutes_per_day}};
    cluster.options.windows = {window};
    cluster.at("host1").health = {problem(HealthSource::disk)};
    CHECK(cluster.plan().moves.size() == 3);

    cluster.options.windows[0].maintenance = true;
    const Plan waits = cluster.plan();
    CHECK(waits.moves.empty());
    CHECK(has(waits.immovable, "high", Reason::window));

    cluster.at("host1").health = {problem(HealthSource::temperature)};
    CHECK(order_of(cluster.plan()) == std::vector<std::string>{"high", "middle", "low"});
}

TEST_CASE("A place where a move has just failed is left alone even at once") {
    Cluster cluster = four_hosts();
    cluster.at("host3").accepts_vms = cluster.at("host4").accepts_vms = false;
    cluster.moved("high", "host1", "host2", 1min, false);
    cluster.at("host1").health = {problem(HealthSource::temperature)};
    const Plan plan = cluster.plan();
    CHECK(has(plan.immovable, "high", Reason::no_target));
    CHECK(order_of(plan) == std::vector<std::string>{"middle", "low"});
}

TEST_CASE("Hosts to be emptied at once come before those only to be emptied, and before relief") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3", "host4", "host5", "host6"}) cluster.host(name, 4);
    cluster.options.limits = {8, 8, 20};
    for (int i = 0; i < 4; ++i) cluster.vm("busy" + std::to_string(i), "host3", 1);
    cluster.vm("failing", "host1", 0.2).facts.wishes.priority = 99;
    cluster.vm("dying", "host2", 0.2);
    cluster.persist(6min);
    REQUIRE(move_of(cluster.plan(), "busy0") != nullptr);
    cluster.at("host1").health = {problem(HealthSource::disk)};
    cluster.at("host2").health = {problem(HealthSource::temperature)};
    const auto order = order_of(cluster.plan());
    REQUIRE(order.size() >= 3);
    CHECK(order.front() == "dying");
    CHECK(order.back() == "failing");
}

TEST_CASE("Where not all find a place, the important ones do") {
    Cluster cluster;
    cluster.options.reserve.memory = 0;
    cluster.options.reserve.memory_min = Bytes{};
    cluster.host("host1", 10, gib(32));
    cluster.host("host2", 10, gib(8));
    cluster.host("host3", 10, gib(1));
    for (int i = 0; i < 4; ++i) cluster.vm("small" + std::to_string(i), "host1", 0.1, gib(2));
    cluster.vm("important", "host1", 0.1, gib(8)).facts.wishes.priority = 10;
    cluster.tick();
    cluster.at("host1").health = {problem(HealthSource::memory_uncorrected)};
    const Plan plan = cluster.plan();
    CHECK(order_of(plan) == std::vector<std::string>{"important"});
    CHECK_FALSE(finding_of(plan, "host1")->resolved_by_plan);
    const auto stranded = policy::stranded_vms(plan, cluster.inventory);
    CHECK(stranded.at({"host1"}).size() == 4);
}

TEST_CASE("Others make room for those of a degraded host, and say why") {
    Cluster cluster;
    cluster.options.reserve.memory = 0;
    cluster.options.reserve.memory_min = Bytes{};
    cluster.host("host1", 10, gib(16));
    cluster.host("host2", 10, gib(8));
    cluster.host("host3", 10, gib(4));
    cluster.vm("big", "host1", 0.1, gib(7));
    cluster.vm("small", "host2", 0.1, gib(2));
    cluster.tick();
    cluster.at("host1").health = {problem(HealthSource::disk)};
    const Plan plan = cluster.plan();
    REQUIRE(order_of(plan) == std::vector<std::string>{"small", "big"});
    for (const Move& move : plan.moves) CHECK(move.trigger == Trigger::degraded);
    CHECK_THAT(plan.moves[0].reason, Catch::StartsWith("makes room on host2 for big that leaves host1 (degraded)"));
    CHECK_THAT(plan.moves[1].reason, Catch::StartsWith("host1 is degraded: it is bad; "));
    CHECK(plan.moves[0].wave < plan.moves[1].wave);
}

TEST_CASE("A VM that cannot leave is named, once, and only where its host is degraded") {
    Cluster cluster = four_hosts();
    cluster.guest("middle").facts.blockers = {{Reason::host_device, "0000:01:00.0"}, {Reason::snapshots, ""}};
    cluster.guest("other").facts.wishes.no_migrate = true;
    cluster.at("host4").maintenance = true;
    cluster.at("host1").health = {problem(HealthSource::disk)};
    const Plan plan = cluster.plan();
    CHECK(order_of(plan) == std::vector<std::string>{"high", "low"});
    CHECK(has(plan.immovable, "middle", Reason::host_device));
    CHECK(has(plan.immovable, "other", Reason::opted_out));
    const auto stranded = policy::stranded_vms(plan, cluster.inventory);
    REQUIRE(stranded.size() == 1);
    REQUIRE(stranded.at({"host1"}).size() == 1);
    CHECK(stranded.at({"host1"})[0].vm.value == "id-middle");
}

TEST_CASE("When half of the hosts would have to be emptied, none is, and all of them are closed") {
    Cluster cluster = four_hosts();
    cluster.at("host1").health = {problem(HealthSource::temperature)};
    cluster.at("host4").health = {problem(HealthSource::disk)};
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(warns(plan, "2 of 4 hosts would have to be emptied at once"));
    for (const char* host : {"host1", "host4"}) {
        CHECK(plan.hosts.at({host}).state == "degraded");
        REQUIRE(finding_of(plan, host) != nullptr);
        CHECK_FALSE(finding_of(plan, host)->resolved_by_plan);
    }
    CHECK(has(cluster.refusals("other", "host1"), Reason::host_degraded));

    cluster.at("host4").health.clear();
    CHECK(cluster.plan().moves.size() == 3);
    // Hosts that do not report are no help, and those in maintenance are emptied by a person's order.
    cluster.at("host4").health = {problem(HealthSource::disk)};
    cluster.at("host4").maintenance = true;
    CHECK(cluster.plan().moves.size() == 4);
}

TEST_CASE("One of two hosts is emptied onto the other") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("a", "host1", 0.5);
    cluster.tick();
    cluster.at("host1").health = {problem(HealthSource::disk)};
    CHECK(cluster.plan().moves.size() == 1);
    cluster.at("host2").health = {problem(HealthSource::link)};  // closed, but better than the other
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 1);
    CHECK(warns(plan, "no host is well"));
    cluster.at("host2").health = {problem(HealthSource::disk)};
    CHECK(cluster.plan().moves.empty());
}

TEST_CASE("When nobody keeps any clock right, hosts take VMs all the same") {
    Cluster cluster = four_hosts();
    cluster.options.health.clock = policy::HealthAction::cordon;
    for (const char* name : {"host1", "host2", "host3", "host4"})
        cluster.at(name).health = {problem(HealthSource::clock)};
    CHECK(cluster.refusals("other", "host1").empty());
    CHECK(warns(cluster.plan(), "no host is well"));
    CHECK(cluster.plan().hosts.at({"host1"}).state == "degraded");
}

TEST_CASE("What a host said before it fell silent moves nobody") {
    Cluster cluster = four_hosts();
    cluster.at("host1").health = {problem(HealthSource::temperature)};
    cluster.at("host1").connection = Connection::down;
    cluster.at("host1").stale = true;
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(plan.hosts.at({"host1"}).state == "down");
}

TEST_CASE("A group is spread over the hosts that are left when one is emptied for its health") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"a1", "a2", "a3"}) cluster.vm(name, std::string("host") + name[1], 0.1);
    policy::Rule rule;
    rule.kind = policy::Rule::Kind::spread;
    rule.name = "even";
    rule.vms = {"a*"};
    cluster.options.rules = {rule};
    cluster.tick();
    cluster.at("host1").health = {problem(HealthSource::disk)};
    CHECK(cluster.plan().moves.size() == 1);
}

TEST_CASE("Consolidation empties a degraded host before a healthy one, and switches it off first") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3", "host4"}) cluster.host(name);
    for (auto& [id, host] : cluster.inventory.hosts) host.power_managed = true;
    cluster.vm("a", "host1", 0.5);
    cluster.vm("b", "host2", 0.5);
    cluster.vm("c", "host3", 0.5);
    cluster.vm("d", "host4", 0.5);
    cluster.options.consolidation.enabled = true;
    cluster.options.consolidation.watch = cluster.options.consolidation.min_time_on = Duration{};
    cluster.options.consolidation.min_hosts_on = 3;
    cluster.at("host3").health = {problem(HealthSource::link)};
    cluster.persist(3h);
    const Plan plan = cluster.plan();
    REQUIRE_FALSE(plan.moves.empty());
    for (const Move& move : plan.moves) {
        CHECK(move.from.value == "host3");
        CHECK(move.trigger == Trigger::consolidation);
    }
    REQUIRE(plan.power.size() == 1);
    CHECK(plan.power[0].host.value == "host3");
}

TEST_CASE("No plan moves anybody to a host that is closed, whatever the cluster is like") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        Dice dice(seed);
        Cluster cluster = random_cluster(seed);
        for (auto& [id, host] : cluster.inventory.hosts)
            if (dice.one_in(3))
                host.health = {problem(static_cast<HealthSource>(dice.below(std::size(all_health_sources))))};
        const auto verdicts = policy::judge_health(cluster.inventory, cluster.options.health);
        const Plan plan = cluster.plan();
        std::size_t reporting = 0, emptied = 0;
        for (const auto& [id, host] : cluster.inventory.hosts) {
            if (!policy::is_fresh(host) || host.maintenance) continue;
            ++reporting;
            emptied += verdicts.action(host) >= HealthAction::evacuate;
        }
        if (emptied >= 2 && 2 * emptied >= reporting) FAIL_CHECK("seed " << seed << ": a storm");
        for (const Move& move : plan.moves) {
            const Host& from = cluster.inventory.hosts.at(move.from);
            if (verdicts.closed(cluster.inventory.hosts.at(move.to)))
                FAIL_CHECK("seed " << seed << ": " << move.vm.value << " goes to " << move.to.value);
            if (move.trigger == Trigger::overload && verdicts.leaves(from))
                FAIL_CHECK("seed " << seed << ": relief of a host that is emptied");
        }
    }
}
