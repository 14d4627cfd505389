// The policy in a loop with the load it moves about: hosts share their CPUs among VMs that want more than there is, and
// every move ends before the next sample. Cooldowns are off: what keeps the cluster quiet has to be the decisions.
#include "tests/policy/random_cluster.h"

using namespace ballast;
using namespace ballast::test;

namespace {

using Wanted = std::map<VmId, double>;

// What would be measured: a full host gives everybody the same share of what they want, and the rest is ready time.
void contend(Cluster& cluster, const Wanted& wanted) {
    std::map<HostId, double> sum;
    for (const auto& [id, vm] : cluster.inventory.vms) sum[vm.host] += wanted.at(id);
    for (auto& [id, vm] : cluster.inventory.vms) {
        const double cpus = cluster.inventory.hosts.at(vm.host).facts.cpus;
        const double share = std::min(1.0, cpus / std::max(sum.at(vm.host), 1e-9));
        vm.load.cpu_used_cores = wanted.at(id) * share;
        vm.load.ready_ratio = wanted.at(id) * (1 - share) / vm.facts.vcpus;
    }
}

Cluster contended_cluster(Dice& dice, Wanted& wanted) {
    Cluster cluster;
    cluster.options.cooldown = {0s, 0s, 0s, 0s};
    const unsigned hosts = dice.between(2, 6);
    for (unsigned i = 0; i < hosts; ++i) cluster.host(host_name(i), dice.between(4, 16), gib(dice.between(16, 64)));
    const unsigned vms = dice.between(4, 40);
    for (unsigned i = 0; i < vms; ++i) {
        const unsigned vcpus = dice.between(1, 4);
        Vm& vm = cluster.vm("v" + std::to_string(i), host_name(dice.below(hosts)), 0, mib(512), vcpus);
        wanted[vm.id] = dice.ratio() * vcpus;
    }
    return cluster;
}

// Half of the clusters want more than they have: nothing can relieve those, but they have to stay quiet as well. The
// others have room: all together they want at most 55 % of what their hosts can give.
bool make_room(const Cluster& cluster, Wanted& wanted, bool with_room) {
    double sum = 0, usable = 0;
    for (const auto& [id, cpu] : wanted) sum += cpu;
    for (const auto& [id, host] : cluster.inventory.hosts) usable += 0.9 * host.facts.cpus;
    const double factor = std::min(1.0, 0.55 * usable / sum);
    for (auto& [id, cpu] : wanted) cpu *= with_room ? factor : 1;
    return with_room || factor == 1;
}

bool any_overloaded(const Plan& plan) {
    return std::any_of(plan.hosts.begin(), plan.hosts.end(), [](const auto& host) { return host.second.overloaded; });
}

}  // namespace

TEST_CASE("Under a constant load the cluster comes to rest") {
    int overloaded = 0, relieved = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Dice dice(seed);
        Wanted wanted;
        Cluster cluster = contended_cluster(dice, wanted);
        cluster.options.balance.enabled = false;
        const bool has_room = make_room(cluster, wanted, seed % 2 == 0);
        std::map<VmId, int> moved;
        Instant last_move = cluster.now;
        const Instant start = cluster.now;
        bool was_overloaded = false;
        for (int cycle = 0; cycle < 240; ++cycle) {
            contend(cluster, wanted);
            cluster.tick(30s);
            const Plan plan = cluster.plan();
            was_overloaded = was_overloaded || any_overloaded(plan);
            for (const Move& move : plan.moves) {
                ++moved[move.vm];
                last_move = cluster.now;
            }
            cluster.carry_out(plan);
        }
        INFO("seed " << seed);
        CHECK(last_move < start + 1h);
        for (const auto& [vm, times] : moved)
            if (times > 1) FAIL_CHECK(vm.value << " was moved " << times << " times");
        if (!was_overloaded || !has_room) continue;
        ++overloaded;
        relieved += any_overloaded(cluster.plan()) ? 0 : 1;
    }
    // Not all of them: one VM that alone is too much for its host may find no host it would not be too much for.
    CHECK(overloaded > 15);
    CHECK(relieved >= overloaded - 2);
}

TEST_CASE("Under a constant load balance comes to rest as well, and no VM goes back") {
    std::size_t balanced = 0;
    for (std::uint64_t seed = 0; seed < 25; ++seed) {
        Dice dice(seed);
        Wanted wanted;
        Cluster cluster = contended_cluster(dice, wanted);
        make_room(cluster, wanted, true);
        cluster.options.balance.imbalance = {0.05, 0.03, 15min};
        std::map<VmId, std::set<HostId>> left;
        Instant last_move = cluster.now;
        for (const Instant end = cluster.now + 3h; cluster.now < end;) {
            contend(cluster, wanted);
            cluster.tick(1min);
            const Plan plan = cluster.plan();
            INFO("seed " << seed);
            for (const Move& move : plan.moves) {
                if (left[move.vm].contains(move.to)) FAIL_CHECK(move.vm.value << " goes back: " << move.reason);
                left[move.vm].insert(move.from);
                balanced += move.trigger == Trigger::balance ? 1 : 0;
                last_move = cluster.now;
            }
            cluster.carry_out(plan);
        }
        INFO("seed " << seed);
        CHECK(last_move < cluster.now - 1h);
    }
    CHECK(balanced > 25);
}

TEST_CASE("Noise around the limit does not make VMs wander") {
    int moves = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Dice dice(seed);
        Cluster cluster;
        cluster.options.cooldown = {0s, 0s, 0s, 0s};
        cluster.host("host1");
        cluster.host("host2");
        Wanted mean;
        for (int i = 0; i < 12; ++i)
            mean[cluster.vm("v" + std::to_string(i), i % 2 == 0 ? "host1" : "host2", 0).id] = 1.15;
        for (int cycle = 0; cycle < 240; ++cycle) {
            Wanted wanted = mean;  // 77 % of both hosts, each VM 20 % up or down
            for (auto& [id, cpu] : wanted) cpu *= 0.8 + 0.4 * dice.ratio();
            contend(cluster, wanted);
            cluster.tick(15s);
            const Plan plan = cluster.plan();
            moves += static_cast<int>(plan.moves.size());
            cluster.carry_out(plan);
        }
    }
    CHECK(moves == 0);
}

TEST_CASE("An overload that begins is answered within its persistence and one sample") {
    Cluster cluster;
    cluster.host("host1");
    cluster.host("host2");
    Wanted wanted;
    for (int i = 0; i < 6; ++i) wanted[cluster.vm("v" + std::to_string(i), "host1", 0).id] = 0.3;
    cluster.options.overload.cpu.persistence = 2min;
    const auto run = [&](Duration time) {
        for (const Instant end = cluster.now + time; cluster.now < end;) {
            contend(cluster, wanted);
            cluster.tick();
            if (!cluster.plan().moves.empty()) return true;
        }
        return false;
    };
    CHECK_FALSE(run(5min));
    for (auto& [id, cpu] : wanted) cpu = 2;
    CHECK_FALSE(run(2min - 10s));
    CHECK(run(10s));
    const Plan plan = cluster.plan();
    cluster.carry_out(plan);
    CHECK(plan.moves.size() == 3);
}
