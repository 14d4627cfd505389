// Rules and wishes that are broken now: who is moved to mend it, and what is said where nobody can be.
#include "policy/repair.h"

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
          "group g allows 1 in h1, there are big, small; small (2 GiB, 1.00 CPU) goes to h2, then at 6.2 % of its "
          "memory and 11 % of its usable CPU");
    CHECK(violation_in(plan)->text == "group g allows 1 in h1, there are big, small; 1 move mends it");
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
    cluster.memory.audit.braked = true;
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

TEST_CASE("Repair breaks no rule, never adds a violation, ends, and depends on no order") {
    std::size_t repaired = 0, with_room = 0;
    for (std::uint64_t seed = 0; seed < 1500; ++seed) {
        Cluster cluster = seed % 2 == 0 ? random_cluster(seed) : random_rules(seed);
        cluster.options.repair.soft = seed % 4 < 2;
        std::size_t before = broken_hard(cluster);
        bool ended = false;
        for (int cycle = 0; cycle < 12 && !ended; ++cycle) {
            const Plan plan = cluster.plan();
            const auto complaints = seed % 2 == 0 ? Oracle(cluster).judge(plan) : RulesOracle(cluster).judge(plan);
            for (const std::string& complaint : complaints) FAIL_CHECK("seed " << seed << ": " << complaint);
            if (text_of(plan) != text_of(cluster.plan())) FAIL_CHECK("seed " << seed << ": differs");
            repaired += repairs_in(plan);
            for (const Move& move : plan.moves)
                with_room += move.trigger == Trigger::rule_violation && move.reason.starts_with("makes room");
            ended = repairs_in(plan) == 0;
            Plan repairs = plan;
            std::erase_if(repairs.moves, [](const Move& move) { return move.trigger != Trigger::rule_violation; });
            cluster.carry_out(repairs);
            const std::size_t after = broken_hard(cluster);
            if (after > before) FAIL_CHECK("seed " << seed << ": " << before << " broken, then " << after);
            before = after;
            cluster.now += 1s;
        }
        if (!ended) FAIL_CHECK("seed " << seed << ": does not end");
    }
    INFO(repaired << " repairs, " << with_room << " to make room");
    CHECK(repaired > 500);
    CHECK(with_room > 0);
}
