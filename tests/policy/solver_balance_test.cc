// What holds for every balancing plan. Each case is made from its number, so a failure names the problem that shows it.
#include <algorithm>

#include "policy/solver/balance.h"
#include "tests/policy/solver_lab.h"

using namespace ballast;
using namespace ballast::test;
using policy::solver::balance;
using policy::solver::Balanced;
using policy::solver::BalanceLimits;

namespace {

constexpr std::uint64_t cases = 2000;

// Small problems need few steps.
BalanceLimits limits_of(std::uint64_t seed) {
    Dice dice(seed + 77);
    BalanceLimits limits;
    limits.max_steps = 30'000;
    limits.seed = seed;
    if (dice.chance(0.3)) limits.max_moves = dice.below(6);
    if (dice.chance(0.5)) limits.min_gain = amount(dice, 8) / 16;
    return limits;
}

bool is_over(const HostSlot& host, const Amounts& used, std::size_t k) {
    return used[k] > host.capacity[k] * (1 + 1e-9);
}

// What is wrong with where a VM went; empty if nothing is.
std::string complaint_of(const Problem& problem, const Recount& after, VmIndex vm, HostIndex to) {
    const VmSlot& slot = problem.vms[vm];
    const HostSlot& host = problem.hosts[to];
    if (!slot.movable || slot.home == no_host) return "it cannot move";
    if (!host.receives || !problem.may_run(slot, host)) return "it may not run there";
    for (std::size_t k = 0; k < max_resources; ++k)
        if (slot.demand[k] > 0 && is_over(host, after.used(to), k)) return "capacity " + std::to_string(k);
    for (const std::uint32_t g : slot.groups) {
        const Group& group = problem.groups[g];
        const std::uint32_t place = group.per_domain ? host.domain : to;
        // Members that were too many from the start may stay, in their domain as well.
        const auto before = Recount(problem, [&] {
            std::vector<HostIndex> homes;
            for (const VmSlot& each : problem.vms) homes.push_back(each.home);
            return homes;
        }());
        if (group.hard && after.members(g)[place] > std::max(group.most, before.members(g)[place]))
            return "group " + std::to_string(g);
    }
    return {};
}

void check_plan(std::uint64_t seed, const Problem& problem, const BalanceLimits& limits, const Balanced& plan) {
    const Placement home(problem);
    const Recount before(home), after(problem, plan.host_of);
    std::size_t moves = 0;
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        if (plan.host_of[vm] == problem.vms[vm].home) continue;
        ++moves;
        const std::string complaint = complaint_of(problem, after, vm, plan.host_of[vm]);
        if (!complaint.empty()) FAIL_CHECK("seed " << seed << ": VM " << vm << ": " << complaint);
    }
    for (HostIndex h = 0; h < problem.hosts.size(); ++h)
        for (std::size_t k = 0; k < max_resources; ++k)
            if (is_over(problem.hosts[h], after.used(h), k) && !is_over(problem.hosts[h], before.used(h), k))
                FAIL_CHECK("seed " << seed << ": host " << h << " gets over its capacity");
    if (moves != plan.moves || moves > limits.max_moves) FAIL_CHECK("seed " << seed << ": " << moves << " moves");
    if (std::abs(plan.score_before - before.score()) > 1e-9 || std::abs(plan.score_after - after.score()) > 1e-9)
        FAIL_CHECK("seed " << seed << ": wrong scores");
    const bool relieved = plan.excess_after < plan.excess_before;
    if (plan.excess_after > plan.excess_before) FAIL_CHECK("seed " << seed << ": more excess");
    const double gain = before.score() - after.score();
    if (!relieved && gain < limits.min_gain * static_cast<double>(moves) - 1e-12)
        FAIL_CHECK("seed " << seed << ": gains " << gain);
}

Problem after(Problem problem, const Balanced& plan) {
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) problem.vms[vm].home = plan.host_of[vm];
    return problem;
}

std::vector<std::uint32_t> shuffled(std::size_t size, Dice& dice) {
    std::vector<std::uint32_t> order(size);
    for (std::uint32_t i = 0; i < size; ++i) order[i] = i;
    for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[dice.below(i)]);
    return order;
}

// The same problem told in another order; host i is there at hosts[i], VM i at vms[i].
Problem retold(const Problem& problem, const std::vector<std::uint32_t>& hosts, const std::vector<std::uint32_t>& vms) {
    Problem other = problem;
    for (std::size_t i = 0; i < hosts.size(); ++i) other.hosts[hosts[i]] = problem.hosts[i];
    for (std::size_t i = 0; i < vms.size(); ++i) {
        other.vms[vms[i]] = problem.vms[i];
        HostIndex& home = other.vms[vms[i]].home;
        if (home != no_host) home = hosts[home];
    }
    return other;
}

// Equal hosts of one resource with VMs of these sizes, host by host.
Problem row_of(double capacity, const std::vector<std::vector<double>>& hosts) {
    Problem problem;
    problem.resources = {{"memory", 1}};
    for (const auto& sizes : hosts) {
        HostSlot host;
        host.capacity.fill(unlimited);
        host.capacity[0] = capacity;
        host.scale.fill(1);
        for (const double size : sizes) {
            VmSlot vm;
            vm.demand[0] = size;
            vm.home = static_cast<HostIndex>(problem.hosts.size());
            problem.vms.push_back(vm);
        }
        problem.hosts.push_back(host);
    }
    return problem;
}

// The lowest score + min_gain * moves of all placements.
double best_of_all(const Problem& problem, const BalanceLimits& limits) {
    Placement placement(problem);
    double best = placement.score();
    const auto hosts = problem.hosts.size();
    for (std::size_t code = 0; code < static_cast<std::size_t>(std::pow(hosts, problem.vms.size())); ++code) {
        std::size_t rest = code;
        for (VmIndex vm = 0; vm < problem.vms.size(); ++vm, rest /= hosts)
            placement.move(vm, static_cast<HostIndex>(rest % hosts));
        best = std::min(best, placement.score() + limits.min_gain * static_cast<double>(placement.moved()));
    }
    return best;
}

}  // namespace

TEST_CASE("No balancing plan breaks a hard constraint, makes the score worse, or moves more than it may") {
    std::size_t plans = 0, reliefs = 0;
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Problem problem = random_problem(seed);
        const BalanceLimits limits = limits_of(seed);
        const Balanced plan = balance(problem, limits);
        check_plan(seed, problem, limits, plan);
        plans += plan.moves > 0 ? 1 : 0;
        reliefs += plan.excess_after < plan.excess_before ? 1 : 0;
    }
    CHECK(plans > cases / 4);
    CHECK(reliefs > cases / 20);
}

TEST_CASE("Balancing the result of a plan that was not cut short moves nothing") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Problem problem = random_problem(seed);
        const BalanceLimits limits = limits_of(seed);
        const Balanced plan = balance(problem, limits);
        if (plan.moves + 1 >= limits.max_moves || plan.excess_after > 0) continue;
        const Balanced again = balance(after(problem, plan), limits);
        if (again.moves > 0)
            FAIL_CHECK("seed " << seed << ": " << again.moves << " moves gain "
                               << again.score_before - again.score_after);
    }
}

TEST_CASE("The order in which hosts and VMs are told changes nothing") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Problem problem = random_problem(seed);
        const BalanceLimits limits = limits_of(seed);
        Dice dice(seed + 5'000'000);
        const auto hosts = shuffled(problem.hosts.size(), dice), vms = shuffled(problem.vms.size(), dice);
        const Balanced plan = balance(problem, limits), other = balance(retold(problem, hosts, vms), limits);
        if (std::abs(plan.score_after - other.score_after) > 1e-9 || plan.moves != other.moves)
            FAIL_CHECK("seed " << seed << ": " << plan.score_after << " and " << other.score_after);
    }
}

TEST_CASE("A VM that cannot move is no more than a part of what its host uses") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        Problem problem = random_problem(seed);
        for (HostSlot& host : problem.hosts) host.vm_penalty = 0;
        Problem with_vm = problem;
        Dice dice(seed + 6'000'000);
        VmSlot stuck = random_vm(dice, problem, 1);
        stuck.movable = false;
        stuck.groups.clear();
        stuck.home = dice.below(problem.hosts.size());
        with_vm.vms.push_back(stuck);
        for (std::size_t k = 0; k < max_resources; ++k) problem.hosts[stuck.home].base[k] += stuck.demand[k];
        Balanced plan = balance(problem, limits_of(seed)), other = balance(with_vm, limits_of(seed));
        if (other.host_of.back() != stuck.home) FAIL_CHECK("seed " << seed << ": it moves");
        if (std::abs(plan.score_after - other.score_after) > 1e-9)
            FAIL_CHECK("seed " << seed << ": " << plan.score_after << " and " << other.score_after);
    }
}

TEST_CASE("The same problem, limits and seed give the same plan") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const Problem problem = random_problem(seed);
        const Balanced plan = balance(problem, limits_of(seed)), other = balance(problem, limits_of(seed));
        CHECK(plan.host_of == other.host_of);
        CHECK(plan.steps == other.steps);
    }
}

TEST_CASE("In tiny clusters the plan is as good as the best of all") {
    std::size_t best = 0, all = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Dice dice(seed);
        std::vector<std::vector<double>> sizes(3);
        for (int i = 0; i < 7; ++i) sizes[dice.below(3)].push_back(0.125 + dice.unit());
        Problem problem = row_of(unlimited, sizes);
        problem.resources.push_back({"cpu", 1});
        for (VmSlot& vm : problem.vms) vm.demand[1] = dice.unit();
        BalanceLimits limits = limits_of(seed);
        limits.max_moves = problem.vms.size();
        limits.max_steps = 0;
        const Balanced plan = balance(problem, limits);
        const double value = plan.score_after + limits.min_gain * static_cast<double>(plan.moves);
        ++all;
        best += value <= best_of_all(problem, limits) + 1e-9 ? 1 : 0;
    }
    CHECK(best * 100 >= all * 95);
}

TEST_CASE("Two full hosts are balanced by a swap") {
    const Balanced plan = balance(row_of(1, {{0.75, 0.25}, {0.125, 0.25, 0.375}}), {});
    CHECK(plan.score_before == Approx(0.125));
    CHECK(plan.score_after == Approx(0).margin(1e-9));
}

TEST_CASE("Without room for both, one VM goes first and the other is no part of the plan") {
    const Balanced plan = balance(row_of(1, {{1}, {1}}), {});
    CHECK(plan.moves == 0);
}

TEST_CASE("A host over its capacity is relieved by as few moves as do it, even if the score suffers") {
    Problem problem = row_of(1, {{0.5, 0.375, 0.25}, {0.375}, {0.625}});
    problem.resources[0].weight = 0;
    problem.resources.push_back({"cpu", 1});
    for (VmSlot& vm : problem.vms) {
        vm.demand[1] = 0.5;
        vm.movable = vm.home == 0;
    }
    for (HostSlot& host : problem.hosts)
        host.base[1] = 1.5 - 0.5 * static_cast<double>(&host == &problem.hosts[0] ? 3 : 1);
    const Balanced plan = balance(problem, {});
    CHECK(plan.excess_before == Approx(0.125));
    CHECK(plan.excess_after == 0);
    CHECK(plan.moves == 1);
    CHECK(plan.score_after > plan.score_before);
}

TEST_CASE("A move must gain more than it has to") {
    const Problem problem = row_of(unlimited, {{0.5, 0.25}, {0.5}});
    BalanceLimits limits;
    limits.min_gain = 0.01;
    CHECK(balance(problem, limits).moves == 0);  // the small VM would only change sides
    const Problem uneven = row_of(unlimited, {{0.5, 0.25, 0.25}, {0.5}});
    limits.min_gain = 0.249;
    CHECK(balance(uneven, limits).moves == 1);
    limits.min_gain = 0.251;
    CHECK(balance(uneven, limits).moves == 0);
}

TEST_CASE("VMs leave hosts that ought to be empty") {
    Problem problem = row_of(1, {{0.25, 0.25}, {0.25}, {0.25}});
    problem.hosts[0].vm_penalty = 20;
    problem.hosts[0].receives = problem.hosts[0].counts = false;
    const Balanced plan = balance(problem, {});
    CHECK(plan.moves == 2);
    CHECK(plan.score_after == Approx(0).margin(1e-9));
}

TEST_CASE("Members of a soft group come apart if that is worth the move") {
    Problem problem = row_of(unlimited, {{0.5, 0.5}, {0.5, 0.5}});
    problem.groups = {{false, 1, false, 0.5}};
    for (const VmIndex vm : {0u, 1u}) problem.vms[vm].groups = {0};
    const Balanced plan = balance(problem, {});
    CHECK(plan.score_before == Approx(0.5));
    CHECK(plan.score_after == Approx(0).margin(1e-9));
    CHECK(plan.host_of[0] != plan.host_of[1]);
}

TEST_CASE("A search that is stopped returns the best plan it has told of") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const Problem problem = random_problem(seed);
        BalanceLimits limits = limits_of(seed);
        limits.max_steps = 1'000'000;
        unsigned asked = 0;
        limits.stop = [&] { return ++asked > seed % 8; };
        std::vector<double> told;
        limits.progress = [&](double score, std::size_t moves, std::uint64_t) {
            const double value = score + limits.min_gain * static_cast<double>(moves);
            if (!told.empty() && value >= told.back()) FAIL_CHECK("seed " << seed << ": told of a worse plan");
            told.push_back(value);
        };
        check_plan(seed, problem, limits, balance(problem, limits));
        CHECK(asked <= 10);
    }
}

TEST_CASE("Problems without hosts, VMs or anything to move come back as they are") {
    CHECK(balance({}, {}).moves == 0);
    CHECK(balance(row_of(1, {{}, {}}), {}).moves == 0);
    Problem stuck = row_of(1, {{0.5, 0.5}, {}});
    for (VmSlot& vm : stuck.vms) vm.movable = false;
    CHECK(balance(stuck, {}).moves == 0);
    BalanceLimits none;
    none.max_moves = 0;
    CHECK(balance(row_of(1, {{0.5, 0.5}, {}}), none).moves == 0);
}
