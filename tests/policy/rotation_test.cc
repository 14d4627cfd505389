// Hosts take turns at being off: wear is spread, and that costs no more than is promised.
#include <random>

#include "policy/consolidation/consolidate.h"
#include "policy/fleet.h"
#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;

namespace {

// Hosts of ten CPUs with some VMs each, measured for two hours, that may be packed from now on.
struct Nights : Cluster {
    std::mt19937 random;
    std::map<HostId, unsigned> nights_off;
    std::size_t moves = 0, emptied = 0;  // of the night

    explicit Nights(unsigned seed = 1) : random(seed) {
        options.consolidation.enabled = true;
        options.consolidation.min_hosts_on = 1;
        options.consolidation.min_time_on = 0s;
        options.consolidation.min_time_off = 0s;
        options.consolidation.watch = 0s;
        options.cooldown.vm = 0s;
        options.cooldown.no_return = 0s;
        options.balance.enabled = false;
    }

    double between(double low, double high) { return std::uniform_real_distribution<>(low, high)(random); }

    void add(unsigned hosts, unsigned vms_each) {
        for (unsigned h = 0; h < hosts; ++h) {
            const std::string name = "host" + std::to_string(h);
            host(name).power_managed = true;
            for (unsigned v = 0; v < vms_each; ++v)
                vm("v" + std::to_string(h) + "-" + std::to_string(v), name, 0.5, gib(2), 2);
        }
    }

    void turn(Host& host, PowerState state) {
        if (state == PowerState::off) host.went_off = now;
        if (state == PowerState::on) host.came_back = now;
        host.power = state;
        host.power_since = now;
        host.connection = state == PowerState::on ? Connection::up : Connection::down;
        host.stale = state != PowerState::on;
        host.load = {};
    }

    /// All that a plan wants, done at once.
    bool cycle() {
        const Plan planned = plan();
        carry_out(planned);
        moves += planned.moves.size();
        for (const PowerChange& change : planned.power) {
            if (change.wave > 0) continue;
            now += 1s;  // no two hosts go off at the same time
            turn(inventory.hosts.at(change.host), change.on ? PowerState::on : PowerState::off);
        }
        tick(1min);
        return !planned.moves.empty() || !planned.power.empty();
    }

    void night() {
        moves = emptied = 0;
        int cycles = 0;
        while (cycle()) REQUIRE(++cycles < 40);
        for (const auto& [id, host] : inventory.hosts) emptied += host.power == PowerState::off;
    }

    /// Everybody is on again, VMs are where they were at first, and want a little more or less than before.
    void day(double low, double high) {
        for (auto& [id, host] : inventory.hosts) {
            nights_off[id] += host.power == PowerState::off;
            if (host.power != PowerState::on) turn(host, PowerState::on);
        }
        for (auto& [id, vm] : inventory.vms) {
            vm.host = {"host" + vm.facts.name.substr(1, vm.facts.name.find('-') - 1)};
            const double dearer = 1 + 0.02 * (vm.facts.name[1] - '0');  // host0 is always the cheapest to empty
            vm.load.cpu_used_cores = dearer * between(low, high);
        }
        inventory.past_moves.clear();
        for (int i = 0; i < 12; ++i) tick(10min);
    }

    std::pair<unsigned, unsigned> least_and_most() const {
        const auto [least, most] = std::minmax_element(nights_off.begin(), nights_off.end(),
                                                       [](auto& a, auto& b) { return a.second < b.second; });
        return {least->second, most->second};
    }
};

}  // namespace

TEST_CASE("Over many nights all hosts of a kind are off about as often") {
    Nights cluster(GENERATE(range(1U, 6U)));
    const bool rotates = GENERATE(true, false);
    if (!rotates) cluster.options.consolidation.rotation_cost = 0;
    cluster.add(6, 3);
    constexpr unsigned nights = 18;
    for (unsigned i = 0; i < nights; ++i) {
        cluster.day(0.49, 0.51);
        cluster.night();
        CHECK(cluster.emptied >= 3);
    }
    cluster.day(0.5, 0.5);
    const auto [least, most] = cluster.least_and_most();
    INFO(least << " to " << most << " nights off");
    if (rotates)
        CHECK(most - least <= 1);
    else
        CHECK(most - least > nights / 2);
}

TEST_CASE("Whatever hosts and VMs there are, turns empty no fewer hosts and cost at most one VM more a host") {
    const unsigned seed = GENERATE(range(1U, 41U));
    Nights cluster(seed);
    std::mt19937 dice(seed);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(dice() % n); };
    for (unsigned h = 0; h < 6; ++h) {
        const std::string name = "host" + std::to_string(h);
        cluster.host(name, 8 + 4 * below(2)).power_managed = true;
        if (below(2) == 0) cluster.at(name).went_off = cluster.now - std::chrono::hours(below(100));
        for (unsigned v = below(5); v > 0; --v)
            cluster.vm("v" + std::to_string(h) + "-" + std::to_string(v), name, 0.1 * (1 + below(12)),
                       gib(1 + below(8)), 2);
    }
    for (int i = 0; i < 24; ++i) cluster.tick(5min);
    const Plan in_turns = cluster.plan();
    cluster.options.consolidation.rotation_cost = 0;
    const Plan cheapest = cluster.plan();
    const auto emptied = [](const Plan& plan) {
        return std::count_if(plan.findings.begin(), plan.findings.end(),
                             [](const Finding& finding) { return finding.trigger == Trigger::consolidation; });
    };
    INFO("seed " << seed);
    CHECK(emptied(in_turns) >= emptied(cheapest));
    CHECK(std::ssize(in_turns.moves) <= std::ssize(cheapest.moves) + emptied(cheapest));
}

TEST_CASE("Of hosts that cost the same the one that was off least lately is emptied, and told that it is its turn") {
    Nights cluster;
    cluster.add(3, 2);
    cluster.options.consolidation.min_hosts_on = 2;
    for (int i = 0; i < 24; ++i) cluster.tick(5min);
    const auto first_emptied = [&] {
        const Plan plan = cluster.plan();
        REQUIRE_FALSE(plan.moves.empty());
        return std::pair(plan.moves[0].from.value, plan.moves[0].reason);
    };
    CHECK(first_emptied().first == "host0");
    cluster.at("host0").went_off = cluster.now - 24h;
    CHECK(first_emptied().first == "host1");
    CHECK_THAT(first_emptied().second, Catch::Contains("; it is its turn to be off"));
    cluster.at("host1").went_off = cluster.now - 48h;
    CHECK(first_emptied().first == "host2");
    cluster.at("host2").went_off = cluster.now - 12h;
    CHECK(first_emptied().first == "host1");
    cluster.options.consolidation.rotation_cost = 0;
    CHECK(first_emptied().first == "host0");
    CHECK_THAT(first_emptied().second, !Catch::Contains("turn"));
}

TEST_CASE("A host that is dearer to empty than taking turns may cost waits until it is not") {
    using namespace policy::consolidation;
    Problem problem;
    problem.hosts.resize(3, {10, 10, unlimited, 100, true});
    problem.hosts[0].went_off = 5;  // the cheapest was off last
    const double memory[] = {1000, 1200, 1400};
    std::vector<double> history(24, 0.5);
    for (HostIndex host = 0; host < 3; ++host) problem.vms.push_back({host, 2, memory[host], 0.5, history});
    const auto emptied_first = [&](double cost) {
        Options options;
        options.rotation_cost = cost;
        const auto moves = consolidate(problem, options).moves;
        REQUIRE_FALSE(moves.empty());
        return problem.vms[moves.front().vm].home;
    };
    CHECK(emptied_first(0) == 0);
    CHECK(emptied_first(0.1) == 0);
    CHECK(emptied_first(0.25) == 1);
    problem.hosts[1].went_off = 6;
    CHECK(emptied_first(0.25) == 0);
    CHECK(emptied_first(1) == 2);  // never off yet
    problem.hosts[2].core = 20;    // a faster one is no equal
    CHECK(emptied_first(1) == 0);
    problem.hosts[2].core = 10;
    for (int i = 0; i < 2; ++i) problem.vms.push_back({2, 2, 1, 0, history});
    CHECK(emptied_first(10) == 0);  // two VMs more than the cheapest has
}

TEST_CASE("Empty hosts go off, and come back, in turns") {
    Nights cluster;
    cluster.add(4, 0);
    cluster.vm("busy", "host3", 2);
    cluster.options.consolidation.min_hosts_on = 3;
    cluster.at("host0").went_off = cluster.now - 1h;
    cluster.at("host1").went_off = cluster.now - 9h;
    cluster.at("host2").went_off = cluster.now - 5h;
    for (int i = 0; i < 24; ++i) cluster.tick(5min);
    const auto only_change = [&] {
        const Plan plan = cluster.plan();
        REQUIRE(plan.power.size() == 1);
        return std::pair(plan.power[0].host.value, plan.power[0].on);
    };
    CHECK(only_change() == std::pair(std::string("host1"), false));
    for (const char* name : {"host0", "host1", "host2"}) {
        const auto off = cluster.at(name).went_off;
        cluster.turn(cluster.at(name), PowerState::off);
        cluster.at(name).went_off = off;
    }
    cluster.options.consolidation.min_hosts_on = 2;
    CHECK(only_change() == std::pair(std::string("host1"), true));
}

namespace {

// Three hosts of which one is enough; it holds all VMs, and the others have been off for so long.
Nights always_packed(Duration off) {
    Nights cluster;
    cluster.add(3, 2);
    for (int i = 0; i < 24; ++i) cluster.tick(5min);
    cluster.night();
    REQUIRE(cluster.emptied == 2);
    for (auto& [id, host] : cluster.inventory.hosts)
        if (host.power == PowerState::off) host.went_off = host.power_since = cluster.now - off;
    return cluster;
}

std::size_t count_on(const Nights& cluster) {
    std::size_t on = 0;
    for (const auto& [id, host] : cluster.inventory.hosts) on += host.power == PowerState::on;
    return on;
}

}  // namespace

TEST_CASE("Whoever was off for long enough comes back and takes over all VMs of one that then has its turn") {
    Nights cluster = always_packed(30 * 24h);  // both that are off
    const HostId holder = cluster.inventory.vms.begin()->second.host;
    const Plan plan = cluster.plan();
    REQUIRE(plan.power.size() == 1);
    CHECK(plan.power[0].on);
    CHECK(plan.power[0].reason.ends_with("(max_time_off): another takes its turn"));
    const HostId back = plan.power[0].host;
    cluster.night();
    for (int i = 0; i < 30; ++i) cluster.cycle();
    CHECK(cluster.moves == 6);  // once, and no more within the hour
    CHECK(count_on(cluster) == 1);
    CHECK(cluster.inventory.hosts.at(back).power == PowerState::on);
    CHECK(cluster.inventory.hosts.at(holder).power == PowerState::off);
    for (const auto& [id, vm] : cluster.inventory.vms) CHECK(vm.host == back);
    for (int i = 0; i < 60; ++i) cluster.cycle();
    CHECK(cluster.moves == 12);  // then the other one comes back
    for (int i = 0; i < 120; ++i) cluster.cycle();
    CHECK(cluster.moves == 12);
}

TEST_CASE("A turn comes no more often than max_time_off says") {
    Nights cluster = always_packed(0s);
    cluster.options.consolidation.max_time_off = 24h;
    std::map<HostId, unsigned> wakes;
    for (int look = 0; look < 10 * 24 * 3; ++look) {
        const Plan plan = cluster.plan();
        for (const PowerChange& change : plan.power) wakes[change.host] += change.on;
        cluster.cycle();
        cluster.tick(19min);
        CHECK(count_on(cluster) >= 1);
    }
    for (const auto& [id, host] : cluster.inventory.hosts) {
        INFO(id.value << " was switched on " << wakes[id] << " times");
        CHECK(wakes[id] >= 3);
        CHECK(wakes[id] <= 10);
    }
}

TEST_CASE("Nobody comes back for a turn that cannot be: too early, unlimited, or nobody may go instead") {
    Nights cluster = always_packed(30 * 24h);
    auto& options = cluster.options.consolidation;
    const HostId holder = cluster.inventory.vms.begin()->second.host;
    const auto shrink = [&](auto change) {
        for (auto& [id, host] : cluster.inventory.hosts)
            if (id != holder) change(host.facts);
    };
    switch (GENERATE(range(0, 8))) {
        case 0: options.max_time_off = 31 * 24h; break;
        case 1: options.max_time_off.reset(); break;
        case 2: options.never_off = {holder}; break;
        case 3: cluster.inventory.vms.begin()->second.facts.wishes.no_migrate = true; break;
        case 4: options.max_moves_per_cycle = 5; break;
        case 5: cluster.inventory.hosts.at(holder).power_managed = false; break;
        case 6: shrink([](HostFacts& facts) { facts.memory_total = gib(8); }); break;  // twelve are promised
        case 7: shrink([](HostFacts& facts) { facts.cpus = 4; }); break;               // three are wanted
    }
    cluster.observe();
    CHECK(cluster.plan().power.empty());
}

TEST_CASE("Who came back and finds nobody to take over from goes off again, and stays off") {
    Nights cluster = always_packed(30 * 24h);
    cluster.cycle();
    REQUIRE(count_on(cluster) == 2);
    for (auto& [id, vm] : cluster.inventory.vms) vm.facts.wishes.no_migrate = true;
    for (int i = 0; i < 50; ++i) CHECK_FALSE(cluster.cycle());
    for (int i = 0; i < 20; ++i) cluster.cycle();
    CHECK(count_on(cluster) == 1);
    for (int i = 0; i < 100; ++i) CHECK_FALSE(cluster.cycle());
}
