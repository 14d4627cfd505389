// What past moves teach: predictions that come nearer to what was measured, and a brake on moves that do not help.
#include "policy/experience.h"

#include <cmath>
#include <limits>

#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {

double in_ms(Duration duration) {
    return static_cast<double>(duration.count());
}

policy::VmMemory& remembered(Cluster& cluster, const std::string& name) {
    return cluster.memory.vms.at({"id-" + name});
}

Prediction predicted(Cluster& cluster, const std::string& name) {
    return policy::predict(cluster.guest(name), remembered(cluster, name), cluster.options.migration);
}

void took(Cluster& cluster, const std::string& name, double duration_ratio, std::optional<double> downtime_ratio) {
    cluster.tick();
    cluster.moved(name, "host2", "host1", 0s);
    cluster.inventory.past_moves.back().experience = Experience{duration_ratio, downtime_ratio};
    cluster.tick();
}

bool is_braked(const Cluster& cluster) {
    return cluster.memory.audit.brake != policy::Audit::Brake::released;
}

// One crowded host and one with room; what the VMs on host1 want together is said anew before each sample.
struct Crowd {
    Cluster cluster;
    Crowd() {
        cluster.options.cooldown = {0s, 0s, 0s, 0s};
        cluster.options.overload.max_moves_per_cycle = 1;
        cluster.host("host1", 10, gib(256));
        cluster.host("host2", 64, gib(256));
        for (int i = 0; i < 12; ++i) cluster.vm("v" + std::to_string(i), "host1", 1, gib(2), 16);
    }
    unsigned on_host1() const {
        unsigned count = 0;
        for (const auto& [id, vm] : cluster.inventory.vms) count += vm.host.value == "host1" ? 1U : 0U;
        return count;
    }
    void share(double cores) {
        const double each = cores / on_host1();
        for (auto& [id, vm] : cluster.inventory.vms)
            if (vm.host.value == "host1") vm.load.cpu_used_cores = each;
    }
    // Each move's room is taken at once by those that stay.
    void moves_in_vain(int rounds) {
        for (int i = 0; i < rounds; ++i) {
            share(12);
            const Plan plan = cluster.plan_after(6min);
            REQUIRE(plan.moves.size() == 1);
            cluster.carry_out(plan);
        }
        share(12);
        cluster.persist(6min);
    }
};

}  // namespace

TEST_CASE("What a VM's migrations took corrects its next prediction") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("web", "host1", 1);
    cluster.vm("other", "host1", 1);
    cluster.tick();
    const Prediction model = predicted(cluster, "web");
    for (int i = 0; i < 5; ++i) {  // takes twice as long, and stands still three times as long, as the model says
        const Prediction now = predicted(cluster, "web");
        took(cluster, "web", 2 * in_ms(model.duration) / in_ms(now.duration),
             3 * in_ms(model.downtime) / in_ms(now.downtime));
    }
    const Prediction learnt = predicted(cluster, "web");
    CHECK(in_ms(learnt.duration) == Approx(2 * in_ms(model.duration)).epsilon(0.05));
    CHECK(in_ms(learnt.downtime) == Approx(3 * in_ms(model.downtime)).epsilon(0.05));
    CHECK(predicted(cluster, "other").duration == model.duration);
}

TEST_CASE("Absurd outcomes teach nothing, and no outcome more than tenfold") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("web", "host1", 1);
    cluster.tick();
    for (const double absurd :
         {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
        took(cluster, "web", absurd, absurd);
    CHECK(remembered(cluster, "web").duration_factor == 1);
    CHECK(remembered(cluster, "web").downtime_factor == 1);
    for (int i = 0; i < 20; ++i) took(cluster, "web", 1000, std::nullopt);
    CHECK(remembered(cluster, "web").duration_factor == 10);
    CHECK(remembered(cluster, "web").downtime_factor == 1);
}

TEST_CASE("An outcome is learnt from once") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("web", "host1", 1);
    cluster.tick();
    took(cluster, "web", 4, std::nullopt);
    cluster.persist(5min);
    CHECK(remembered(cluster, "web").duration_factor == 2);
}

TEST_CASE("Moves that help are not braked") {
    Crowd crowd;
    for (int i = 0; i < 6; ++i) {
        const Plan plan = crowd.cluster.plan_after(6min);
        crowd.cluster.carry_out(plan);
    }
    crowd.cluster.persist(2min);
    CHECK(crowd.cluster.memory.audit.audited >= 5);
    CHECK(crowd.cluster.memory.audit.effect == Approx(1).margin(0.05));
    CHECK(crowd.cluster.plan().brake.empty());
}

TEST_CASE("Moves that do not help are braked, which is said, and released when they help again") {
    Crowd crowd;
    crowd.moves_in_vain(8);
    CHECK(is_braked(crowd.cluster));
    crowd.cluster.options.overload.max_moves_per_cycle = 4;
    Plan plan = crowd.cluster.plan();
    CHECK(plan.brake.find("moves have brought only ") == 0);
    CHECK(plan.moves.size() == 1);
    crowd.cluster.under_way("v0", "host2");
    CHECK(crowd.cluster.plan().moves.empty());
    crowd.cluster.inventory.in_flight.clear();
    for (int i = 0; i < 3; ++i) {  // from now on what leaves takes its load along
        crowd.cluster.carry_out(crowd.cluster.plan());
        crowd.cluster.persist(2min);
        for (int k = 0; k < 3; ++k) crowd.cluster.vm("n" + std::to_string(i * 3 + k), "host1", 3, gib(2), 16);
        crowd.cluster.persist(6min);
    }
    CHECK_FALSE(is_braked(crowd.cluster));
    CHECK(crowd.cluster.plan().brake.empty());
}

TEST_CASE("What comes to a host under audit does not count against the moves away from it") {
    Crowd crowd;
    const Plan plan = crowd.cluster.plan_after(6min);
    crowd.cluster.carry_out(plan);
    crowd.cluster.vm("late", "host2", 1, gib(2), 16);
    crowd.cluster.tick();
    crowd.cluster.guest("late").host = {"host1"};
    crowd.cluster.moved("late", "host2", "host1", 0s, true, true);
    crowd.cluster.persist(2min);
    CHECK(crowd.cluster.memory.audit.audited == 1);
    CHECK(crowd.cluster.memory.audit.effect == Approx(1).margin(0.1));
}

TEST_CASE("Moves off a host whose load rises with the hour are judged by what they took along") {
    Crowd crowd;
    crowd.share(7);  // room enough: nobody waits
    for (int i = 0; i < 6; ++i) {
        const std::string name = "v" + std::to_string(i);
        crowd.cluster.tick();
        crowd.cluster.guest(name).host = {"host2"};
        crowd.cluster.moved(name, "host1", "host2", 0s);
        for (int k = 0; k < 12; ++k) {  // all want more and more, the moved ones too: in the end twice as much
            for (auto& [id, vm] : crowd.cluster.inventory.vms) *vm.load.cpu_used_cores *= 1.01;
            crowd.cluster.tick();
        }
    }
    CHECK(crowd.cluster.memory.audit.audited >= 5);
    CHECK(crowd.cluster.memory.audit.effect >= 1);
    CHECK_FALSE(is_braked(crowd.cluster));
}

TEST_CASE("Moves of VMs that want nothing any more where they came are braked, also from hosts with room") {
    Crowd crowd;
    crowd.share(7);
    for (int i = 0; i < 6; ++i) {
        const std::string name = "v" + std::to_string(i);
        crowd.cluster.tick();
        crowd.cluster.guest(name).host = {"host2"};
        crowd.cluster.guest(name).load.cpu_used_cores = 0;
        crowd.cluster.moved(name, "host1", "host2", 0s);
        crowd.cluster.persist(2min);
    }
    CHECK(is_braked(crowd.cluster));
}

TEST_CASE("A VM that came back to the host under audit took nothing along") {
    Crowd crowd;
    crowd.share(7);
    crowd.cluster.tick();
    crowd.cluster.moved("v0", "host1", "host2", 0s);
    crowd.cluster.tick();
    crowd.cluster.moved("v0", "host2", "host1", 0s);
    crowd.cluster.persist(2min);
    CHECK(crowd.cluster.memory.audit.audited == 2);
    CHECK(crowd.cluster.memory.audit.effect == Approx(0.79).margin(0.01));  // host1 kept it, host2 is rid of it
}

TEST_CASE("A brake ends by itself after an hour, and a few moves prove themselves") {
    Crowd crowd;
    crowd.moves_in_vain(8);
    crowd.cluster.options.overload.max_moves_per_cycle = 6;
    CHECK(crowd.cluster.memory.audit.brake == policy::Audit::Brake::holding);
    crowd.cluster.persist(1h);
    CHECK(crowd.cluster.memory.audit.brake == policy::Audit::Brake::proving);
    Plan plan = crowd.cluster.plan();
    CHECK(plan.brake.find("have to prove themselves") != plan.brake.npos);
    CHECK(plan.moves.size() > 1);
    CHECK(plan.moves.size() <= 4);
    crowd.cluster.carry_out(plan);  // takes its load along
    crowd.cluster.tick();
    CHECK(policy::moves_allowed(crowd.cluster.memory.audit, 6, 0) == 1);
    CHECK_FALSE(policy::may_improve(crowd.cluster.memory.audit));
    crowd.cluster.persist(2min);
    CHECK_FALSE(is_braked(crowd.cluster));
    CHECK(crowd.cluster.memory.audit.holds == 0);
}

TEST_CASE("Moves that prove to be in vain are braked again, for twice as long each time but no longer than a night") {
    Crowd crowd;
    crowd.moves_in_vain(8);
    Duration expected = 1h;
    for (int i = 0; i < 5; ++i) {
        policy::Audit& audit = crowd.cluster.memory.audit;
        INFO(i << ", effect " << audit.effect << ", " << audit.audited << " audits");
        REQUIRE(audit.brake == policy::Audit::Brake::holding);
        CHECK(audit.holds == static_cast<unsigned>(i + 1));
        const Duration left = audit.until - crowd.cluster.now;
        CHECK(left <= expected);
        CHECK(left > expected - 30min);
        expected = std::min<Duration>(2 * expected, 8h);
        crowd.cluster.now = audit.until;
        crowd.cluster.tick();
        for (int k = 0; k < 2; ++k) {
            for (auto& [id, vm] : crowd.cluster.inventory.vms) vm.host = {"host1"};
            crowd.share(12);
            crowd.cluster.persist(5min);
            const std::string name = "v" + std::to_string(2 * i + k);
            crowd.cluster.guest(name).host = {"host2"};
            crowd.cluster.guest(name).load.cpu_used_cores = 0;
            crowd.cluster.moved(name, "host1", "host2", 0s);
            crowd.share(12);
            crowd.cluster.persist(2min);
        }
    }
}
