// VMs come back to the host that they left for its maintenance.
#include "policy/return_home.h"

#include "tests/policy/plan_text.h"
#include "tests/policy/random_rules.h"

using namespace ballast;
using namespace ballast::test;

namespace {

/// small_cluster() in which `a` and `b` are at home on h3, which was in maintenance until ten minutes ago; they came to
/// where they are half an hour ago.
Cluster after_maintenance() {
    Cluster cluster = small_cluster();
    cluster.options.maintenance.return_home = true;
    for (const char* name : {"a", "b"}) {
        const std::string at = cluster.guest(name).host.value;
        cluster.moved(name, "h3", at, 20min);
        cluster.inventory.homes.push_back({{std::string("id-") + name}, {"h3"}, cluster.now - 10min});
    }
    return cluster;
}

std::size_t returns_in(const Plan& plan) {
    return static_cast<std::size_t>(std::count_if(
        plan.moves.begin(), plan.moves.end(), [](const Move& move) { return move.trigger == Trigger::return_home; }));
}

}  // namespace

TEST_CASE("VMs come home after the maintenance although they were moved just now, the bigger first") {
    const Cluster cluster = after_maintenance();
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 2);
    for (const Move& move : plan.moves) {
        CHECK(move.trigger == Trigger::return_home);
        CHECK(move.to.value == "h3");
    }
    CHECK(
        plan.moves[0].reason ==
        "the maintenance for which it left h3 is over; a (8 GiB, 1.00 CPU) goes to h3, then at 25 % of its memory and "
        "11 % of its usable CPU");
    REQUIRE(finding_of(plan, "h3") != nullptr);
    CHECK(finding_of(plan, "h3")->text ==
          "the maintenance of h3 is over: 2 VMs left for it, 0 under way, 2 to come back, 0 stay for now");
    CHECK(finding_of(plan, "h3")->resolved_by_plan);
}

TEST_CASE("Nobody comes home who was not asked to, or to where maintenance lasts, or too long after it") {
    Cluster cluster = after_maintenance();
    SECTION("the policy does not want it") {
        cluster.options.maintenance.return_home = false;
    }
    SECTION("it lasts") {
        for (Home& home : cluster.inventory.homes) home.maintenance_ended.reset();
    }
    SECTION("it is on again") {
        cluster.at("h3").maintenance = true;
    }
    SECTION("it ended too long ago") {
        for (Home& home : cluster.inventory.homes) home.maintenance_ended = cluster.now - 24h;
    }
    SECTION("its host is not configured any more") {
        for (Home& home : cluster.inventory.homes) home.host = {"h9"};
    }
    SECTION("the VM is gone") {
        for (Home& home : cluster.inventory.homes) home.vm = {"id-gone"};
    }
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(returns_in(plan) == 0);
    const Finding* finding = finding_of(plan, "h3");
    CHECK((finding == nullptr || finding->trigger == Trigger::maintenance));
}

TEST_CASE("What keeps a VM from coming home is told") {
    Cluster cluster = after_maintenance();
    Reason reason = Reason::memory;
    SECTION("no room") {
        cluster.vm("big", "h3", 1, gib(24));
        cluster.persist(1min);
    }
    SECTION("its home would be too busy") {
        reason = Reason::no_benefit;
        cluster.vm("busy", "h3", 7, gib(1));
        cluster.persist(1min);
    }
    SECTION("its home is overloaded") {
        reason = Reason::cpu;
        cluster.options.overload.max_moves_per_cycle = 1;
        for (const char* name : {"busy1", "busy2"}) {
            cluster.vm(name, "h3", 5, gib(1));
            cluster.guest(name).facts.wishes.no_migrate = true;
        }
        cluster.persist(8min);
    }
    SECTION("a rule") {
        reason = Reason::pinned;
        cluster.options.rules.push_back({policy::Rule::Kind::pin, "p", {"a", "b"}, {{"h1"}, {"h2"}}, ""});
    }
    SECTION("a move home that failed just now") {
        reason = Reason::cooldown;
        for (const char* name : {"a", "b"}) cluster.moved(name, cluster.guest(name).host.value, "h3", 1min, false);
    }
    SECTION("a window") {
        reason = Reason::window;
        cluster.inventory.wall_time = WallTime{std::chrono::hours{490000}};
        policy::Window window;
        window.name = "never";
        window.vms = {"*"};
        window.deny = {{0, 6, 0, 24 * 60}};
        cluster.options.windows.push_back(window);
    }
    SECTION("a load that was never measured") {
        reason = Reason::no_benefit;
        for (const char* name : {"a", "b"}) cluster.memory.vms.erase({std::string("id-") + name});
    }
    SECTION("a preference for where it is") {
        reason = Reason::no_benefit;
        cluster.options.rules.push_back({policy::Rule::Kind::avoid, "worn", {"*"}, {{"h3"}}, "", 1, false});
    }
    SECTION("the host is off") {
        reason = Reason::host_off;
        cluster.at("h3").power = PowerState::off;
        cluster.at("h3").stale = true;
    }
    const Plan plan = cluster.plan();
    CHECK(returns_in(plan) == 0);
    CHECK(has(plan.rejections, "a", reason));
    REQUIRE(finding_of(plan, "h3") != nullptr);
    const auto told = std::any_of(plan.findings.begin(), plan.findings.end(), [&](const Finding& finding) {
        return finding.trigger == Trigger::return_home && !finding.resolved_by_plan &&
               finding.text.ends_with("0 to come back, 2 stay for now (" + to_string(reason) + " 2)");
    });
    CHECK(told);
}

TEST_CASE("One with a rule of its own goes home, and takes nobody else along") {
    Cluster cluster = after_maintenance();
    cluster.options.rules.push_back({policy::Rule::Kind::keep_apart, "apart", {"a", "b"}, {}, ""});
    const Plan plan = cluster.plan();
    REQUIRE(returns_in(plan) == 1);
    CHECK(plan.moves[0].vm.value == "id-a");
    CHECK(has(plan.rejections, "b", Reason::keep_apart));
}

TEST_CASE("While the moves of the policy do not help, one VM at a time comes home") {
    Cluster cluster = after_maintenance();
    cluster.memory.audit.brake = policy::Audit::Brake::holding;
    const Plan plan = cluster.plan();
    CHECK(returns_in(plan) == 1);
    CHECK_FALSE(finding_of(plan, "h3")->resolved_by_plan);
    cluster.under_way("c", "h1");
    CHECK(returns_in(cluster.plan()) == 0);
}

TEST_CASE("A host in maintenance is left by order, not to go home") {
    Cluster cluster = after_maintenance();
    cluster.at("h2").maintenance = true;
    const Plan plan = cluster.plan();
    REQUIRE(move_of(plan, "b") != nullptr);
    CHECK(move_of(plan, "b")->trigger == Trigger::maintenance);
    CHECK(move_of(plan, "a")->trigger == Trigger::return_home);
}

TEST_CASE("Coming home goes before balance and consolidation") {
    Cluster cluster = after_maintenance();
    cluster.options.balance.imbalance = {0.01, 0.005, 1min};
    cluster.options.consolidation.enabled = true;
    cluster.options.consolidation.min_time_on = cluster.options.consolidation.watch = 0s;
    cluster.persist(2min);
    const Plan plan = cluster.plan();
    CHECK(returns_in(plan) == plan.moves.size());
    CHECK(returns_in(plan) == 2);
    CHECK(plan.power.empty());
}

TEST_CASE("Once all are at home nothing more is planned for it, whatever cluster it was") {
    std::size_t returned = 0;
    for (std::uint64_t seed = 1; seed < 2000; seed += 4) {
        Cluster cluster = seed % 8 == 1 ? random_cluster(seed) : random_rules(seed);
        const Plan plan = cluster.plan();
        cluster.carry_out(plan);
        for (const Move& move : cluster.plan().moves)
            for (const Move& before : plan.moves)
                if (before.trigger == Trigger::return_home && before.vm == move.vm &&
                    move.trigger != Trigger::maintenance)
                    FAIL_CHECK("seed " << seed << ": " << move.reason);
        returned += returns_in(plan);
    }
    CHECK(returned > 50);
}
