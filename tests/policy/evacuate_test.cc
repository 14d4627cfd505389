#include "policy/draft.h"
#include "tests/policy/oracle.h"
#include "tests/policy/random_cluster.h"

using namespace ballast;
using namespace ballast::test;

namespace {

// host1 in maintenance with `count` VMs of 2 GiB and 0.5 CPU; two empty hosts.
Cluster leaving(int count) {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (int i = 0; i < count; ++i) cluster.vm("v" + std::to_string(i), "host1", 0.5);
    cluster.at("host1").maintenance = true;
    cluster.tick();
    return cluster;
}

// No host has room for big, but host2 has once small went to host3.
Cluster crowded() {
    Cluster cluster;
    cluster.options.reserve.memory = 0;
    cluster.options.reserve.memory_min = Bytes{};
    cluster.host("host1", 10, gib(16)).maintenance = true;
    cluster.host("host2", 10, gib(8));
    cluster.host("host3", 10, gib(4));
    cluster.vm("big", "host1", 0.1, gib(7));
    cluster.vm("small", "host2", 0.1, gib(2));
    cluster.tick();
    return cluster;
}

void carry_out_first_wave(Cluster& cluster) {
    Plan now = cluster.plan();
    std::erase_if(now.moves, [](const Move& move) { return move.wave > 0; });
    cluster.carry_out(now);
    cluster.tick();
}

// One host to be emptied; the others are nearly full, with VMs of all sizes.
Cluster tight_cluster(std::uint64_t seed) {
    Dice dice(seed);
    Cluster cluster;
    cluster.options.reserve.memory_min = mib(256);
    cluster.options.repair.enabled = false;  // its moves would be counted as displacements
    const unsigned hosts = dice.between(3, 6);
    unsigned vms = 0;
    for (unsigned i = 0; i < hosts; ++i) {
        const unsigned total = dice.between(8, 20) * 1024;
        cluster.host(host_name(i), 16, mib(total));
        const double filled = (i == 0 ? 0.4 : 0.7 + 0.25 * dice.ratio()) * total;
        double sum = 0;
        for (int attempt = 0; attempt < 30; ++attempt) {
            const unsigned size = 512 + dice.below(dice.one_in(3) ? 5 * 1024 : 1024);
            if (sum + size > filled) continue;
            sum += size;
            Vm& vm = cluster.vm("v" + std::to_string(vms++), host_name(i), 0.1 * dice.ratio(), mib(size));
            vm.load.memory_rss = scaled(vm.facts.memory, dice.one_in(2) ? 1 : dice.ratio());
            if (dice.one_in(8)) vm.facts.wishes.keep_apart = {"g" + std::to_string(dice.below(2))};
            if (dice.one_in(10)) vm.facts.wishes.no_migrate = i > 0;
        }
    }
    cluster.at(host_name(0)).maintenance = true;
    cluster.tick();
    return cluster;
}

bool keeps_reserve(const Cluster& cluster, const HostId& id) {
    const Bytes total = cluster.inventory.hosts.at(id).facts.memory_total;
    double sum = std::max(cluster.options.reserve.memory * total.gib(), cluster.options.reserve.memory_min.gib());
    for (const auto& [name, vm] : cluster.inventory.vms)
        if (vm.host == id) sum += vm.facts.memory.gib();
    return sum <= total.gib() * (1 + 1e-9);
}

std::size_t vms_on(const Cluster& cluster, const HostId& host) {
    std::size_t count = 0;
    for (const auto& [id, vm] : cluster.inventory.vms) count += vm.host == host ? 1 : 0;
    return count;
}

struct Emptying {
    std::size_t left = 0, displaced = 0;
    bool ended = false;
};

// Plans, carries out what is to be done now, and plans anew, until nothing is left to do.
Emptying empty_in_a_loop(Cluster cluster, std::uint64_t seed) {
    Emptying result;
    const HostId emptied{host_name(0)};
    for (int cycle = 0; cycle < 60 && !result.ended; ++cycle) {
        const Plan plan = cluster.plan();
        for (const std::string& complaint : Oracle(cluster).judge(plan))
            FAIL_CHECK("seed " << seed << ", cycle " << cycle << ": " << complaint);
        for (const Move& move : plan.moves) result.displaced += move.wave == 0 && move.from != emptied ? 1 : 0;
        result.ended = plan.moves.empty();
        if (!result.ended && plan.moves[0].wave > 0) FAIL_CHECK("seed " << seed << ": nothing to be done now");
        carry_out_first_wave(cluster);
        for (const auto& [id, host] : cluster.inventory.hosts)
            if (!keeps_reserve(cluster, id)) FAIL_CHECK("seed " << seed << ": " << id.value << " is overcommitted");
    }
    result.left = vms_on(cluster, emptied);
    return result;
}

}  // namespace

TEST_CASE("A host in maintenance is emptied in waves within the limits") {
    Cluster cluster = leaving(7);
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 7);
    std::map<unsigned, int> in_wave;
    for (const Move& move : plan.moves) {
        CHECK(move.trigger == Trigger::maintenance);
        CHECK(move.to.value != "host1");
        ++in_wave[move.wave];
    }
    CHECK(in_wave == std::map<unsigned, int>{{0, 2}, {1, 2}, {2, 2}, {3, 1}});
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(plan.hosts.at({"host1"}).state == "draining");
    CHECK(plan.moves[0].reason ==
          "host1 is in maintenance; v0 (2 GiB, 0.50 CPU) goes to host2, then at 3.1 % of its memory and 5.6 % of its "
          "usable CPU");
}

TEST_CASE("An empty host in maintenance is done") {
    Cluster cluster = leaving(0);
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    REQUIRE(finding_of(plan, "host1"));
    CHECK(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(finding_of(plan, "host1")->text == "host1 is in maintenance and empty");
    CHECK(plan.hosts.at({"host1"}).state == "maintenance");
}

TEST_CASE("A VM that is shut off need not leave") {
    Cluster cluster = leaving(1);
    cluster.guest("v0").state = VmState::shut_off;
    CHECK(cluster.plan().moves.empty());
    CHECK(cluster.plan().immovable.empty());
}

TEST_CASE("What cannot leave is named with its reasons, and the rest goes") {
    Cluster cluster = leaving(5);
    cluster.guest("v0").facts.blockers = {{Reason::host_device, "gpu"}, {Reason::shared_folder, "tag"}};
    cluster.guest("v1").facts.wishes.no_migrate = true;
    cluster.guest("v2").facts.wishes.only_on = {{"host1"}};
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 2);
    CHECK(has(plan.immovable, "v0", Reason::host_device));
    CHECK(has(plan.immovable, "v0", Reason::shared_folder));
    CHECK(has(plan.immovable, "v1", Reason::opted_out));
    REQUIRE(has(plan.immovable, "v2", Reason::no_target));
    CHECK(plan.immovable.back().detail ==
          "host2: pinned (its own metadata allows host1 only); host3: pinned (its own metadata allows host1 only)");
    CHECK(has(plan.rejections, "v2", Reason::pinned));
    CHECK_FALSE(finding_of(plan, "host1")->resolved_by_plan);
    CHECK(finding_of(plan, "host1")->text ==
          "host1 is in maintenance: 5 VMs on it, 0 under way, 2 to be moved, 3 cannot leave");
}

TEST_CASE("The last host has nowhere to go") {
    Cluster cluster = leaving(1);
    cluster.inventory.hosts.erase({"host2"});
    cluster.inventory.hosts.erase({"host3"});
    const Plan plan = cluster.plan();
    REQUIRE(plan.immovable.size() == 1);
    CHECK(plan.immovable[0].detail == "there is no other host");
}

TEST_CASE("Cooldown does not hold for maintenance, a failure on the same target does") {
    Cluster cluster = leaving(1);
    cluster.moved("v0", "host2", "host1", 1min);
    cluster.moved("v0", "host2", "host1", 1min, true, true);
    cluster.moved("v0", "host1", "host2", 1min, false);
    REQUIRE(cluster.plan().moves.size() == 1);
    CHECK(cluster.plan().moves[0].to.value == "host3");
}

TEST_CASE("Higher priority leaves first, then big before small") {
    Cluster cluster = leaving(3);
    cluster.guest("v2").facts.wishes.priority = 10;
    cluster.guest("v1").facts.memory = gib(4);
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 3);
    CHECK(plan.moves[0].vm.value == "id-v2");
    CHECK(plan.moves[1].vm.value == "id-v1");
    CHECK(plan.moves[2].vm.value == "id-v0");
}

TEST_CASE("Busy targets are avoided, but taken when there is no other") {
    Cluster cluster = leaving(2);
    cluster.vm("busy", "host2", 4).facts.vcpus = 8;
    cluster.vm("busier", "host2", 4);
    cluster.tick();
    for (const Move& move : cluster.plan().moves) CHECK(move.to.value == "host3");
    cluster.at("host3").accepts_vms = false;
    CHECK(cluster.plan().moves.size() == 2);
    for (const Move& move : cluster.plan().moves) CHECK(move.to.value == "host2");
}

TEST_CASE("Memory is never overcommitted for maintenance") {
    Cluster cluster = leaving(0);
    for (int i = 0; i < 3; ++i) cluster.vm("big" + std::to_string(i), "host1", 0.1, gib(50));
    cluster.tick();
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 2);
    REQUIRE(plan.immovable.size() == 1);
    CHECK(plan.immovable[0].reason == Reason::no_target);
    CHECK(has(plan.rejections, Reason::memory));
}

TEST_CASE("When spreading leaves a VM without a place a tighter packing is tried") {
    Cluster cluster;
    cluster.host("host1", 10, gib(64));
    // With a reserve of 1 GiB: 7 GiB and 10 GiB to give away.
    cluster.options.reserve.memory = 0;
    cluster.options.reserve.memory_min = gib(1);
    cluster.host("host2", 10, gib(8));
    cluster.host("host3", 10, gib(11));
    // Spread puts 6 on the roomier host3, and then the 7 on host2 would leave 4 for the last one, which needs 4.
    cluster.vm("seven", "host1", 0.1, gib(7));
    cluster.vm("six", "host1", 0.1, gib(6));
    cluster.vm("four", "host1", 0.1, gib(4));
    cluster.at("host1").maintenance = true;
    cluster.tick();
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 3);
    CHECK(plan.immovable.empty());
}

TEST_CASE("VMs with little choice are not left over by those with much") {
    Cluster cluster;
    cluster.host("host1");
    cluster.options.reserve.memory = 0;
    cluster.options.reserve.memory_min = Bytes{};
    cluster.host("host2", 10, gib(4));
    cluster.host("host3", 10, gib(4));
    cluster.vm("free", "host1", 0.1, gib(4));
    cluster.vm("bound", "host1", 0.1, gib(3)).facts.wishes.only_on = {{"host2"}};
    cluster.at("host1").maintenance = true;
    cluster.tick();
    CHECK(cluster.plan().moves.size() == 2);
}

TEST_CASE("VMs that must be kept apart go to different hosts, or stay") {
    Cluster cluster = leaving(3);
    for (const char* name : {"v0", "v1", "v2"}) cluster.guest(name).facts.wishes.keep_apart = {"db"};
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].to != plan.moves[1].to);
    CHECK(has(plan.rejections, "v2", Reason::keep_apart));
}

TEST_CASE("A source that does not report is not acted on, and says so") {
    Cluster cluster = leaving(1);
    cluster.at("host1").stale = true;
    CHECK(cluster.plan().moves.empty());
    CHECK(has(cluster.plan().immovable, "v0", Reason::host_stale));
    cluster.at("host1").connection = Connection::down;
    CHECK(has(cluster.plan().immovable, "v0", Reason::host_unreachable));
}

TEST_CASE("A VM of unknown load leaves too, counted with half its vCPUs") {
    Cluster cluster = leaving(0);
    cluster.vm("new", "host1", 0).load = {};
    cluster.tick();
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].effect.target_cpu_after == Approx(2.0 / 9));
}

TEST_CASE("Several hosts are emptied at once, and never into each other") {
    Cluster cluster = leaving(3);
    for (int i = 0; i < 3; ++i) cluster.vm("w" + std::to_string(i), "host2", 0.5);
    cluster.at("host2").maintenance = true;
    cluster.tick();
    const Plan plan = cluster.plan();
    CHECK(plan.moves.size() == 6);
    for (const Move& move : plan.moves) CHECK(move.to.value == "host3");
    CHECK(plan.findings.size() == 2);
}

TEST_CASE("Relief leaves before evacuations and knows where they will arrive") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"a", "b", "c"}) cluster.vm(name, "host1", 2.8);
    for (int i = 0; i < 4; ++i) cluster.vm("v" + std::to_string(i), "host2", 1);
    cluster.persist(6min);
    cluster.at("host2").maintenance = true;
    cluster.options.limits.incoming_per_host = 1;
    const Plan plan = cluster.plan();
    // host3 will carry the four VMs of host2: 4 + 2.8 of 9 CPUs are too much.
    CHECK(plan.moves.size() == 4);
    CHECK_FALSE(finding_of(plan, "host1")->resolved_by_plan);
    cluster.host("host4");
    cluster.tick();
    const Plan wider = cluster.plan();
    REQUIRE(wider.moves.size() == 5);
    CHECK(wider.moves[0].trigger == Trigger::overload);
    CHECK(wider.moves[0].wave == 0);
}

TEST_CASE("A limit of zero keeps a host from being emptied, and says so") {
    Cluster cluster = leaving(1);
    cluster.options.limits.outgoing_per_host = 0;
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(has(plan.immovable, "v0", Reason::no_target));
    CHECK(has(plan.rejections, "v0", Reason::limit_outgoing));
}

TEST_CASE("Where no direct place is left a small VM makes room for a big one") {
    Cluster cluster = crowded();
    const Plan plan = cluster.plan();
    CHECK(Oracle(cluster).judge(plan).empty());
    REQUIRE(plan.moves.size() == 2);
    CHECK(plan.moves[0].vm.value == "id-small");
    CHECK(plan.moves[0].to.value == "host3");
    CHECK(plan.moves[0].wave == 0);
    CHECK(plan.moves[0].trigger == Trigger::maintenance);
    CHECK(plan.moves[0].reason ==
          "makes room on host2 for big that leaves host1 (maintenance); small (2 GiB, 0.10 CPU) goes to host3, then at "
          "50 % of its memory and 1.1 % of its usable CPU");
    CHECK(plan.moves[1].vm.value == "id-big");
    CHECK(plan.moves[1].to.value == "host2");
    CHECK(plan.moves[1].wave == 1);
    CHECK(plan.immovable.empty());
    CHECK(finding_of(plan, "host1")->resolved_by_plan);

    carry_out_first_wave(cluster);
    const Plan next = cluster.plan();
    REQUIRE(next.moves.size() == 1);
    CHECK(next.moves[0].vm.value == "id-big");
    CHECK(next.moves[0].to.value == "host2");
    CHECK(next.moves[0].wave == 0);
}

TEST_CASE("Nobody makes room where direct places suffice") {
    Cluster cluster = crowded();
    cluster.guest("big").facts.memory = gib(6);
    const Plan plan = cluster.plan();
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].vm.value == "id-big");
}

TEST_CASE("Who may not be moved for relief does not make room") {
    Cluster cluster = crowded();
    SECTION("opted out") {
        cluster.guest("small").facts.wishes.no_migrate = true;
    }
    SECTION("cooling") {
        cluster.moved("small", "host3", "host2", 10min);
    }
    SECTION("never measured") {
        cluster.guest("small").load.cpu_used_cores.reset();
        cluster.memory = {};
        cluster.tick();
    }
    SECTION("outside its window") {
        policy::Window window;
        window.name = "daytime";
        window.vms = {"small"};
        window.deny = {{}};
        window.zone.offsets = {{std::chrono::sys_seconds{}, std::chrono::hours{0}}};
        cluster.options.windows.push_back(window);
        cluster.inventory.wall_time = WallTime{std::chrono::hours{490000}};
    }
    const Plan plan = cluster.plan();
    CHECK(plan.moves.empty());
    CHECK(has(plan.immovable, "big", Reason::no_target));
}

TEST_CASE("Room is not made twice while who makes it is under way") {
    Cluster cluster = crowded();
    cluster.host("host4", 10, gib(8));
    cluster.vm("other", "host4", 0.1, gib(2));
    cluster.tick();
    CHECK(cluster.plan().moves.size() == 2);
    cluster.under_way("small", "host3");
    CHECK(cluster.plan().moves.empty());
}

TEST_CASE("Who needs the room waits when who makes it has to wait for a slot") {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name);
    for (const char* name : {"big", "early", "small"})
        cluster.vm(name, name == std::string("big") ? "host1" : "host2", 1);
    cluster.tick();
    const policy::Context context =
        policy::make_context(cluster.inventory, cluster.memory, cluster.options, cluster.now);
    cluster.options.limits.cluster = 1;
    policy::Draft early{{"id-early"}, {"host3"}, Trigger::overload, "", "", {}};
    policy::Draft small{{"id-small"}, {"host3"}, Trigger::maintenance, "", "", {}};
    policy::Draft big{{"id-big"}, {"host2"}, Trigger::maintenance, "", "", {}, 1};
    CHECK(policy::waves_of({early, small, big}, context) == std::vector<unsigned>{0, 1, 2});
    cluster.options.limits.cluster = 5;
    CHECK(policy::waves_of({early, small, big}, context) == std::vector<unsigned>{0, 0, 1});
}

TEST_CASE("Making room empties hosts more often than direct moves alone, ends, and never overcommits") {
    std::size_t emptied = 0, directly = 0, displaced = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const Cluster cluster = tight_cluster(seed);
        Cluster direct = cluster;
        for (auto& [id, vm] : direct.inventory.vms)
            if (!direct.inventory.hosts.at(vm.host).maintenance) vm.facts.wishes.no_migrate = true;
        const Emptying alone = empty_in_a_loop(direct, seed);
        const Emptying made = empty_in_a_loop(cluster, seed);
        INFO("seed " << seed);
        CHECK(alone.displaced == 0);
        CHECK(made.ended);
        // True of these seeds. In general one VM more may stay: a plan in several steps is sought anew after each.
        CHECK(made.left <= alone.left);
        if (alone.left == 0) CHECK(made.displaced == 0);
        emptied += made.left == 0 ? 1 : 0;
        directly += alone.left == 0 ? 1 : 0;
        displaced += made.displaced;
    }
    INFO(directly << " directly, " << emptied << " in all, with " << displaced << " displaced");
    CHECK(directly > 20);
    CHECK(emptied > directly + 20);
}
