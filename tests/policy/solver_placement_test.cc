// The incremental figures of a placement against the same computed from scratch.
#include "tests/policy/solver_lab.h"

using namespace ballast;
using namespace ballast::test;

namespace {

constexpr std::uint64_t cases = 1500;
constexpr double exact = 1e-9;

bool same(double a, double b) {
    return std::abs(a - b) <= exact * (1 + std::abs(b));
}

std::size_t moved_from_home(const Placement& placement) {
    std::size_t moved = 0;
    for (VmIndex v = 0; v < placement.problem().vms.size(); ++v)
        moved += placement.host_of(v) != placement.problem().vms[v].home ? 1 : 0;
    return moved;
}

// A random move; some take a VM off.
void stir(Placement& placement, Dice& dice) {
    const auto hosts = placement.problem().hosts.size();
    placement.move(dice.below(placement.problem().vms.size()), dice.chance(0.05) ? no_host : dice.below(hosts));
}

void check_lists(const Placement& placement) {
    std::size_t placed = 0;
    for (HostIndex h = 0; h < placement.problem().hosts.size(); ++h)
        for (const VmIndex vm : placement.vms_on(h)) {
            ++placed;
            if (placement.host_of(vm) != h) FAIL_CHECK("VM " << vm << " is in the list of host " << h);
        }
    for (const HostIndex host : Recount::hosts_of(placement)) placed -= host == no_host ? 0 : 1;
    CHECK(placed == 0);
}

}  // namespace

TEST_CASE("Whatever moves, score, penalty and use stay what they are when counted anew") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Problem problem = random_problem(seed);
        if (problem.vms.empty()) continue;
        Placement placement(problem);
        Dice dice(seed + 1'000'000);
        for (int i = 0; i < 20; ++i) {
            stir(placement, dice);
            const Recount recount(placement);
            const bool right = same(placement.score(), recount.score()) &&
                               same(placement.penalty(), recount.penalty()) &&
                               placement.moved() == moved_from_home(placement) && placement.used(0) == recount.used(0);
            if (!right) FAIL_CHECK("seed " << seed << " move " << i);
        }
        check_lists(placement);
    }
}

TEST_CASE("A move is judged as it turns out") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Problem problem = random_problem(seed);
        if (problem.vms.empty()) continue;
        Placement placement(problem);
        Dice dice(seed + 2'000'000);
        for (int i = 0; i < 10; ++i) {
            stir(placement, dice);
            const VmIndex vm = dice.below(problem.vms.size());
            const HostIndex to = dice.below(problem.hosts.size()), from = placement.host_of(vm);
            if (to == from) continue;
            const bool fits = placement.fits(vm, to);
            const double score = placement.score_after(vm, to), before = placement.penalty();
            const double change = placement.penalty_change(vm, from, to), due = placement.penalty_of(vm);
            if (fits != Recount(placement).fits(vm, to)) FAIL_CHECK("seed " << seed << ": fits says " << fits);
            placement.move(vm, no_host);
            if (!same(placement.penalty(), before - due)) FAIL_CHECK("seed " << seed << ": penalty_of");
            placement.move(vm, to);
            const Recount recount(placement);
            if (!same(score, recount.score())) FAIL_CHECK("seed " << seed << ": score_after");
            if (!same(before + change, recount.penalty())) FAIL_CHECK("seed " << seed << ": penalty_change");
        }
    }
}

TEST_CASE("A swap is judged as it turns out") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Problem problem = random_problem(seed);
        if (problem.vms.size() < 2) continue;
        Placement placement(problem);
        Dice dice(seed + 3'000'000);
        for (int i = 0; i < 10; ++i) {
            const VmIndex one = dice.below(problem.vms.size()), other = dice.below(problem.vms.size());
            const HostIndex here = placement.host_of(one), there = placement.host_of(other);
            if (here == no_host || there == no_host || here == there) continue;
            const double score = placement.score_after_swap(one, other);
            const bool fits = placement.fits_without(one, there, other);
            placement.move(other, no_host);
            if (fits != Recount(placement).fits(one, there))
                FAIL_CHECK("seed " << seed << ": fits_without says " << fits);
            placement.move(one, there);
            placement.move(other, here);
            if (!same(score, Recount(placement).score())) FAIL_CHECK("seed " << seed << ": score_after_swap");
        }
    }
}

TEST_CASE("Millions of moves leave no rounding error in the score") {
    Problem problem = random_problem(5);
    Dice dice(1);
    while (problem.vms.size() < 100) problem.vms.push_back(problem.vms[dice.below(problem.vms.size())]);
    for (VmSlot& vm : problem.vms)
        for (double& demand : vm.demand) demand *= 1 + dice.unit();
    Placement placement(problem);
    for (int i = 0; i < 3'000'000; ++i) stir(placement, dice);
    CHECK(placement.score() == Approx(Recount(placement).score()).epsilon(1e-10));
}

TEST_CASE("A VM comes back to a full host in a swap, but not beside the one it would replace") {
    Problem problem;
    problem.resources = {{"memory", 1}};
    problem.groups = {{false, 1, true, 0}};
    for (int i = 0; i < 2; ++i) {
        problem.hosts.push_back({});
        problem.hosts.back().capacity.fill(unlimited);
        problem.hosts.back().capacity[0] = 1;
        problem.hosts.back().scale.fill(1);
        problem.vms.push_back({});
        problem.vms.back().demand[0] = 0.75;
        problem.vms.back().home = static_cast<HostIndex>(i);
        problem.vms.back().groups = {0};
    }
    const Placement placement(problem);
    CHECK_FALSE(placement.fits(0, 1));
    CHECK(placement.fits_without(0, 1, 1));
}
