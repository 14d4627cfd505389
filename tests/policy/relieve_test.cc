#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {

// host1 wants 8.4 of 9 usable CPUs (93 %), host2 3.6 (40 %).
Cluster hot_and_cool() {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("a", "host1", 3.6);
    cluster.vm("b", "host1", 2.4);
    cluster.vm("c", "host1", 2.4);
    cluster.vm("d", "host2", 3.6);
    return cluster;
}

bool finds(const Plan& plan, const std::string& host, const std::string& words) {
    const Finding* finding = finding_of(plan, host);
    return finding != nullptr && finding->text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("A host above its CPU limit for long enough is relieved by one move below the lower limit") {
    Cluster cluster = hot_and_cool();
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 1);
    const Move& move = plan.moves[0];
    CHECK(move.vm.value == "id-b");
    CHECK(move.from.value == "host1");
    CHECK(move.to.value == "host2");
    CHECK(move.trigger == Trigger::overload);
    CHECK(move.wave == 0);
    CHECK(move.prediction.converges);
    CHECK(move.effect.source_cpu_before == Approx(8.4 / 9));
    CHECK(move.effect.source_cpu_after == Approx(6.0 / 9));
    CHECK(move.effect.target_cpu_after == Approx(6.0 / 9));
    CHECK(
        move.reason ==
        "host1 wants 93 % of its usable CPU (limit 80 % for 5 min); moving b (2 GiB, 2.40 CPU) brings it to 67 % CPU, "
        "6.2 % memory and host2 to 67 % CPU, 6.2 % memory");
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(plan.hosts.at({"host1"}).state == "overloaded");
    CHECK(plan.hosts.at({"host1"}).overloaded);
    CHECK(plan.hosts.at({"host2"}).state == "ok");
    CHECK(plan.score_after < plan.score_before);
}

TEST_CASE("Nothing is done before the condition has persisted") {
    Cluster cluster = hot_and_cool();
    const Plan plan = cluster.plan_after(4min);
    CHECK(plan.moves.empty());
    CHECK(plan.findings.empty());
    CHECK(plan.hosts.at({"host1"}).state == "hot");
}

TEST_CASE("A plan carried out leaves nothing more to do") {
    Cluster cluster = hot_and_cool();
    cluster.options.cooldown.vm = 0s;
    cluster.carry_out(cluster.plan_after(6min));
    CHECK(cluster.plan().moves.empty());
    CHECK(cluster.plan_after(10min).moves.empty());
    CHECK(cluster.plan().findings.empty());
}

TEST_CASE("Relief can be switched off") {
    Cluster cluster = hot_and_cool();
    cluster.options.overload.enabled = false;
    const Plan plan = cluster.plan_after(6min);
    CHECK(plan.moves.empty());
    CHECK(plan.hosts.at({"host1"}).overloaded);
}

TEST_CASE("The target is judged after the move: one that would become hot is refused with figures") {
    Cluster cluster = hot_and_cool();
    cluster.guest("d").load.cpu_used_cores = 4;
    cluster.vm("e", "host2", 2);  // 6 of 9: with 2.4 more it would be at 93 %
    const Plan plan = cluster.plan_after(6min);
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "b", Reason::no_target));
    CHECK(has(plan.rejections, "b", Reason::no_benefit));
    CHECK(finds(plan, "host1", "no move can relieve it now (3 VMs stay: no_target 3)"));
    CHECK_FALSE(finding_of(plan, "host1")->resolved_by_plan);
}

TEST_CASE("A target that would end between the limits is too busy, not merely useless") {
    Cluster cluster = hot_and_cool();
    cluster.vm("e", "host2", 0.8);  // 4.4 of 9: with 2.4 more 76 %
    const Plan plan = cluster.plan_after(6min);
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "b", Reason::cpu));
    CHECK(has(plan.rejections, "a", Reason::cpu));
}

TEST_CASE("The target with the most headroom is taken, and the others are told why not") {
    Cluster cluster = hot_and_cool();
    cluster.host("host3");
    cluster.host("host4").maintenance = true;
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].to.value == "host3");
    const auto& refused = plan.moves[0].refused_targets;
    REQUIRE(refused.size() == 2);
    CHECK(refused[0].target == HostId{"host4"});
    CHECK(refused[0].reason == Reason::host_maintenance);
    CHECK(refused[1].target == HostId{"host2"});
    CHECK(refused[1].detail ==
          "possible, but host3 suits better: 67 % CPU and 6.2 % memory there, 27 % and 3.1 % on it");
}

TEST_CASE("Among VMs that are enough alone the cheapest goes") {
    Cluster cluster = hot_and_cool();
    cluster.guest("b").facts.memory = gib(8);
    cluster.guest("b").load.memory_rss = gib(8);
    CHECK(move_of(cluster.plan_after(6min), "c"));
}

TEST_CASE("A guest that would not converge goes only if no other helps") {
    Cluster cluster = hot_and_cool();
    cluster.guest("b").load.dirty_rate_mib_per_s = 500;
    cluster.guest("c").load.dirty_rate_mib_per_s = 1;
    CHECK(move_of(cluster.plan_after(6min), "c"));
    cluster.guest("c").facts.wishes.no_migrate = true;
    cluster.guest("a").facts.wishes.no_migrate = true;
    const Plan plan = cluster.plan();
    REQUIRE(move_of(plan, "b"));
    CHECK_FALSE(move_of(plan, "b")->prediction.converges);
}

TEST_CASE("Several moves are planned when one is not enough, but never more than allowed") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    for (int i = 0; i < 9; ++i) cluster.vm("v" + std::to_string(i), "host1", 1);
    Plan plan = cluster.plan_after(6min);
    CHECK(plan.moves.size() == 3);   // 9 of 9 usable CPUs, 6.3 is the goal
    CHECK(plan.moves[2].wave == 1);  // two may leave a host at a time
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(finds(plan, "host1", "3 moves bring it to 67 % CPU"));
    cluster.options.overload.max_moves_per_cycle = 2;
    plan = cluster.plan();
    CHECK(plan.moves.size() == 2);
    CHECK_FALSE(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(finds(plan, "host1", "not yet below its limits (no more than 2 moves in one cycle)"));
}

TEST_CASE("Of many VMs without a target only those that would help most are told target by target") {
    Cluster cluster;
    cluster.host("host1", 30);
    cluster.host("host2", 30).accepts_vms = false;
    for (unsigned i = 0; i < 20; ++i) cluster.vm("v" + std::to_string(i), "host1", 1 + 0.02 * i);
    const Plan plan = cluster.plan_after(6min);
    const auto count = [&](Reason reason) {
        return std::count_if(plan.rejections.begin(), plan.rejections.end(),
                             [&](const Rejection& r) { return r.reason == reason; });
    };
    CHECK(count(Reason::no_target) == 20);
    CHECK(count(Reason::host_excluded) == 10);
    CHECK(has(plan.rejections, "v19", Reason::host_excluded));
    CHECK_FALSE(has(plan.rejections, "v0", Reason::host_excluded));
}

TEST_CASE("Ready time alone makes a host overloaded, and enough of the waiting leaves it") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    for (int i = 0; i < 6; ++i) cluster.vm("v" + std::to_string(i), "host1", 0.7).load.ready_ratio = 0.1;
    const Plan plan = cluster.plan_after(6min);
    CHECK_FALSE(cluster.seen("host1").cpu.set);
    CHECK(cluster.seen("host1").ready.set);
    CHECK(plan.moves.size() == 2);  // 24 vCPUs wait for 2.4 CPUs, 1.9 of them beyond 2 %
    CHECK(finds(plan, "host1", "lets its vCPUs wait for a CPU 10 % of the time (limit 5.0 % for 5 min)"));
}

TEST_CASE("Ready time is measured again after a move before it asks for another") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    for (int i = 0; i < 6; ++i) cluster.vm("v" + std::to_string(i), "host1", 0.7).load.ready_ratio = 0.1;
    cluster.options.cooldown.vm = 0s;
    cluster.carry_out(cluster.plan_after(6min));
    CHECK(cluster.plan().moves.empty());
    cluster.tick();
    CHECK(cluster.plan().moves.empty());
    cluster.persist(1min);
    CHECK_FALSE(cluster.plan().moves.empty());  // it did not help: the remaining ones still wait
}

TEST_CASE("A host short of memory is relieved by what its VMs occupy") {
    Cluster cluster;
    cluster.host("host1", 10, gib(32));
    cluster.host("host2", 10, gib(32));
    cluster.vm("small", "host1", 0.1, gib(1));
    cluster.vm("large", "host1", 0.1, gib(4));
    cluster.vm("huge", "host1", 0.1, gib(25));
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].vm.value == "id-large");
    CHECK(finds(plan, "host1", "uses 94 % of its memory (limit 92 % for 5 min)"));
    CHECK(plan.moves[0].effect.source_memory_after == Approx(26.0 / 32));
}

TEST_CASE("Relief of memory does not make the target short of it") {
    Cluster cluster;
    cluster.host("host1", 10, gib(32));
    cluster.host("host2", 10, gib(32));
    cluster.vm("large", "host1", 0.1, gib(15));
    cluster.vm("also", "host1", 0.1, gib(15));
    cluster.vm("there", "host2", 0.1, gib(13));
    const Plan plan = cluster.plan_after(6min);  // 28 of 32 GiB: above 85 %, though it would fit
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "large", Reason::memory));
}

TEST_CASE("Memory pressure moves a step at a time") {
    Cluster cluster;
    cluster.host("host1", 10, gib(20));
    cluster.host("host2", 10, gib(20));
    for (int i = 0; i < 8; ++i) cluster.vm("v" + std::to_string(i), "host1", 0.1, gib(1));
    cluster.at("host1").load.pressure.memory_some = 0.4;
    const Plan plan = cluster.plan_after(6min);
    CHECK(plan.moves.size() == 1);
    CHECK(finds(plan, "host1", "stalls on memory 40 % of the time (limit 20 % for 5 min)"));
    cluster.carry_out(plan);
    CHECK(cluster.plan().moves.empty());
}

TEST_CASE("An overloaded host is no target for relief, by whatever it is overloaded") {
    Cluster cluster = hot_and_cool();
    cluster.guest("d").load.cpu_used_cores = 1;
    SECTION("ready time") {
        cluster.guest("d").load.ready_ratio = 0.3;
        cluster.guest("d").facts.wishes.no_migrate = true;
        CHECK(has(cluster.plan_after(6min).rejections, "b", Reason::cpu));
    }
    SECTION("memory pressure") {
        cluster.at("host2").load.pressure.memory_some = 0.5;
        cluster.guest("d").facts.wishes.no_migrate = true;
        CHECK(has(cluster.plan_after(6min).rejections, "b", Reason::memory));
    }
    CHECK(cluster.plan().moves.empty());
}

TEST_CASE("A VM of unknown load is no candidate for relief") {
    Cluster cluster = hot_and_cool();
    cluster.vm("new", "host1", 0).load.cpu_used_cores.reset();
    for (const char* name : {"a", "b", "c"}) cluster.guest(name).facts.wishes.no_migrate = true;
    const Plan plan = cluster.plan_after(6min);
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "new", Reason::no_benefit));
    CHECK(has(plan.rejections, "a", Reason::opted_out));
    CHECK(finds(plan, "host1", "(4 VMs stay: opted_out 3, no_benefit 1)"));
}

TEST_CASE("A VM that takes next to nothing is not worth a migration") {
    Cluster cluster;
    cluster.host("host1", 4);
    cluster.host("host2", 4);
    cluster.vm("big", "host1", 3.5).facts.wishes.no_migrate = true;
    cluster.vm("tiny", "host1", 0.02);
    const Plan plan = cluster.plan_after(6min);
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "tiny", Reason::no_benefit));
}

TEST_CASE("A host whose load is not known is no target for relief") {
    Cluster cluster = hot_and_cool();
    cluster.persist(6min);
    cluster.host("host3");
    cluster.inventory.hosts.erase({"host2"});
    cluster.inventory.vms.erase({"id-d"});
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "b", Reason::host_stale));
}

TEST_CASE("A stale or unreachable host is neither source nor target") {
    Cluster cluster = hot_and_cool();
    cluster.host("host3");
    cluster.persist(6min);
    SECTION("as a target") {
        cluster.at("host3").stale = true;
        CHECK(cluster.plan().moves.at(0).to.value == "host2");
        cluster.at("host2").connection = Connection::down;
        const Plan plan = cluster.plan();
        CHECK(plan.moves.empty());
        CHECK(plan.hosts.at({"host2"}).state == "down");
        CHECK(plan.hosts.at({"host3"}).state == "stale");
    }
    SECTION("as a source") {
        cluster.at("host1").stale = true;
        CHECK(cluster.plan().moves.empty());
        CHECK(cluster.plan().findings.empty());
    }
}

TEST_CASE("One unmovable VM does not keep the others from moving") {
    Cluster cluster = hot_and_cool();
    cluster.guest("b").facts.blockers = {{Reason::host_device, "gpu"}};
    CHECK(move_of(cluster.plan_after(6min), "c"));
}

TEST_CASE("A limit of zero forbids moves and says which limit it was") {
    Cluster cluster = hot_and_cool();
    cluster.persist(6min);
    SECTION("outgoing") {
        cluster.options.limits.outgoing_per_host = 0;
        CHECK(has(cluster.plan().rejections, "b", Reason::limit_outgoing));
    }
    SECTION("incoming") {
        cluster.options.limits.incoming_per_host = 0;
        CHECK(has(cluster.plan().rejections, "b", Reason::limit_incoming));
    }
    SECTION("cluster") {
        cluster.options.limits.cluster = 0;
        CHECK(has(cluster.plan().rejections, "b", Reason::limit_cluster));
    }
    CHECK(cluster.plan().moves.empty());
}

TEST_CASE("The same VM is not moved again within its cooldown, others are") {
    Cluster cluster = hot_and_cool();
    cluster.persist(6min);
    cluster.moved("b", "host2", "host1", 10min);
    CHECK(move_of(cluster.plan(), "c"));
    cluster.moved("c", "host2", "host1", 90min, true, true);
    cluster.moved("a", "host2", "host1", 29min);
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(has(plan.rejections, "c", Reason::cooldown));
}

TEST_CASE("A VM does not go from A to B and back to A while it cools down") {
    Cluster cluster = hot_and_cool();
    const Plan there = cluster.plan_after(6min);
    REQUIRE(there.moves.size() == 1);
    const VmId moved = there.moves[0].vm;
    cluster.carry_out(there);
    // Now host2 becomes the hot one, host1 the cool one.
    cluster.guest("d").load.cpu_used_cores = 4;
    cluster.vm("e", "host2", 2).facts.wishes.no_migrate = true;
    cluster.guest("a").load.cpu_used_cores = 0.1;
    for (Instant end = cluster.now + 20min; cluster.now < end;) {
        cluster.tick();
        for (const Move& move : cluster.plan().moves) CHECK(move.vm != moved);
    }
    cluster.guest("d").facts.wishes.no_migrate = true;
    CHECK(has(cluster.plan().rejections, Reason::cooldown));
    CHECK(cluster.plan_after(11min).moves.empty());  // it may move again, but not back
    CHECK(has(cluster.plan().rejections, Reason::cooldown));
    const Plan later = cluster.plan_after(30min);
    REQUIRE(later.moves.size() == 1);
    CHECK(later.moves[0].vm == moved);
}

TEST_CASE("A move that failed is not tried on the same target at once, but on another") {
    Cluster cluster = hot_and_cool();
    cluster.persist(6min);
    for (const char* name : {"a", "c"}) cluster.guest(name).facts.wishes.no_migrate = true;
    cluster.moved("b", "host1", "host2", 1min, false);
    CHECK(cluster.plan().moves.empty());
    CHECK(has(cluster.plan().rejections, "b", Reason::cooldown));
    cluster.host("host3");
    cluster.tick();
    REQUIRE(cluster.plan().moves.size() == 1);
    CHECK(cluster.plan().moves[0].to.value == "host3");
}

TEST_CASE("Where no VM can leave directly, one of another host makes room first") {
    Cluster cluster = hot_and_cool();
    for (const char* name : {"a", "b", "c"}) cluster.guest(name).facts.wishes.only_on = {{"host1"}, {"host2"}};
    cluster.vm("e", "host2", 2);  // 5.6 of 9: with 2.4 more it would be at 89 %
    cluster.host("host3");
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 2);
    const Move& aside = plan.moves[0];
    CHECK(aside.from.value == "host2");
    CHECK(aside.to.value == "host3");
    CHECK(aside.wave == 0);
    CHECK(aside.reason.find("host2 makes room for b (host1 wants 93 % of its usable CPU") == 0);
    const Move& relieving = plan.moves[1];
    CHECK(relieving.vm.value == "id-b");
    CHECK(relieving.to.value == "host2");
    CHECK(relieving.wave == 1);
    CHECK(relieving.reason.find(" leaves host2 first to make room); moving b ") != std::string::npos);
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    SECTION("but nobody who must not be moved, and no more moves than allowed") {
        cluster.options.overload.max_moves_per_cycle = 1;
        CHECK(cluster.plan().moves.empty());
        cluster.options.overload.max_moves_per_cycle = 4;
        for (const char* name : {"d", "e"}) cluster.guest(name).facts.wishes.no_migrate = true;
        CHECK(cluster.plan().moves.empty());
    }
    SECTION("carried out, nothing is left to do") {
        cluster.options.cooldown = {0s, 0s, 0s, 0s};
        cluster.carry_out(plan);
        CHECK(cluster.plan_after(10min).moves.empty());
    }
}
