#include <functional>

#include "policy/solver/consolidate.h"
#include "policy/solver/evacuate.h"
#include "tests/policy/packing_problems.h"

using namespace ballast::test;

namespace {

// Every rule that a packing breaks, as text.
std::string judge(const Problem& problem, const std::vector<HostIndex>& emptied, const Packing& packing) {
    Problem after = problem;
    for (const HostIndex host : emptied) after.hosts[host].receives = false;
    std::string broken = broken_limits(problem, packing.target);
    std::set<VmIndex> left;
    for (const Unplaced& vm : packing.left) left.insert(vm.vm);
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        const HostIndex home = problem.vms[vm].home, to = packing.target[vm];
        const bool wanted = home == no_host || std::find(emptied.begin(), emptied.end(), home) != emptied.end();
        if (to != home) broken += broken_rules(after, vm, to);
        if (left.contains(vm) != (wanted && to == home)) broken += "VM " + std::to_string(vm) + " not accounted for; ";
    }
    return broken;
}

double weight_left(const Problem& problem, const Packing& packing) {
    double sum = 0;
    for (const Unplaced& vm : packing.left) sum += problem.vms[vm.vm].weight;
    return sum;
}

// The least weight that any placement at all leaves on host 0, found by trying every one.
double brute_force(const Problem& problem) {
    std::vector<HostIndex> at = homes(problem);
    double best = unlimited;
    Problem after = problem;
    after.hosts[0].receives = false;
    const std::function<void(VmIndex)> place = [&](VmIndex vm) {
        if (vm == at.size()) {
            if (!broken_limits(problem, at).empty()) return;
            double left = 0;
            for (VmIndex v = 0; v < at.size(); ++v) left += at[v] == 0 ? problem.vms[v].weight : 0;
            best = std::min(best, left);
            return;
        }
        for (HostIndex host = 0; host < problem.hosts.size(); ++host) {
            if (host != problem.vms[vm].home && !broken_rules(after, vm, host).empty()) continue;
            // A VM on another host that receives nothing stays there: it is nobody's business.
            if (host != problem.vms[vm].home && problem.vms[vm].home != 0 &&
                !after.hosts[problem.vms[vm].home].receives)
                continue;
            at[vm] = host;
            place(vm + 1);
        }
        at[vm] = problem.vms[vm].home;
    };
    place(0);
    return best;
}

}  // namespace

TEST_CASE("A pin makes it necessary to move somebody else out of the way") {
    Tiny cluster({8, 8, 8});
    cluster.problem.host_classes = 2;
    cluster.problem.allowed = {1, 1, 0, 1};
    cluster.problem.hosts[1].host_class = 1;
    cluster.vm(0, 6).vm_class = 1;  // may go to host 1 only
    cluster.vm(1, 4);               // which is too full for it
    const Packing packing = evacuate(cluster.problem, {0});
    CHECK(packing.target == std::vector<HostIndex>{1, 2});
    CHECK(packing.displaced == 1);
    CHECK(packing.move_cost == 2);
    CHECK(packing.left.empty());
    const Packing alone = evacuate(cluster.problem, {0}, {.depth = 0});
    REQUIRE(alone.left.size() == 1);
    CHECK(alone.left[0].why == Unplaced::Why::no_room);
}

TEST_CASE("Who cannot be placed is told with the reason, and does not keep others from going") {
    Tiny cluster({32, 8, 8});
    cluster.problem.host_classes = 2;
    cluster.problem.allowed = {1, 1, 0, 1};
    cluster.vm(0, 1).movable = false;
    cluster.vm(0, 1).vm_class = 1;
    cluster.vm(0, 9);
    for (int i = 0; i < 3; ++i) cluster.vm(0, 6);
    const Packing packing = evacuate(cluster.problem, {0});
    REQUIRE(packing.left.size() == 4);
    CHECK(packing.left[0].why == Unplaced::Why::not_movable);
    CHECK(packing.left[1].why == Unplaced::Why::nowhere_allowed);
    CHECK(packing.left[2].why == Unplaced::Why::too_large);
    CHECK(packing.left[3].why == Unplaced::Why::no_room);
}

TEST_CASE("When not all can go, the heaviest do, and then as many as possible") {
    Tiny cluster({16, 8});
    cluster.vm(0, 4);
    cluster.vm(0, 4);
    cluster.vm(0, 8).weight = 3;
    CHECK(evacuate(cluster.problem, {0}).target == std::vector<HostIndex>{0, 0, 1});
    cluster.problem.vms[2].weight = 1;
    CHECK(evacuate(cluster.problem, {0}).target == std::vector<HostIndex>{1, 1, 0});
}

TEST_CASE("The VMs of a dead host are placed by weight, and nobody is moved where that is not wished") {
    Tiny cluster({8, 8});
    cluster.vm(no_host, 6).weight = 10;
    cluster.vm(no_host, 5);
    cluster.vm(0, 3);
    cluster.vm(1, 3);
    const Packing still = place(cluster.problem, {.depth = 0});
    CHECK(still.displaced == 0);
    CHECK(still.left.size() == 1);  // 5 of 8 - 3 fits, 6 does not
    const Packing packing = place(cluster.problem);
    CHECK(packing.left.size() == 1);
    CHECK(packing.left[0].vm == 1);  // the lighter one
    CHECK(packing.displaced == 1);
}

TEST_CASE("A small evacuation moves the most that any placement could") {
    std::size_t with_rest = 0, displacing = 0;
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        Dice dice(seed);
        const Problem problem = random_problem(dice, dice.between(2, 4), dice.between(3, 8), 100);
        const Packing packing = evacuate(problem, {0});
        if (const std::string broken = judge(problem, {0}, packing); !broken.empty())
            FAIL_CHECK("seed " << seed << ": " << broken);
        if (const double least = brute_force(problem); weight_left(problem, packing) != least)
            FAIL_CHECK("seed " << seed << ": " << weight_left(problem, packing) << " left, could be " << least);
        with_rest += packing.left.empty() ? 0 : 1;
        displacing += packing.displaced > 0 ? 1 : 0;
    }
    CHECK(with_rest > 100);
    CHECK(displacing > 50);
}

TEST_CASE("Without looking at every placement, an evacuation of few VMs finds the same maximum") {
    std::size_t misses = 0;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        Dice dice(seed);
        const Problem problem = random_problem(dice, dice.between(2, 4), dice.between(3, 8), 100);
        Problem emptied = problem;
        emptied.hosts[0].receives = false;
        std::vector<VmIndex> wanted;
        for (VmIndex vm = 0; vm < problem.vms.size(); ++vm)
            if (problem.vms[vm].home == 0 && problem.vms[vm].movable) wanted.push_back(vm);
        Packer packer(emptied, wanted, {.work = 100'000});
        packer.run();
        double left = 0;
        for (const VmSlot& vm : problem.vms) left += vm.home == 0 && !vm.movable ? vm.weight : 0;
        for (const VmIndex vm : packer.left()) left += problem.vms[vm].weight;
        misses += left > brute_force(problem) ? 1 : 0;
    }
    CHECK(misses <= 10);  // 1 %: mostly groups by domains whose members would have to change places
}

TEST_CASE("Large evacuations keep every limit, come out the same twice, and tell who is left") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        Dice dice(seed);
        const unsigned hosts = dice.between(6, 20);
        const Problem problem = random_problem(dice, hosts, hosts * 6, dice.between(70, 100));
        const Effort effort = {.work = 100'000};
        const Packing packing = evacuate(problem, {1, 2}, effort);
        if (const std::string broken = judge(problem, {1, 2}, packing); !broken.empty())
            FAIL_CHECK("seed " << seed << ": " << broken);
        if (evacuate(problem, {1, 2}, effort).target != packing.target)
            FAIL_CHECK("seed " << seed << ": not the same twice");
    }
    SUCCEED();
}

TEST_CASE("VMs to be started keep every limit, and none is lost") {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        Dice dice(seed);
        const unsigned hosts = dice.between(3, 12);
        Problem problem = random_problem(dice, hosts, hosts * 6, dice.between(60, 100));
        for (VmSlot& vm : problem.vms)
            if (vm.home == 0) vm.home = no_host;
        problem.hosts[0].receives = false;
        const Packing packing = place(problem, {.work = 100'000, .depth = dice.below(4)});
        if (const std::string broken = judge(problem, {}, packing); !broken.empty())
            FAIL_CHECK("seed " << seed << ": " << broken);
    }
    SUCCEED();
}

TEST_CASE("A VM elsewhere that cannot be moved changes nothing in an evacuation") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        Dice dice(seed);
        const unsigned hosts = dice.between(4, 10);
        Problem problem = random_problem(dice, hosts, hosts * 6, 90);
        const Effort effort = {.work = 100'000};
        const Packing before = evacuate(problem, {0}, effort);
        HostSlot closed = problem.hosts[0];
        closed.receives = closed.counts = false;
        problem.hosts.push_back(closed);
        VmSlot stays;
        stays.home = hosts;
        stays.demand = {1, 1};
        stays.movable = false;
        problem.vms.push_back(stays);
        Packing after = evacuate(problem, {0}, effort);
        CHECK(after.target.back() == hosts);
        after.target.pop_back();
        if (after.target != before.target) FAIL_CHECK("seed " << seed);
    }
}

TEST_CASE("Four half-empty hosts become two, and those cheap to empty go off") {
    Tiny cluster({8, 8, 8, 8});
    for (const HostIndex host : {0U, 1U, 2U, 3U}) cluster.vm(host, 4).move_cost = host == 1 || host == 2 ? 5 : 50;
    const Consolidation made = consolidate(cluster.problem, {});
    CHECK(made.off == std::vector<HostIndex>{1, 2});
    CHECK(made.moves == 2);
    CHECK(made.hosts_on == 2);
    ConsolidateOptions options;
    options.stay_on = {1};
    CHECK(consolidate(cluster.problem, options).target[1] == 1);
    options = {};
    options.min_hosts_on = 3;
    CHECK(consolidate(cluster.problem, options).hosts_on == 3);
    options = {};
    options.headroom = {1};
    CHECK(consolidate(cluster.problem, options).hosts_on == 3);
    options = {};
    options.host_cost = {300, 100, 100, 300};
    CHECK(consolidate(cluster.problem, options).off == std::vector<HostIndex>{0, 3});
}

TEST_CASE("Hosts that can only just hold all VMs hold them, with a ten-thousandth of a percent to spare") {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
        Dice dice(seed);
        const unsigned hosts = dice.between(4, 12), vms_of_host = dice.between(20, 60);
        Problem problem;
        problem.resources = {{"memory", 1}, {"cpu", 1}};
        for (unsigned g = 0; g < 4; ++g) problem.groups.push_back({.per_domain = false, .most = 2});
        for (unsigned h = 0; h < 3 * hosts; ++h) {
            HostSlot host;
            host.capacity = {256 * (1 + 1e-6), 256};
            host.scale = {256, 256};
            problem.hosts.push_back(host);
        }
        for (unsigned h = 0; h < hosts; ++h) {  // as much as one host can hold, for three of them
            std::vector<double> sizes(vms_of_host);
            double sum = 0;
            for (double& size : sizes) sum += size = 0.1 + 1.8 * dice.ratio();
            for (unsigned i = 0; i < vms_of_host; ++i) {
                VmSlot vm;
                vm.home = 3 * h + i % 3;
                vm.demand = {256 * sizes[i] / sum, 256 * sizes[i] / sum * (0.3 + 1.2 * dice.ratio())};
                if (i < 3) vm.groups = {dice.below(4)};
                if (i < 3 && seed % 2 == 0) vm.groups.clear();
                problem.vms.push_back(vm);
            }
        }
        const Consolidation made = consolidate(problem, {});
        INFO("seed " << seed);
        CHECK(made.hosts_on == hosts);
        CHECK(broken_limits(problem, made.target) == "");
    }
}

TEST_CASE("N+1: one host more stays on, which could take over from any") {
    Tiny cluster({8, 8, 8, 8});
    for (const HostIndex host : {0U, 1U, 2U, 3U}) cluster.vm(host, 4);
    ConsolidateOptions options;
    options.survives_one_host = true;
    const Consolidation made = consolidate(cluster.problem, options);
    CHECK(made.hosts_on == 3);
    CHECK(made.reserve_kept);
    for (VmSlot& vm : cluster.problem.vms) vm.demand = {8};
    const Consolidation full = consolidate(cluster.problem, options);
    CHECK(full.off.empty());
    CHECK_FALSE(full.reserve_kept);
    CHECK(full.moves == 0);
}

TEST_CASE("A host with a VM that cannot be moved stays on") {
    Tiny cluster({8, 8});
    cluster.vm(0, 1).movable = false;
    cluster.vm(1, 1).move_cost = 1000;
    CHECK(consolidate(cluster.problem, {}).off == std::vector<HostIndex>{1});
    cluster.problem.vms[1].movable = false;
    CHECK(consolidate(cluster.problem, {}).off.empty());
}

TEST_CASE("Consolidation keeps every limit, min_hosts_on, the headroom and the reserve, and empties what goes off") {
    std::size_t off = 0, with_reserve = 0;
    for (std::uint64_t seed = 0; seed < 1500; ++seed) {
        Dice dice(seed);
        const unsigned hosts = dice.between(2, 14);
        const Problem problem = random_problem(dice, hosts, hosts * 4, dice.between(20, 90));
        ConsolidateOptions options;
        options.effort.work = 50'000;
        options.min_hosts_on = dice.between(0, 4);
        options.survives_one_host = dice.one_in(2);
        if (dice.one_in(2))
            options.headroom = {static_cast<double>(dice.below(30)), static_cast<double>(dice.below(30))};
        if (dice.one_in(3)) options.stay_on = {dice.below(hosts)};
        for (unsigned h = 0; h < hosts; ++h) options.host_cost.push_back(dice.between(100, 300));
        const Consolidation made = consolidate(problem, options);
        const auto complain = [&](bool fine, const char* what) {
            if (!fine) FAIL_CHECK("seed " << seed << ": " << what);
        };
        complain(broken_limits(problem, made.target).empty(), "limits");
        std::size_t receiving = 0;
        for (const HostSlot& host : problem.hosts) receiving += host.receives ? 1 : 0;
        complain(made.hosts_on + made.off.size() == receiving, "hosts");
        complain(made.off.empty() || made.hosts_on >= options.min_hosts_on, "min_hosts_on");
        Problem after = problem;
        for (const HostIndex host : made.off) {
            after.hosts[host].receives = false;
            complain(std::find(options.stay_on.begin(), options.stay_on.end(), host) == options.stay_on.end(),
                     "stay_on");
            complain(std::find(made.target.begin(), made.target.end(), host) == made.target.end(), "not empty");
        }
        Placement placement(after);
        Amounts free{};
        for (VmIndex vm = 0; vm < made.target.size(); ++vm) {
            if (made.target[vm] != problem.vms[vm].home)
                complain(broken_rules(after, vm, made.target[vm]).empty(), "rules");
            placement.move(vm, made.target[vm]);
        }
        bool survives = true;
        for (HostIndex host = 0; host < hosts; ++host) {
            if (!after.hosts[host].receives) continue;
            for (std::size_t k = 0; k < 2; ++k) free[k] += after.hosts[host].capacity[k] - placement.used(host)[k];
            survives = survives && survives_loss(placement, host);
        }
        for (std::size_t k = 0; k < 2; ++k)
            complain(made.off.empty() || free[k] >= options.headroom[k] - 1e-6, "headroom");
        if (options.survives_one_host) complain(survives || (made.off.empty() && !made.reserve_kept), "reserve");
        if (consolidate(problem, options).target != made.target) FAIL_CHECK("seed " << seed << ": not the same twice");
        off += made.off.size();
        with_reserve += options.survives_one_host && survives && !made.off.empty() ? 1 : 0;
    }
    CHECK(off > 2000);
    CHECK(with_reserve > 100);
}
