// Rules and wishes that are broken now: who is moved to mend it, and what is said where nobody can be.
#include "policy/repair.h"

#include <algorithm>

#include "policy/violations.h"
#include "tests/policy/oracle.h"
#include "tests/policy/plan_text.h"
#include "tests/policy/random_rules.h"
#include "tests/policy/rules_oracle.h"

using namespace ballast;
using namespace ballast::test;
using policy::Rule;

namespace {

Cluster three_hosts() {
    Cluster cluster;
    for (const char* name : {"h1", "h2", "h3"}) cluster.host(name, 10, gib(32));
    return cluster;
}

Plan planned(Cluster& cluster) {
    cluster.persist(1min);
    return cluster.plan();
}

const Finding* violation_in(const Plan& plan) {
    for (const Finding& finding : plan.findings)
        if (finding.trigger == Trigger::rule_violation) return &finding;
    return nullptr;
}

std::size_t repairs_in(const Plan& plan) {
    return std::count_if(plan.moves.begin(), plan.moves.end(),
                         [](const Move& move) { return move.trigger == Trigger::rule_violation; });
}

std::size_t broken_hard(const Cluster& cluster) {
    const policy::Context context =
        policy::make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
    return policy::violations(policy::ClusterView(context), false).size();
}

// That oracle keeps both hosts of a move occupied until the end of the plan, which later waves of an exchange rely on
// to be otherwise; they are planned anew when they are next.
Plan first_wave_of_exchanges(Plan plan) {
    const bool exchanges = std::any_of(plan.moves.begin(), plan.moves.end(),
                                       [](const Move& move) { return move.reason.starts_with("makes room"); });
    if (exchanges) std::erase_if(plan.moves, [](const Move& move) { return move.wave > 0; });
    return plan;
}

// Rules that came after the VMs: nobody is where they want him, most could be.
Cluster disorderly(std::uint64_t seed) {
    Dice dice(seed);
    Cluster cluster;
    const bool crowded = dice.one_in(2);
    const unsigned hosts = dice.between(3, 6), vms = dice.between(6, 18);
    for (unsigned i = 0; i < hosts; ++i)
        cluster.host(host_name(i), 16, gib(crowded ? 12 : 32)).labels["rack"] = "r" + std::to_string(i % 3);
    std::vector<double> used(hosts, 0);
    for (unsigned i = 0; i < vms; ++i) {
        const unsigned on = dice.below(hosts), size = dice.between(1, 5);
        if (used[on] + size > (crowded ? 10 : 28)) continue;
        used[on] += size;
        VmWishes& wishes =
            cluster.vm("v" + std::to_string(i), host_name(on), 0.5 * dice.ratio(), gib(size)).facts.wishes;
        if (dice.one_in(4)) wishes.keep_apart = {"a" + std::to_string(dice.below(2))};
        if (dice.one_in(6)) wishes.keep_together = {"t" + std::to_string(dice.below(2))};
        if (dice.one_in(6)) wishes.only_on = {{host_name(dice.below(hosts))}};
        if (dice.one_in(12)) wishes.no_migrate = true;
    }
    auto& rules = cluster.options.rules;
    if (dice.one_in(2))
        rules.push_back({Rule::Kind::keep_apart, "apart", {"v1", "v2", "v3"}, {}, "", 1, !dice.one_in(3)});
    if (dice.one_in(2)) rules.push_back({Rule::Kind::spread, "racks", {"v?"}, {}, "", 1, true, "rack", 0});
    if (dice.one_in(3))
        rules.push_back({Rule::Kind::avoid, "off", {"v4", "v5"}, {{host_name(0)}}, "", 1, !dice.one_in(3)});
    cluster.options.repair.max_moves_per_cycle = dice.between(1, 4);
    cluster.persist(1min);
    return cluster;
}

}  // namespace

TEST_CASE("Of two VMs that have to be apart the one that is cheaper to move goes") {
    Cluster cluster = three_hosts();
    cluster.vm("big", "h1", 1, gib(16)).facts.wishes.keep_apart = {"g"};
    cluster.vm("small", "h1", 1, gib(2)).facts.wishes.keep_apart = {"g"};
    const Plan plan = planned(cluster);
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].vm.value == "id-small");
    CHECK(plan.moves[0].trigger == Trigger::rule_violation);
    CHECK(plan.moves[0].reason ==
          "group g keeps apart what shares h1: big, small; small (2 GiB, 1.00 CPU) goes to h2, then at 6.2 % of its "
          "memory and 11 % of its usable CPU");
    CHECK(violation_in(plan)->text == "group g keeps apart what shares h1: big, small; 1 move mends it");
    CHECK(violation_in(plan)->host.value == "h1");
    CHECK(violation_in(plan)->resolved_by_plan);
}

TEST_CASE("A VM on a host that its pin does not allow goes where it does") {
    Cluster cluster = three_hosts();
    cluster.vm("a", "h1", 1);
    cluster.options.rules.push_back({Rule::Kind::pin, "licence", {"a"}, {{"h3"}}, ""});
    const Plan plan = planned(cluster);
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].to.value == "h3");
    CHECK(violation_in(plan)->text == "a is on h1, though rule licence allows h3 only; 1 move mends it");
}

TEST_CASE("Of VMs that belong together the smaller part moves") {
    Cluster cluster = three_hosts();
    cluster.vm("a", "h1", 1, gib(8)).facts.wishes.keep_together = {"g"};
    cluster.vm("b", "h2", 1, gib(2)).facts.wishes.keep_together = {"g"};
    cluster.vm("c", "h2", 1, gib(2)).facts.wishes.keep_together = {"g"};
    const Plan plan = planned(cluster);
    REQUIRE(plan.moves.size() == 2);
    for (const Move& move : plan.moves) CHECK(move.to.value == "h1");
    CHECK(violation_in(plan)->text == "group g keeps together what is apart: a on h1; b, c on h2; 2 moves mend it");
}

TEST_CASE("Where not all that belong together find room, more are brought together than were") {
    Cluster cluster = three_hosts();
    cluster.at("h1").accepts_vms = false;
    cluster.vm("a", "h1", 1, gib(2)).facts.wishes.keep_together = {"g"};
    cluster.vm("b", "h2", 1, gib(2)).facts.wishes.keep_together = {"g"};
    cluster.vm("c", "h3", 1, gib(2)).facts.wishes.keep_together = {"g"};
    cluster.guest("a").facts.wishes.no_migrate = true;
    const Plan plan = planned(cluster);
    CHECK(plan.moves.size() == 1);
    CHECK_FALSE(violation_in(plan)->resolved_by_plan);
    CHECK(has(plan.rejections, "a", Reason::opted_out));
}

TEST_CASE("Members beyond what a rack may hold go to another one") {
    Cluster cluster = three_hosts();
    cluster.at("h1").labels["rack"] = cluster.at("h2").labels["rack"] = "r1";
    cluster.at("h3").labels["rack"] = "r2";
    cluster.vm("a", "h1", 1);
    cluster.vm("b", "h2", 1);
    cluster.options.rules.push_back({Rule::Kind::spread, "racks", {"*"}, {}, "", 1, true, "rack", 1});
    const Plan plan = planned(cluster);
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].to.value == "h3");
    CHECK(violation_in(plan)->host.empty());
}

TEST_CASE("Preferences are repaired only where that is wanted and cheap") {
    Cluster cluster = three_hosts();
    cluster.vm("a", "h1", 1, gib(1));
    cluster.options.rules.push_back({Rule::Kind::prefer, "ssd", {"a"}, {{"h2"}}, "", 1, false});
    CHECK(planned(cluster).moves.empty());
    cluster.options.repair.soft = true;
    REQUIRE(cluster.plan().moves.size() == 1);
    CHECK(cluster.plan().moves[0].to.value == "h2");
    cluster.options.repair.soft_cost = 1s;
    CHECK(cluster.plan().moves.empty());
    CHECK(has(cluster.plan().rejections, "a", Reason::no_benefit));
}

TEST_CASE("What cannot be repaired is told with its reasons") {
    Cluster cluster = three_hosts();
    cluster.vm("a", "h1", 1).facts.wishes.only_on = {{"h2"}};
    SECTION("opted out") {
        cluster.guest("a").facts.wishes.no_migrate = true;
        const Plan plan = planned(cluster);
        CHECK(plan.moves.empty());
        CHECK(violation_in(plan)->text ==
              "a is on h1, though its own metadata allows h2 only; no move can mend it now (1 VM stays: opted_out 1)");
        CHECK(has(plan.rejections, "a", Reason::opted_out));
    }
    SECTION("cooling") {
        cluster.moved("a", "h2", "h1", 1min);
        CHECK(has(planned(cluster).rejections, "a", Reason::cooldown));
    }
    SECTION("the host does not report") {
        cluster.at("h2").connection = Connection::down;
        const Plan plan = planned(cluster);
        CHECK(has(plan.rejections, "a", Reason::no_target));
        CHECK(has(plan.rejections, "a", Reason::host_unreachable));
    }
    SECTION("its move would not end") {
        cluster.guest("a").load.dirty_rate_mib_per_s = 500;
        CHECK(has(planned(cluster).rejections, "a", Reason::no_benefit));
    }
    SECTION("switched off") {
        cluster.options.repair.enabled = false;
        CHECK(violation_in(planned(cluster)) == nullptr);
    }
}

TEST_CASE("No more repairs than the limit in one cycle, and one at a time while moves do not help") {
    Cluster cluster = three_hosts();
    for (int i = 0; i < 6; ++i) cluster.vm("v" + std::to_string(i), "h1", 0.1).facts.wishes.only_on = {{"h2"}};
    cluster.options.repair.max_moves_per_cycle = 2;
    CHECK(repairs_in(planned(cluster)) == 2);
    cluster.memory.audit.brake = policy::Audit::Brake::holding;
    CHECK(repairs_in(cluster.plan()) == 1);
}

TEST_CASE("A VM under way to where it belongs breaks nothing any more") {
    Cluster cluster = three_hosts();
    cluster.vm("a", "h1", 1).facts.wishes.only_on = {{"h2"}};
    cluster.under_way("a", "h2");
    CHECK(violation_in(planned(cluster)) == nullptr);
}

TEST_CASE("A pinned VM takes the place of another one, which makes room for it") {
    Cluster cluster;
    cluster.options.reserve.memory = 0;
    cluster.options.reserve.memory_min = Bytes{};
    cluster.host("h1", 10, gib(8));
    cluster.host("h2", 10, gib(10));
    cluster.host("h3", 10, gib(8));
    cluster.vm("pinned", "h1", 0.1, gib(6)).facts.wishes.only_on = {{"h2"}};
    cluster.vm("other", "h2", 0.1, gib(5));
    const Plan plan = planned(cluster);
    CHECK(Oracle(cluster).judge(plan).empty());
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].vm.value == "id-other");
    CHECK(plan.moves[0].to.value == "h3");
    CHECK(plan.moves[0].reason.starts_with("makes room on h2 for pinned, so that a rule can be kept"));
    CHECK(plan.moves[1].vm.value == "id-pinned");
    CHECK(plan.moves[1].wave == 1);
    for (const Finding& finding : plan.findings) CHECK(finding.resolved_by_plan);
}

TEST_CASE("Relief comes before repair, and balance waits for both") {
    Cluster cluster = three_hosts();
    cluster.options.balance.imbalance = {0.01, 0.005, 1min};
    for (int i = 0; i < 4; ++i) cluster.vm("hot" + std::to_string(i), "h1", 2.4);
    cluster.vm("a", "h2", 1).facts.wishes.keep_apart = {"g"};
    cluster.vm("b", "h2", 1).facts.wishes.keep_apart = {"g"};
    const Plan plan = cluster.plan_after(7min);
    REQUIRE(plan.moves.size() >= 2);
    CHECK(plan.moves.front().trigger == Trigger::overload);
    CHECK(repairs_in(plan) == 1);
    for (const Move& move : plan.moves) CHECK(move.trigger != Trigger::balance);
}

TEST_CASE("Repair breaks no rule, adds no violation, comes to rest, and depends on no order") {
    std::size_t repaired = 0, with_room = 0, left = 0;
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        Cluster cluster = seed % 4 == 3 ? random_rules(seed) : disorderly(seed);
        cluster.options.repair.soft = seed % 2 == 0;
        std::size_t before = broken_hard(cluster);
        bool ended = false;
        for (int cycle = 0; cycle < 20 && !ended; ++cycle) {
            Plan plan = cluster.plan();
            for (const std::string& complaint : RulesOracle(cluster).judge(first_wave_of_exchanges(plan)))
                FAIL_CHECK("seed " << seed << ": " << complaint);
            if (seed % 4 != 3)
                for (const std::string& complaint : Oracle(cluster).judge(plan))
                    FAIL_CHECK("seed " << seed << ": " << complaint);
            repaired += repairs_in(plan);
            ended = repairs_in(plan) == 0;
            for (const Move& move : plan.moves) with_room += move.reason.starts_with("makes room");
            std::erase_if(plan.moves, [](const Move& move) { return move.wave > 0; });
            cluster.carry_out(plan);
            const std::size_t after = broken_hard(cluster);
            if (after > before) FAIL_CHECK("seed " << seed << ": " << before << " broken, then " << after);
            before = after;
            cluster.tick();
        }
        if (!ended) FAIL_CHECK("seed " << seed << ": does not come to rest");
        left += before;
    }
    INFO(repaired << " repairs, " << with_room << " to make room, " << left << " violations left");
    CHECK(repaired > 900);
    CHECK(with_room > 10);
}

TEST_CASE("A cluster that is told in another order is repaired by the same moves") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const Cluster cluster = disorderly(seed);
        Cluster other = cluster;
        other.inventory.vms.clear();
        for (auto at = cluster.inventory.vms.rbegin(); at != cluster.inventory.vms.rend(); ++at)
            other.inventory.vms.insert(*at);
        std::reverse(other.inventory.past_moves.begin(), other.inventory.past_moves.end());
        if (text_of(other.plan()) != text_of(cluster.plan())) FAIL_CHECK("seed " << seed);
        Cluster stuck = cluster;
        Vm& vm = stuck.vm("stuck", host_name(0), 0, Bytes{}, 0);  // takes nothing of its host
        vm.facts.wishes.only_on = {{host_name(1)}};
        vm.facts.blockers = {{Reason::host_device, "gpu"}};
        const Plan with = stuck.plan();
        const Plan without = cluster.plan();
        CHECK(has(with.rejections, "stuck", Reason::host_device));
        REQUIRE(with.moves.size() == without.moves.size());
        for (std::size_t i = 0; i < with.moves.size(); ++i)
            if (with.moves[i].vm != without.moves[i].vm || with.moves[i].to != without.moves[i].to)
                FAIL_CHECK("seed " << seed << ": other moves");
    }
}
