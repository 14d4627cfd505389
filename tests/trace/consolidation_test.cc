#include <catch2/catch.hpp>
#include <random>

#include "policy/consolidation/consolidate.h"

using namespace ballast::policy::consolidation;

namespace {

// Histories outlive the problem that refers to them.
struct Case {
    std::vector<std::vector<double>> histories;
    Problem problem;
};

Case random_case(unsigned seed) {
    std::mt19937 dice(seed);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(dice() % n); };
    Case made;
    const unsigned hosts = 2 + below(20), vms = 1 + below(hosts * 6);
    for (unsigned i = 0; i < hosts; ++i) made.problem.hosts.push_back({32, 16, 256, 300, true, below(8) != 0});
    made.histories.resize(vms);
    for (unsigned i = 0; i < vms; ++i) {
        for (unsigned k = 0; k <= below(30); ++k) made.histories[i].push_back(below(80) / 10.0);
        VmSlot vm{below(hosts),      8,         1.0 + below(40), made.histories[i].back(),
                  made.histories[i], unlimited, below(8) != 0};
        if (below(3) == 0) vm.since_move_s = below(7200);
        made.problem.vms.push_back(vm);
    }
    for (unsigned i = 0; i < hosts; ++i)
        made.problem.hosts[i].on =
            std::ranges::any_of(made.problem.vms, [&](const VmSlot& vm) { return vm.home == i; });
    return made;
}

VmSlot steady(HostIndex home, const std::vector<double>& history) {
    return {home, 8, 8, history.back(), history, unlimited, true};
}

}  // namespace

TEST_CASE("No decision breaks a limit, whatever the cluster") {
    for (unsigned seed = 0; seed < 2000; ++seed) {
        const auto made = random_case(seed);
        const auto& problem = made.problem;
        const Options options;
        const auto decision = consolidate(problem, options);
        std::vector<double> now(problem.hosts.size()), memory(problem.hosts.size());
        std::vector<HostIndex> home;
        for (const auto& vm : problem.vms) {
            home.push_back(vm.home);
            now[vm.home] += vm.now;
            memory[vm.home] += vm.memory;
        }
        const auto overloaded_at_first = now;
        std::vector<int> moves_of(problem.vms.size());
        INFO("seed " << seed);
        for (const auto& move : decision.moves) {
            const auto& vm = problem.vms[move.vm];
            const auto from = home[move.vm];
            REQUIRE(move.to != from);
            REQUIRE(vm.movable);
            REQUIRE(problem.hosts[move.to].receives);
            // Recently moved VMs are left alone unless their host wants more than it has.
            if (vm.since_move_s < options.cooldown_s) REQUIRE(overloaded_at_first[from] > problem.hosts[from].cpu);
            REQUIRE(++moves_of[move.vm] == 1);
            home[move.vm] = move.to;
            now[from] -= vm.now;
            now[move.to] += vm.now;
            memory[from] -= vm.memory;
            memory[move.to] += vm.memory;
            REQUIRE(memory[move.to] <= problem.hosts[move.to].memory);
            REQUIRE(now[move.to] <= problem.hosts[move.to].cpu);
        }
        for (HostIndex host = 0; host < problem.hosts.size(); ++host)
            REQUIRE(decision.on[host] == (std::ranges::find(home, host) != home.end()));
        REQUIRE(consolidate(problem, options) == decision);
    }
}

TEST_CASE("VMs that fit on one host end on one, and then nothing moves any more") {
    const std::vector<double> history(30, 2.0);
    Problem problem;
    for (int i = 0; i < 4; ++i) problem.hosts.push_back({32, 16, 256, 300, true, true});
    for (HostIndex host = 0; host < 4; ++host) problem.vms.push_back(steady(host, history));
    const auto decision = consolidate(problem, {});
    CHECK(decision.moves.size() == 3);
    CHECK(std::ranges::count(decision.on, true) == 1);
    for (const auto& move : decision.moves) problem.vms[move.vm].home = move.to;
    for (HostIndex host = 0; host < 4; ++host) problem.hosts[host].on = decision.on[host];
    CHECK(consolidate(problem, {}).moves.empty());
}

TEST_CASE("An overloaded host gives the VM that disturbs least to the host with most room") {
    const std::vector<double> big(30, 8.0), small(30, 3.0);
    Problem problem;
    for (int i = 0; i < 3; ++i) problem.hosts.push_back({32, 16, 256, 300, true, true});
    for (int i = 0; i < 4; ++i) problem.vms.push_back(steady(0, big));
    problem.vms.push_back(steady(0, small));  // 35 of 32 CPUs wanted
    for (int i = 0; i < 3; ++i) problem.vms.push_back(steady(1, big));
    for (int i = 0; i < 2; ++i) problem.vms.push_back(steady(2, big));
    const auto decision = consolidate(problem, {});
    REQUIRE_FALSE(decision.moves.empty());
    CHECK(decision.moves.front() == Move{4, 2});
}

TEST_CASE("Two small quiet VMs are moved rather than a large one that disturbs more") {
    const std::vector<double> big(30, 7.0), small(30, 1.0), few(30, 2.0);
    Problem problem;
    for (int i = 0; i < 2; ++i) problem.hosts.push_back({32, 16, 2560, 300, true, true});
    for (int i = 0; i < 4; ++i) problem.vms.push_back(steady(0, big));
    for (int i = 0; i < 6; ++i) problem.vms.push_back(steady(0, small));  // 34 of 32 CPUs wanted
    problem.vms.push_back(steady(1, few));
    problem.vms.back().movable = false;
    for (VmIndex vm = 0; vm < 4; ++vm) problem.vms[vm].memory = 400;
    const auto decision = consolidate(problem, {});
    REQUIRE(decision.moves.size() == 2);
    for (const auto& move : decision.moves) {
        CHECK(problem.vms[move.vm].now == 1.0);
        CHECK(move.to == 1);
    }
}

TEST_CASE("When all hosts are too full another one is switched on and takes load off them") {
    const std::vector<double> history(30, 5.8);
    Problem problem;
    for (int i = 0; i < 3; ++i) problem.hosts.push_back({32, 16, 256, 300, i < 2, true});
    for (HostIndex host = 0; host < 2; ++host) {
        for (int i = 0; i < 5; ++i) problem.vms.push_back(steady(host, history));
    }
    const auto decision = consolidate(problem, {});
    CHECK(decision.on[2]);
    CHECK_FALSE(decision.moves.empty());
}

TEST_CASE("A place for every VM is found by sizes alone, or said to be missing") {
    const std::vector<double> none = {0};
    Problem problem;
    problem.hosts = {{32, 16, 16, 300, false, true}, {32, 16, 16, 200, false, true}};
    for (int i = 0; i < 5; ++i) problem.vms.push_back(steady(0, none));  // 8 GiB each: two a host
    CHECK(initial_placement(problem) == std::vector<HostIndex>{1, 1, 0, 0, 2});
}
