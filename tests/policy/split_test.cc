// Static and dynamic checks: together they are the verdict, and no load reaches the static ones.
#include <algorithm>

#include "policy/constraints/constraint.h"
#include "tests/policy/plan_text.h"
#include "tests/policy/random_rules.h"

using namespace ballast;
using namespace ballast::policy;
using namespace ballast::test;

namespace {

constexpr std::uint64_t cases = 1000;
constexpr Purpose all_purposes[] = {Purpose::relief, Purpose::evacuation, Purpose::manual, Purpose::return_home};

Context context_of(const Cluster& cluster) {
    return make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
}

// Everything that changes from minute to minute.
void upset(Cluster& cluster, Dice& dice) {
    for (auto& [id, vm] : cluster.inventory.vms) {
        vm.load.cpu_used_cores = dice.ratio() * 8;
        vm.load.memory_rss = mib(dice.below(8192));
    }
    for (auto& [id, host] : cluster.inventory.hosts) {
        host.load.memory_available = mib(dice.below(65536));
        host.load.free_huge_pages.clear();
        host.stale = dice.one_in(3);
        host.maintenance = dice.one_in(3);
    }
    cluster.inventory.in_flight.clear();
    cluster.inventory.past_moves.clear();
    cluster.memory = {};
}

}  // namespace

TEST_CASE("The parts of a verdict are the verdict, for every purpose") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Cluster cluster = random_rules(seed);
        const Context context = context_of(cluster);
        const ClusterView view(context);
        for (const auto& [vm_id, vm] : cluster.inventory.vms)
            for (const auto& [host_id, host] : cluster.inventory.hosts)
                for (const Purpose purpose : all_purposes) {
                    const bool whole = target_refusals(view, vm, host, purpose).empty();
                    const bool parts =
                        statically_accepts(context, vm, host) && dynamically_accepts(view, vm, host, purpose);
                    if (whole != parts || whole != accepts(view, vm, host, purpose))
                        FAIL_CHECK("seed " << seed << ": " << vm.facts.name << " on " << host_id.value);
                }
    }
    SUCCEED();
}

TEST_CASE("Static verdicts stay the same whatever the load does") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Cluster cluster = random_rules(seed);
        Cluster other = cluster;
        Dice dice(seed);
        upset(other, dice);
        const Context before = context_of(cluster);
        const Context after = context_of(other);
        for (const auto& [vm_id, vm] : cluster.inventory.vms)
            for (const auto& [host_id, host] : cluster.inventory.hosts)
                if (statically_accepts(before, vm, host) !=
                    statically_accepts(after, other.inventory.vms.at(vm_id), other.inventory.hosts.at(host_id)))
                    FAIL_CHECK("seed " << seed << ": " << vm.facts.name << " on " << host_id.value);
    }
    SUCCEED();
}

TEST_CASE("The verdict on a VM is worked out once for a context and is the same for all who ask") {
    for (std::uint64_t seed = 0; seed < cases / 10; ++seed) {
        const Cluster cluster = random_rules(seed);
        const Context context = context_of(cluster);
        for (const auto& [id, vm] : cluster.inventory.vms)
            for (const Purpose purpose : all_purposes) {
                const auto& first = vm_refusals(context, vm, purpose);
                CHECK(&first == &vm_refusals(context, vm, purpose));
                const Context fresh = context_of(cluster);
                CHECK(first == vm_refusals(fresh, vm, purpose));
            }
    }
}
