// Rules and the room for failures in plans: what is chosen, what is told, and what is refused only to some.
#include "policy/rules.h"

#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;
using policy::Rule;

namespace {

Rule rule(Rule::Kind kind, std::vector<std::string> vms, std::vector<HostId> hosts = {}, bool hard = true) {
    return {kind, "r1", std::move(vms), std::move(hosts), "p.yaml:3", 5, hard};
}

// host1 is in maintenance; host2 has less room than host3.
Cluster leaving() {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    cluster.at("host1").maintenance = true;
    cluster.vm("a", "host1", 1);
    cluster.vm("b", "host1", 1);
    cluster.vm("x", "host2", 2, gib(8));
    cluster.tick();
    return cluster;
}

// host1 is overloaded; relief of one VM is enough.
Cluster hot(Bytes size = gib(4)) {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"a", "b", "c"}) cluster.vm(name, "host1", 2.8, size);
    cluster.persist();
    return cluster;
}

std::string target_of(const Plan& plan, const std::string& name) {
    const Move* move = move_of(plan, name);
    return move == nullptr ? "nowhere" : move->to.value;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A soft rule orders the targets and is told in the move's reason") {
    Cluster cluster = leaving();
    REQUIRE(target_of(cluster.plan(), "a") == "host3");
    SECTION("prefer") {
        cluster.options.rules = {rule(Rule::Kind::prefer, {"a"}, {{"host2"}}, false)};
        CHECK(contains(move_of(cluster.plan(), "a")->reason, "; prefers host2: rule r1 prefers host2"));
    }
    SECTION("avoid") {
        cluster.options.rules = {rule(Rule::Kind::avoid, {"a"}, {{"host3"}}, false)};
        CHECK(contains(move_of(cluster.plan(), "a")->reason, "; prefers host2: rule r1 avoids host3"));
    }
    SECTION("keep_together") {
        cluster.options.rules = {rule(Rule::Kind::keep_together, {"a", "x"}, {}, false)};
        CHECK(contains(move_of(cluster.plan(), "a")->reason, "it is wanted with x on host2 by rule r1"));
    }
    SECTION("keep_apart") {
        cluster.vm("y", "host3", 0, mib(64));
        cluster.options.rules = {rule(Rule::Kind::keep_apart, {"a", "y"}, {}, false)};
        CHECK(contains(move_of(cluster.plan(), "a")->reason, "rule r1 wants it apart from y"));
    }
    CHECK(target_of(cluster.plan(), "a") == "host2");
    CHECK(cluster.refusals("a", "host3").empty());
}

TEST_CASE("A soft rule that cannot be kept keeps nobody from moving, and is told") {
    Cluster cluster = leaving();
    cluster.options.rules = {rule(Rule::Kind::avoid, {"a"}, {{"host2"}, {"host3"}}, false)};
    const Plan plan = cluster.plan();
    REQUIRE(move_of(plan, "a"));
    CHECK(contains(move_of(plan, "a")->reason, "although rule r1 avoids host3"));
}

TEST_CASE("Relief heeds preferences too, and says so of the others") {
    Cluster cluster = hot();
    cluster.vm("x", "host2", 1);
    cluster.options.rules = {rule(Rule::Kind::prefer, {"*"}, {{"host2"}}, false)};
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].to.value == "host2");
    REQUIRE(has(plan.moves[0].refused_targets, Reason::no_benefit));
    CHECK(plan.moves[0].refused_targets[0].detail == "possible, but host2 is preferred: rule r1 prefers host2");
}

TEST_CASE("VMs kept together leave their host for the same target, even if each would fit better elsewhere") {
    Cluster cluster = leaving();
    cluster.options.rules = {rule(Rule::Kind::keep_together, {"a", "b"})};
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].to == plan.moves[1].to);
}

TEST_CASE("A complete group is not torn apart to relieve its host, and a stray may only go back") {
    Cluster cluster = hot();
    cluster.options.rules = {rule(Rule::Kind::keep_together, {"a", "b"})};
    CHECK(target_of(cluster.plan(), "c") != "nowhere");
    CHECK(has(cluster.refusals("a", "host2"), Reason::keep_together));
    cluster.guest("a").host = {"host3"};
    CHECK(has(cluster.refusals("a", "host2"), Reason::keep_together));
    CHECK_FALSE(has(cluster.refusals("a", "host1"), Reason::keep_together));
}

TEST_CASE("A group larger than the cluster is spread evenly, and beyond that when it must") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"a", "b", "c", "d", "e"}) cluster.vm(name, "host1", 0.1);
    cluster.at("host1").maintenance = true;
    cluster.options.rules = {rule(Rule::Kind::spread, {"?"}, {}, false)};
    cluster.tick();
    const Plan plan = cluster.plan();
    std::map<std::string, int> on;
    for (const Move& move : plan.moves) ++on[move.to.value];
    CHECK(plan.moves.size() == 5);
    CHECK(on["host2"] >= 2);  // five over the two that are left
    CHECK(on["host3"] >= 2);
    cluster.at("host3").accepts_vms = false;
    CHECK(cluster.plan().moves.size() == 5);
    cluster.options.rules[0].hard = true;
    cluster.options.rules[0].at_most = 2;
    CHECK(cluster.plan().moves.size() == 2);
    CHECK(has(cluster.plan().rejections, Reason::spread));
}

TEST_CASE("Moving within a failure domain is no matter of how full it is") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name).labels["rack"] = "r1";
    cluster.at("host3").labels["rack"] = "r2";
    for (const char* name : {"a", "b", "c"}) cluster.vm(name, name == std::string("c") ? "host3" : "host1", 0.1);
    cluster.tick();
    cluster.options.rules = {rule(Rule::Kind::spread, {"?"})};
    cluster.options.rules[0].over = "rack";
    cluster.options.rules[0].at_most = 1;
    CHECK(cluster.refusals("a", "host2").empty());
    CHECK(has(cluster.refusals("a", "host3"), Reason::spread));
    CHECK(has(cluster.refusals("c", "host2"), Reason::spread));
}

TEST_CASE("Groups stand for their VMs and hosts in rules and windows") {
    Cluster cluster = leaving();
    cluster.options.groups = {{"some", {"a", "z*"}, {}}, {"few", {}, {{"host2"}, {"host9"}}}};
    cluster.options.rules = {rule(Rule::Kind::pin, {"group:some"}, {{"group:few"}})};
    CHECK(target_of(cluster.plan(), "a") == "host2");
    CHECK(cluster.refusals("b", "host3").empty());
    CHECK(cluster.refusals("a", "host3").at(0).detail == "rule r1 allows host2, host9 only");
}

TEST_CASE("Windows bind relief, and evacuations only where they say so") {
    Cluster cluster = leaving();
    cluster.inventory.wall_time = WallTime{};  // a Thursday, 00:00
    cluster.options.windows = {{"w", {"a"}, {}, {{3, 3, 0, 1440}}, {}, false, ""}};
    CHECK(target_of(cluster.plan(), "a") != "nowhere");
    cluster.options.windows[0].maintenance = true;
    const Plan plan = cluster.plan();
    CHECK(target_of(plan, "a") == "nowhere");
    CHECK(target_of(plan, "b") != "nowhere");
    CHECK(has(plan.immovable, "a", Reason::window));
    cluster.inventory.wall_time = WallTime{24h};
    CHECK(target_of(cluster.plan(), "a") != "nowhere");
}

TEST_CASE("Relief leaves the last piece of room that the largest VM needs after the loss of a host") {
    Cluster cluster = hot(gib(20));
    cluster.vm("large", "host2", 0.1, gib(36));  // host2: 24.8 GiB free, host3: 60.8, host1 0.8
    cluster.tick();
    CHECK(cluster.plan().moves.size() == 1);
    cluster.options.admission = {0, true};
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].to.value == "host3");  // 40.8 GiB stay there
    CHECK(plan.warnings.empty());
    cluster.guest("large").facts.memory = gib(45);
    const Plan refused = cluster.plan();
    CHECK(refused.moves.empty());
    REQUIRE(has(refused.rejections, Reason::admission));
    cluster.at("host1").maintenance = true;  // an order goes first, with a warning
    const Plan ordered = cluster.plan();
    CHECK(ordered.moves.size() > 1);
    REQUIRE_FALSE(ordered.warnings.empty());
    CHECK(contains(ordered.warnings[0], "admission: the largest VM needs 45 GiB"));
}

TEST_CASE("A plan warns when the loss of a host would leave VMs without room") {
    Cluster cluster;
    for (const char* name : {"host1", "host2"}) cluster.host(name);
    for (const char* name : {"a", "b", "c"})
        cluster.vm(name, name == std::string("c") ? "host2" : "host1", 0.1, gib(25));
    cluster.tick();
    CHECK(cluster.plan().warnings.empty());
    cluster.options.admission = {1, false};
    REQUIRE(cluster.plan().warnings.size() == 1);
    CHECK(cluster.plan().warnings[0] == "admission: 14.2 GiB of memory would be missing after the loss of 1 host");
    cluster.host("host3");
    cluster.tick();
    CHECK(cluster.plan().warnings.empty());
}

TEST_CASE("Memory beyond what a host has may be promised, but what is used has to be there") {
    Cluster cluster;
    for (const char* name : {"host1", "host2"}) cluster.host(name, 10, gib(32));
    cluster.vm("a", "host1", 0.1, gib(20)).load.memory_rss = gib(4);
    cluster.vm("b", "host2", 0.1, gib(20)).load.memory_rss = gib(4);
    cluster.tick();
    CHECK(has(cluster.refusals("a", "host2"), Reason::memory));
    cluster.options.overcommit.memory = 1.5;
    CHECK(cluster.refusals("a", "host2").empty());
    cluster.at("host2").load.memory_available = gib(5);
    CHECK(has(cluster.refusals("a", "host2"), Reason::memory));
}

TEST_CASE("VMs on huge pages and others do not take each other's memory") {
    Cluster cluster;
    for (const char* name : {"host1", "host2"}) cluster.host(name, 10, gib(32));
    cluster.at("host2").facts.cells[0].huge_pages[gib(1)] = 20;
    cluster.at("host2").load.memory_available = gib(12);
    cluster.vm("a", "host1", 0.1, gib(16)).facts.requirements.huge_pages[gib(1)] = gib(16);
    cluster.vm("b", "host1", 0.1, gib(11));
    cluster.vm("c", "host1", 0.1, gib(10));
    cluster.measures_hosts = false;
    cluster.tick();
    CHECK(cluster.refusals("a", "host2").empty());
    CHECK(has(cluster.refusals("b", "host2"), Reason::memory));
    CHECK(cluster.refusals("c", "host2").empty());
}

TEST_CASE("Rules that cannot all be kept with the VMs there are become warnings, and block no plan") {
    Cluster cluster = leaving();
    const auto warned = [&](const std::string& part) {
        const Plan plan = cluster.plan();
        CHECK(plan.moves.size() >= 1);  // those that nobody argues about go on
        for (const std::string& warning : plan.warnings)
            if (contains(warning, part)) return true;
        return false;
    };
    SECTION("kept together and apart") {
        cluster.vm("c", "host1", 0.1);
        cluster.options.rules = {rule(Rule::Kind::keep_apart, {"a", "b"}),
                                 rule(Rule::Kind::keep_together, {"[ab]", "?"})};
        CHECK(warned("a and b are kept together by rule r1 and apart by rule r1"));
    }
    SECTION("more VMs apart than a pin has hosts") {
        cluster.options.rules = {rule(Rule::Kind::keep_apart, {"a*", "b*"}), rule(Rule::Kind::pin, {"*"}, {{"host3"}})};
        CHECK(warned("2 VMs of rule r1 are pinned by rule r1 to 1 place where at most 1 may run"));
    }
    SECTION("a pin to hosts that do not exist") {
        cluster.guest("a").facts.wishes.only_on = {{"host9"}};
        CHECK(warned("a may run on no host at all: its own metadata"));
    }
    SECTION("windows that never agree") {
        cluster.inventory.wall_time = WallTime{};
        cluster.options.windows = {{"w1", {"a"}, {{0, 4, 0, 1440}}, {}, {}, true, ""},
                                   {"w2", {"?"}, {}, {{0, 4, 0, 1440}}, {}, false, ""}};
        CHECK(warned("a may be moved at no time of the week: windows w1, w2"));
    }
}
