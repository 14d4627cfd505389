// Relief by several steps: chains of VMs that step aside, and swaps into the overloaded host.
#include "tests/policy/oracle.h"
#include "tests/policy/plan_text.h"
#include "tests/policy/random_cluster.h"

using namespace ballast;
using namespace ballast::test;

namespace {

// Of 9 usable CPUs (limits 7.2 and 6.3): host1 wants 8.4, and nothing but `big` may leave it.
Cluster with_big(double big) {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3", "host4"}) cluster.host(name);
    cluster.vm("big", "host1", big, gib(2), 8);
    cluster.vm("rest", "host1", 8.4 - big, gib(2), 8).facts.wishes.no_migrate = true;
    return cluster;
}

void stays(Cluster& cluster, const std::string& name, const std::string& on, double cpu) {
    cluster.vm(name, on, cpu, gib(2), 8).facts.wishes.no_migrate = true;
}

void only_on(Cluster& cluster, const std::string& name, std::vector<HostId> hosts) {
    cluster.guest(name).facts.wishes.only_on = std::move(hosts);
}

// Whatever is started first is carried out and planned anew, as the daemon does it, until nothing is wanted.
void carry_out_waves(Cluster& cluster, int most_waves) {
    for (int wave = 0; wave < most_waves; ++wave) {
        Plan plan = cluster.plan();
        std::erase_if(plan.moves, [](const Move& move) { return move.wave > 0; });
        cluster.carry_out(plan);
        cluster.tick();
    }
}

// Equal hosts, of which the first is overloaded and the others are nearly as full as relief may leave them. Two more
// hosts are apart, with nothing but one VM.
Cluster tight_cluster(std::uint64_t seed) {
    Dice dice(seed);
    Cluster cluster;
    const unsigned hosts = dice.between(3, 6);
    unsigned number = 0;
    for (unsigned h = 0; h < hosts; ++h) {
        const double most = h == 0 ? 8.0 + 0.9 * dice.ratio() : 4.5 + 1.8 * dice.ratio();  // of 9 usable CPUs
        cluster.host(host_name(h), 10, gib(32));
        double cpu = 0;
        for (unsigned memory = 0; cpu < most - 0.05;) {
            const double wanted = std::min(most - cpu, 0.3 + 3 * dice.ratio());
            const unsigned size = dice.between(1, 7);
            if (memory + size > 26) break;
            Vm& vm = cluster.vm("v" + std::to_string(number++), host_name(h), wanted, gib(size));
            vm.load.memory_rss = scaled(gib(size), 0.5 + 0.5 * dice.ratio());
            if (dice.one_in(4)) vm.facts.wishes.only_on = {{host_name(h)}, {host_name(dice.below(hosts))}};
            if (dice.one_in(8)) vm.facts.wishes.no_migrate = true;
            if (dice.one_in(6)) vm.facts.wishes.keep_apart = {"g" + std::to_string(dice.below(3))};
            cpu += wanted;
            memory += size;
        }
    }
    for (const char* name : {"far1", "far2"}) cluster.host(name).accepts_vms = false;
    cluster.vm("far", "far1", 0.1);
    cluster.options.limits = {dice.between(1, 2), dice.between(1, 2), dice.between(2, 5)};
    cluster.options.repair.enabled = cluster.options.balance.enabled = false;
    for (int i = 0; i < 7; ++i) cluster.tick(1min);
    return cluster;
}

std::size_t resolved(const Plan& plan) {
    return static_cast<std::size_t>(std::count_if(
        plan.findings.begin(), plan.findings.end(),
        [](const Finding& finding) { return finding.trigger == Trigger::overload && finding.resolved_by_plan; }));
}

}  // namespace

TEST_CASE("A smaller VM takes the place of a larger one that leaves an overloaded host") {
    Cluster cluster = with_big(5);
    only_on(cluster, "big", {{"host1"}, {"host2"}});
    cluster.vm("small", "host2", 2.5);
    stays(cluster, "there", "host2", 1);
    stays(cluster, "full3", "host3", 5);
    stays(cluster, "full4", "host4", 5);
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].vm.value == "id-small");
    CHECK(plan.moves[0].to.value == "host1");
    CHECK(plan.moves[0].wave == 0);
    CHECK(plan.moves[0].reason.find("host2 makes room for big and sends small to host1 in return (host1 wants 93 %") ==
          0);
    CHECK(plan.moves[1].vm.value == "id-big");
    CHECK(plan.moves[1].to.value == "host2");
    CHECK(plan.moves[1].wave == 1);
    CHECK(plan.moves[1].reason.find("(small leaves host2 first to make room); moving big ") != std::string::npos);
    CHECK(plan.moves[1].effect.source_cpu_after == Approx(5.9 / 9));
    CHECK(plan.moves[1].effect.target_cpu_after == Approx(6.0 / 9));
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(Oracle(cluster).judge(plan).empty());
    SECTION("wave by wave, it comes to that") {
        carry_out_waves(cluster, 2);
        CHECK(cluster.guest("small").host.value == "host1");
        CHECK(cluster.guest("big").host.value == "host2");
        CHECK(cluster.plan_after(10min).moves.empty());
    }
    SECTION("not when the host would then be above its goal") {
        cluster.guest("small").load.cpu_used_cores = 3.5;
        CHECK(cluster.plan_after(6min).moves.empty());
    }
    SECTION("not while there is no memory for both on the overloaded host") {
        cluster.guest("rest").facts.memory = gib(58);
        CHECK(cluster.plan_after(6min).moves.empty());
    }
    SECTION("not while the overloaded host takes no VMs") {
        cluster.at("host1").accepts_vms = false;
        CHECK(cluster.plan().moves.empty());
    }
    SECTION("not while a move is under way, since its room must not be used twice") {
        cluster.host("far").accepts_vms = false;
        cluster.vm("tiny", "host4", 0.1);
        cluster.tick();
        CHECK(cluster.plan().moves.size() == 2);
        cluster.under_way("tiny", "far");
        CHECK(cluster.plan().moves.empty());
    }
    SECTION("not with fewer moves than it takes") {
        cluster.options.overload.max_moves_per_cycle = 1;
        CHECK(cluster.plan().moves.empty());
    }
}

TEST_CASE("Two VMs step aside one after the other where one is not enough") {
    Cluster cluster = with_big(5);
    only_on(cluster, "big", {{"host1"}, {"host2"}});
    cluster.vm("first", "host2", 3);
    only_on(cluster, "first", {{"host2"}, {"host3"}});
    cluster.vm("second", "host3", 3.5);
    only_on(cluster, "second", {{"host3"}, {"host4"}});
    stays(cluster, "there", "host3", 1);
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 3);
    CHECK(plan.moves[0].vm.value == "id-second");
    CHECK(plan.moves[0].reason.find("host3 makes room for first (host1 wants 93 %") == 0);
    CHECK(plan.moves[1].vm.value == "id-first");
    CHECK(plan.moves[1].reason.find("host2 makes room for big (host1 wants 93 %") == 0);
    CHECK(plan.moves[2].vm.value == "id-big");
    CHECK(plan.moves[2].wave == 2);
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(Oracle(cluster).judge(plan).empty());
    SECTION("wave by wave, it comes to that") {
        carry_out_waves(cluster, 3);
        CHECK(cluster.guest("big").host.value == "host2");
        CHECK(cluster.plan_after(10min).moves.empty());
    }
}

TEST_CASE("Two VMs of one host step aside together where neither is enough") {
    Cluster cluster = with_big(5);
    only_on(cluster, "big", {{"host1"}, {"host2"}});
    cluster.vm("one", "host2", 2);
    cluster.vm("two", "host2", 2.2);
    stays(cluster, "there", "host2", 1);
    stays(cluster, "full3", "host3", 4);
    stays(cluster, "full4", "host4", 4);
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 3);
    CHECK(plan.moves[2].vm.value == "id-big");
    CHECK(plan.moves[2].reason.find("(one, two leave host2 first to make room)") != std::string::npos);
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(Oracle(cluster).judge(plan).empty());
}

TEST_CASE("Memory is made room for as well, and given away only once its VM has left") {
    Cluster cluster = with_big(5);
    only_on(cluster, "big", {{"host1"}, {"host2"}});
    cluster.guest("big").facts.memory = gib(30);
    cluster.guest("big").load.memory_rss = gib(30);
    cluster.vm("first", "host2", 0.5, gib(30));
    stays(cluster, "full3", "host3", 5);
    const Plan plan = cluster.plan_after(6min);
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].vm.value == "id-first");
    CHECK(plan.moves[1].wave == 1);
    CHECK(Oracle(cluster).judge(plan).empty());
}

TEST_CASE("Who makes room obeys what relief obeys") {
    Cluster cluster = with_big(5);
    only_on(cluster, "big", {{"host1"}, {"host2"}});
    cluster.vm("small", "host2", 2.5);
    stays(cluster, "there", "host2", 1);
    stays(cluster, "full3", "host3", 5);
    stays(cluster, "full4", "host4", 5);
    cluster.persist(6min);
    SECTION("cooldown") {
        cluster.moved("small", "host3", "host2", 5min);
        CHECK(cluster.plan().moves.empty());
    }
    SECTION("its owner") {
        cluster.guest("small").facts.wishes.no_migrate = true;
        CHECK(cluster.plan().moves.empty());
    }
    SECTION("company") {
        cluster.guest("small").facts.wishes.keep_apart = {"g"};
        cluster.guest("rest").facts.wishes.keep_apart = {"g"};
        CHECK(cluster.plan().moves.empty());
    }
    SECTION("a migration that ends by itself") {
        cluster.guest("small").load.dirty_rate_mib_per_s = 500;
        CHECK(cluster.plan().moves.empty());
    }
}

TEST_CASE("Chains relieve more of the tight clusters, none less, and break nothing at any step") {
    constexpr std::uint64_t cases = 3000;
    std::size_t overloaded = 0, without = 0, with = 0, swaps = 0, longest = 0, chains = 0, ended = 0;
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        Cluster cluster = tight_cluster(seed);
        const Plan plan = cluster.plan();
        for (const std::string& complaint : Oracle(cluster).judge(plan))
            FAIL_CHECK("seed " << seed << ": " << complaint);
        Cluster busy = cluster;  // no chains are looked for while anything is under way
        busy.under_way("far", "far2");
        const std::size_t before = resolved(busy.plan());
        if (resolved(plan) < before) FAIL_CHECK("seed " << seed << ": relieved less");
        overloaded += plan.findings.size();
        without += before;
        with += resolved(plan);
        for (const Move& move : plan.moves) swaps += move.to == HostId{host_name(0)} ? 1 : 0;
        if (!plan.moves.empty()) longest = std::max<std::size_t>(longest, plan.moves.back().wave + 1);
        if (resolved(plan) == before) continue;
        const bool same = text_of(plan) == text_of(cluster.plan());
        if (!same) FAIL_CHECK("seed " << seed << ": not the same twice");
        // Each wave is planned anew, as the daemon does: others may then look better, but nobody gets into trouble.
        ++chains;
        carry_out_waves(cluster, 6);
        const Plan later = cluster.plan_after(10min);
        const HostView& first = later.hosts.at({host_name(0)});
        ended += first.overloaded ? 0 : 1;
        if (first.cpu_demand > plan.hosts.at({host_name(0)}).cpu_demand + 1e-9)
            FAIL_CHECK("seed " << seed << ": hotter than before");
        for (const auto& [id, host] : later.hosts)
            if (host.overloaded && id != HostId{host_name(0)}) FAIL_CHECK("seed " << seed << ": another is overloaded");
    }
    UNSCOPED_INFO(overloaded << " overloaded, " << without << " relieved without chains, " << with << " with, " << swaps
                             << " moves in return, " << longest << " waves at most, " << ended << " of " << chains
                             << " chains ended it");
    CHECK(with > without + without / 20);
    CHECK(ended >= chains - chains / 100);
    CHECK(swaps > 0);
    CHECK(longest > 2);
}
