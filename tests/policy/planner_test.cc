// A planner that remembers its last plan: it may save work, but never say anything else than plan() would.
#include "policy/planner.h"

#include "tests/policy/plan_text.h"
#include "tests/policy/random_rules.h"

using namespace ballast;
using namespace ballast::test;

namespace {

constexpr std::uint64_t cases = 300;
constexpr int steps = 8;

template <class Map>
auto& any_of(Map& map, Dice& dice) {
    return std::next(map.begin(), dice.below(static_cast<unsigned>(map.size())))->second;
}

// Something small that happens between two cycles; often nothing at all.
void change(Cluster& cluster, Dice& dice) {
    Inventory& inventory = cluster.inventory;
    Vm& vm = any_of(inventory.vms, dice);
    Host& host = any_of(inventory.hosts, dice);
    switch (dice.below(19)) {
        case 0: vm.load.cpu_used_cores = dice.ratio() * 4; break;
        case 1: vm.load.memory_rss = scaled(vm.facts.memory, dice.ratio()); break;
        case 2: vm.facts.wishes.no_migrate = !vm.facts.wishes.no_migrate; break;
        case 3: vm.facts.requirements.networks = {dice.one_in(2) ? "extra" : "default"}; break;
        case 4: vm.state = dice.one_in(2) ? VmState::paused : VmState::running; break;
        case 5: host.maintenance = !host.maintenance; break;
        case 6: host.load.pressure.memory_some = dice.ratio() * 0.5; break;
        case 7: host.stale = !host.stale; break;
        case 8: host.facts.networks.insert("extra"); break;
        case 9: host.accepts_vms = !host.accepts_vms; break;
        case 10: inventory.in_flight.clear(); break;
        case 11:
            inventory.past_moves.push_back({vm.id, host.id, vm.host, cluster.now, !dice.one_in(3), dice.one_in(3)});
            break;
        case 12: cluster.now += std::chrono::minutes{dice.below(30)}; break;
        case 13:
            if (inventory.wall_time) *inventory.wall_time += std::chrono::minutes{dice.below(90)};
            break;
        case 14: vm.host = host.id; break;
        case 15:
            host.health.clear();
            if (dice.one_in(2)) host.health = {{all_health_sources[dice.below(14)], "x", "it is bad"}};
            break;
        case 16: inventory.homes = {{vm.id, host.id, cluster.now - std::chrono::hours{dice.below(30)}}}; break;
        default: break;
    }
}

// Time passes, and perhaps everybody is sampled again.
void pass(Cluster& cluster, Dice& dice) {
    cluster.now += 10s;
    if (cluster.inventory.wall_time) *cluster.inventory.wall_time += 10s;
    if (!dice.one_in(3)) cluster.sample();
    cluster.observe();
}

}  // namespace

TEST_CASE("A planner that remembers says what one that does not would, whatever changes") {
    std::uint64_t reused = 0, made = 0;
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        Cluster cluster = seed % 2 == 0 ? random_cluster(seed) : random_rules(seed);
        cluster.options.maintenance.return_home = true;
        Dice dice(seed);
        policy::Planner planner;
        for (int step = 0; step < steps; ++step) {
            const Plan& plan = planner.plan(cluster.inventory, cluster.memory, cluster.options, cluster.now);
            if (text_of(plan) != text_of(cluster.plan())) FAIL_CHECK("seed " << seed << " step " << step);
            change(cluster, dice);
            pass(cluster, dice);
            ++made;
        }
        reused += planner.reused();
    }
    CHECK(reused > made / 20);  // the property means something only if plans were reused
}

TEST_CASE("New samples with the same figures do not make a new plan, another figure does") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    cluster.vm("a", "host1", 2);
    cluster.persist(1min);
    policy::Planner planner;
    const auto plan = [&] { return planner.plan(cluster.inventory, cluster.memory, cluster.options, cluster.now); };
    plan();
    cluster.persist(10min);
    plan();
    CHECK(planner.reused() == 1);
    cluster.guest("a").load.cpu_used_cores = 2.01;
    cluster.tick();
    plan();
    CHECK(planner.reused() == 1);
    SECTION("a new policy is always planned with") {
        plan();
        CHECK(planner.reused() == 2);
        planner.forget();
        plan();
        CHECK(planner.reused() == 2);
    }
}

TEST_CASE("Facts are compared by their revision where there is one") {
    Cluster cluster;
    cluster.host("host1").facts_revision = 1;
    cluster.vm("a", "host1", 2).facts_revision = 2;
    const auto fingerprint = [&] {
        return policy::fingerprint_of(cluster.inventory, cluster.memory, cluster.options, cluster.now);
    };
    const auto before = fingerprint();
    SECTION("of a VM") {
        cluster.guest("a").facts.vcpus = 8;
        CHECK(fingerprint() == before);
        cluster.guest("a").facts_revision = 3;
    }
    SECTION("of a host") {
        cluster.at("host1").facts.cpus = 8;
        CHECK(fingerprint() == before);
        cluster.at("host1").facts_revision = 3;
    }
    CHECK_FALSE(fingerprint() == before);
}
