#include "policy/solver/ordered_evacuation.h"
#include "tests/policy/packing_problems.h"

using namespace ballast::test;

namespace {

Order checked(const Problem& problem, const std::vector<HostIndex>& target, const OrderOptions& options = {}) {
    Order made = order(problem, target, options);
    CHECK(OrderOracle(problem, target, options).judge(made) == "");
    return made;
}

std::string text(const Order& order) {
    std::ostringstream out;
    for (const Step& step : order.steps)
        out << step.vm << ": " << step.from << ">" << step.to << (step.parking ? " parked" : "") << " wave "
            << step.wave << " at " << step.start_s << " for " << step.duration_s << "\n";
    for (const Stranded& vm : order.stranded)
        out << vm.vm << " stays on " << vm.at << " by " << static_cast<int>(vm.obstacle.kind) << " "
            << vm.obstacle.index << "\n";
    return out.str();
}

}  // namespace

TEST_CASE("Two full hosts swap their VMs through a third host") {
    Tiny cluster({8, 8, 8});
    cluster.vm(0, 8);
    cluster.vm(1, 8);
    const Order made = checked(cluster.problem, {1, 0});
    CHECK(text(made) ==
          "1: 1>2 parked wave 0 at 0 for 1\n"
          "0: 0>1 wave 1 at 1 for 1\n"
          "1: 2>0 wave 2 at 2 for 1\n");
    CHECK(made.total_s == 3);
}

TEST_CASE("A circle of three is broken by parking one VM, the smallest that is enough") {
    Tiny cluster({8, 8, 8, 4});
    cluster.vm(0, 8);
    cluster.vm(1, 8);
    cluster.vm(2, 4);
    cluster.vm(2, 4);
    const Order made = checked(cluster.problem, {1, 2, 0, 0});
    CHECK(made.stranded.size() == 4);  // both 4s would have to step aside, and there is room for one
    Tiny roomier({8, 8, 8, 4, 4});
    roomier.problem.vms = cluster.problem.vms;
    CHECK(checked(roomier.problem, {1, 2, 0, 0}).stranded.empty());
    Tiny equal({8, 8, 8, 8});
    for (const HostIndex host : {0U, 1U, 2U}) equal.vm(host, 8);
    const Order circle = checked(equal.problem, {1, 2, 0});
    CHECK(circle.stranded.empty());
    CHECK(circle.steps.size() == 4);
}

TEST_CASE("A circle without any room elsewhere is told, and nobody moves") {
    Tiny cluster({8, 8});
    cluster.vm(0, 8);
    cluster.vm(1, 8);
    const Order made = checked(cluster.problem, {1, 0});
    CHECK(made.steps.empty());
    REQUIRE(made.stranded.size() == 2);
    CHECK(made.stranded[0].vm == 0);
    CHECK(made.stranded[0].obstacle.kind == Obstacle::Kind::capacity);
}

TEST_CASE("A VM that makes way leaves before the one it makes way for arrives") {
    Tiny cluster({8, 8, 8});
    cluster.vm(0, 6);
    cluster.vm(1, 6);
    const Order made = checked(cluster.problem, {1, 2});
    CHECK(text(made) == "1: 1>2 wave 0 at 0 for 1\n0: 0>1 wave 1 at 1 for 1\n");
}

TEST_CASE("Members of a hard group are never together, not even while one is on its way") {
    Tiny cluster({8, 8, 8});
    cluster.problem.groups.push_back({});
    cluster.vm(0, 1).groups = {0};
    cluster.vm(1, 1).groups = {0};
    const Order made = checked(cluster.problem, {1, 0});
    CHECK(made.stranded.empty());
    CHECK(made.steps.size() == 3);
}

TEST_CASE("A resource that may run over for a moment does not need a parking place") {
    Tiny cluster({8, 8, 8});
    cluster.vm(0, 8);
    cluster.vm(1, 8);
    cluster.problem.hosts[2].receives = false;
    OrderOptions options;
    CHECK(order(cluster.problem, {2, 0}, options).stranded.size() == 2);
    cluster.problem.hosts[2].receives = true;
    options.held_on_both[0] = false;
    const Order made = order(cluster.problem, {2, 0}, options);
    CHECK(made.stranded.empty());
    CHECK(made.total_s == 1);  // the second starts while the first is on its way
}

TEST_CASE("Moves that share a link take longer, and limits keep moves waiting") {
    Tiny cluster({32, 32, 32});
    for (int i = 0; i < 3; ++i) cluster.vm(0, 1).move_cost = 10;
    const Order two = checked(cluster.problem, {1, 2, 1});
    CHECK(text(two) ==
          "0: 0>1 wave 0 at 0 for 20\n"
          "1: 0>2 wave 0 at 0 for 20\n"
          "2: 0>1 wave 1 at 20 for 10\n");
    OrderOptions one;
    one.cluster = 1;
    CHECK(checked(cluster.problem, {1, 2, 1}, one).total_s == 30);
    OrderOptions busy;
    busy.under_way = {{1, 0, 5}, {0, 2, 4}};
    busy.outgoing_per_host = 1;
    CHECK(order(cluster.problem, {1, 2, 1}, busy).steps[0].start_s == 4);
}

TEST_CASE("A VM that has no home yet is started and takes room only where it goes") {
    Tiny cluster({8, 8});
    cluster.vm(no_host, 8);
    cluster.vm(0, 8);
    const Order made = checked(cluster.problem, {0, 1});
    CHECK(text(made) == "1: 0>1 wave 0 at 0 for 1\n0: 4294967295>0 wave 1 at 1 for 1\n");
}

TEST_CASE("Each step of each order keeps every limit, and every VM is accounted for") {
    std::size_t moves = 0, parkings = 0, stranded = 0;
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
        Dice dice(seed);
        const unsigned hosts = dice.between(2, 8);
        const Problem problem = random_problem(dice, hosts, hosts * 5, dice.between(60, 100));
        // Any other valid placement: a random walk that forgets who was where in between.
        Problem shaken = problem;
        std::vector<HostIndex> target = homes(problem);
        for (unsigned i = 0; i < hosts * 12 && !target.empty(); ++i) {
            const VmIndex a = dice.below(static_cast<unsigned>(target.size()));
            const VmIndex b = dice.below(static_cast<unsigned>(target.size()));
            std::vector<HostIndex> next = target;
            if (dice.one_in(2))
                next[a] = dice.below(hosts);
            else
                std::swap(next[a], next[b]);
            bool fine = broken_limits(problem, next).empty();
            for (const VmIndex vm : {a, b})
                fine = fine && (next[vm] == problem.vms[vm].home || broken_rules(problem, vm, next[vm]).empty());
            if (fine) target = next;
        }
        OrderOptions options;
        options.outgoing_per_host = dice.between(1, 3);
        options.incoming_per_host = dice.between(1, 3);
        options.cluster = dice.between(1, 6);
        const Order made = order(problem, target, options);
        const std::string complaints = OrderOracle(problem, target, options).judge(made);
        if (!complaints.empty()) FAIL_CHECK("seed " << seed << ": " << complaints);
        if (text(order(problem, target, options)) != text(made)) FAIL_CHECK("seed " << seed << ": not the same twice");
        moves += made.steps.size();
        stranded += made.stranded.size();
        for (const Step& step : made.steps) parkings += step.parking ? 1 : 0;
    }
    CHECK(moves > 10000);
    CHECK(parkings > 300);
    CHECK(stranded > 0);
    CHECK(stranded < moves / 20);
}

TEST_CASE("An evacuation that can be carried out empties its hosts in order") {
    std::size_t complete = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        Dice dice(seed);
        const unsigned hosts = dice.between(3, 10);
        const Problem problem = random_problem(dice, hosts, hosts * 6, dice.between(60, 95));
        const OrderedEvacuation made = evacuate_in_order(problem, {0}, {.work = 200'000}, {});
        Problem emptied = problem;
        emptied.hosts[0].receives = false;
        const std::string complaints = OrderOracle(emptied, made.packing.target, {}).judge(made.order);
        if (!complaints.empty()) FAIL_CHECK("seed " << seed << ": " << complaints);
        std::vector<HostIndex> at = homes(problem);
        for (const Step& step : made.order.steps) at[step.vm] = step.to;
        std::vector<VmIndex> left;
        for (VmIndex vm = 0; vm < at.size(); ++vm)
            if (at[vm] == 0) left.push_back(vm);
        if (left != made.left) FAIL_CHECK("seed " << seed << ": somebody is left and not told");
        complete += left.empty() ? 1 : 0;
    }
    CHECK(complete > 100);
}
