// What is planned when hosts are lost: who is started where, in which order, and what the other planners make of it.
#include "policy/restart.h"

#include <set>

#include "tests/policy/oracle.h"
#include "tests/policy/plan_text.h"
#include "tests/policy/random_rules.h"

using namespace ballast;
using namespace ballast::test;

namespace {

void lose(Cluster& cluster, const std::string& host) {
    cluster.at(host).lost = true;
    cluster.at(host).connection = Connection::down;
}

const Restart* restart_of(const Plan& plan, const std::string& name) {
    for (const Restart& restart : plan.restarts)
        if (restart.vm.value == "id-" + name) return &restart;
    return nullptr;
}

// The cluster once the plan's restarts are done.
Cluster restarted(Cluster cluster, const Plan& plan) {
    for (const Restart& restart : plan.restarts) cluster.inventory.vms.at(restart.vm).host = restart.to;
    std::erase_if(cluster.inventory.vms,
                  [&](const auto& entry) { return cluster.inventory.hosts.at(entry.second.host).lost; });
    std::erase_if(cluster.inventory.hosts, [](const auto& entry) { return entry.second.lost; });
    return cluster;
}

double promised_gib(const Cluster& cluster, const HostId& host) {
    double sum = 0;
    for (const auto& [id, vm] : cluster.inventory.vms)
        if (vm.host == host && vm.state != VmState::shut_off) sum += policy::ordinary_memory(vm).gib();
    return sum;
}

}  // namespace

TEST_CASE("The VMs of a lost host are started where there is room, and nothing of it is moved") {
    Cluster cluster = small_cluster();
    lose(cluster, "h2");
    const Plan plan = cluster.plan();
    REQUIRE(plan.restarts.size() == 2);
    CHECK(plan.moves.empty());
    CHECK(plan.restarts[0].vm.value == "id-b");
    CHECK(plan.restarts[0].from.value == "h2");
    CHECK(plan.restarts[0].to.value == "h3");
    CHECK(plan.restarts[0].reason ==
          "h2 is lost; b (8 GiB, 1.00 CPU) is started on h3, then at 25 % of its memory and 11 % of its usable CPU");
    CHECK(finding_of(plan, "h2")->text == "h2 is lost: 2 VMs ran on it, all of which can be started elsewhere");
    CHECK(finding_of(plan, "h2")->trigger == Trigger::host_loss);
    CHECK(finding_of(plan, "h2")->resolved_by_plan);
    CHECK(plan.hosts.at({"h2"}).state == "lost");
}

TEST_CASE("What became of a lost host's VMs is told until it is back") {
    Cluster cluster = small_cluster();
    lose(cluster, "h2");
    cluster.at("h2").power_since = cluster.now - 10s;
    auto& past = cluster.inventory.past_moves;
    past.push_back({{"id-old"}, {"h2"}, {"h1"}, cluster.now - 1min});  // before
    past.push_back({{"id-b"}, {"h2"}, {"h3"}, cluster.now - 5s});
    cluster.guest("b").host = {"h3"};
    CHECK(finding_of(cluster.plan(), "h2")->text ==
          "h2 is lost: 1 VM of it is down, which can be started elsewhere; 1 VM of it was started elsewhere");
    past.push_back({{"id-c"}, {"h2"}, {"h3"}, cluster.now - 2s});
    cluster.guest("c").host = {"h3"};
    CHECK(finding_of(cluster.plan(), "h2")->text == "h2 is lost; 2 VMs of it were started elsewhere");
    past.pop_back();
    cluster.guest("c").start_after = {"h2"};
    CHECK(finding_of(cluster.plan(), "h2")->text ==
          "h2 is lost; 1 VM of it is being started elsewhere; 1 VM of it was started elsewhere");
    past.clear();
    cluster.guest("c").start_after.reset();
    CHECK(finding_of(cluster.plan(), "h2")->text == "h2 is lost; no VM of it is left to be started elsewhere");
}

TEST_CASE("A host that only does not answer has no VM started elsewhere") {
    Cluster cluster = small_cluster();
    cluster.at("h2").connection = Connection::down;
    CHECK(cluster.plan().restarts.empty());
}

TEST_CASE("VMs that can be started nowhere are named with their reasons") {
    Cluster cluster = small_cluster();
    cluster.guest("b").facts.requirements.files.insert("/var/lib/local.img");
    cluster.guest("c").facts.memory = gib(40);
    lose(cluster, "h2");
    const Plan plan = cluster.plan();
    CHECK(plan.restarts.empty());
    CHECK(has(plan.immovable, "b", Reason::local_storage));
    CHECK(has(plan.immovable, "c", Reason::no_target));
    CHECK(has(plan.rejections, "c", Reason::memory));
    CHECK_FALSE(finding_of(plan, "h2")->resolved_by_plan);
}

TEST_CASE("Pins and anti-affinity hold for restarts") {
    Cluster cluster = small_cluster();
    cluster.guest("a").facts.wishes.keep_apart = cluster.guest("b").facts.wishes.keep_apart = {"g"};
    cluster.guest("c").facts.wishes.only_on = {{"h1"}, {"h2"}};
    lose(cluster, "h2");
    const Plan plan = cluster.plan();
    CHECK(restart_of(plan, "b")->to.value == "h3");
    CHECK(restart_of(plan, "c")->to.value == "h1");
}

TEST_CASE("What only forbids a live move does not forbid a restart, nor does a window") {
    Cluster cluster = small_cluster();
    cluster.guest("b").facts.wishes.no_migrate = true;
    cluster.guest("b").facts.blockers = {{Reason::block_job, "vda"}, {Reason::snapshots, "2 snapshots"}};
    cluster.guest("b").facts.requirements.cpu.mode = CpuRequirement::Mode::host_passthrough;
    cluster.guest("c").state = VmState::paused;
    cluster.options.rules.push_back({policy::Rule::Kind::never_move, "stay", {"*"}, {}, ""});
    policy::Window window;
    window.name = "never now";
    window.vms = {"*"};
    window.maintenance = true;
    cluster.options.windows.push_back(window);
    cluster.at("h1").facts.cpu_by_virt_type["kvm"].host_model = "AMD EPYC";
    lose(cluster, "h2");
    CHECK(cluster.plan().restarts.size() == 2);
}

TEST_CASE("Where not all can be started the higher wished priority is, and it is started first") {
    Cluster cluster;
    for (const char* name : {"h1", "h2"}) cluster.host(name, 10, gib(16));
    cluster.vm("big", "h2", 1, gib(12));
    cluster.vm("small", "h2", 1, gib(2));
    cluster.vm("important", "h2", 1, gib(6)).facts.wishes.priority = 5;
    cluster.persist(1min);
    lose(cluster, "h2");
    const Plan plan = cluster.plan();
    REQUIRE(plan.restarts.size() == 2);
    CHECK(plan.restarts[0].vm.value == "id-important");
    CHECK(plan.restarts[0].wave == 0);
    CHECK(plan.restarts[1].vm.value == "id-small");
    CHECK(plan.restarts[1].wave == 1);
    CHECK(has(plan.immovable, "big", Reason::no_target));
}

TEST_CASE("One that is important is not left out so that two others can be started") {
    Cluster cluster;
    for (const char* name : {"h1", "h2"}) cluster.host(name, 10, gib(16));
    cluster.vm("important", "h2", 1, gib(4)).facts.wishes.priority = 1;
    cluster.vm("x", "h2", 1, gib(6));
    cluster.vm("y", "h2", 1, gib(6));
    cluster.vm("there", "h1", 1, gib(3));
    cluster.persist(1min);
    lose(cluster, "h2");
    CHECK(restart_of(cluster.plan(), "important") != nullptr);
}

TEST_CASE("Room that restarts take is not given to evacuations as well, and balance waits") {
    Cluster cluster = small_cluster();
    cluster.at("h1").maintenance = true;
    cluster.guest("a").facts.memory = cluster.guest("b").facts.memory = gib(20);
    lose(cluster, "h2");
    const Plan plan = cluster.plan();
    CHECK(restart_of(plan, "b")->to.value == "h3");
    CHECK(plan.moves.empty());
    CHECK(has(plan.immovable, "a", Reason::no_target));
}

TEST_CASE("A migration that left the lost host is over, one that was to arrive there is left to its source") {
    Cluster cluster = small_cluster();
    cluster.under_way("b", "h3");
    cluster.under_way("a", "h2");
    lose(cluster, "h2");
    const Plan plan = cluster.plan();
    CHECK(restart_of(plan, "b") != nullptr);
    CHECK(restart_of(plan, "a") == nullptr);
    CHECK(plan.moves.empty());
}

TEST_CASE("Restarts never overcommit a host nor break a rule, tell of everybody, and depend on no order") {
    std::size_t restarts = 0, nowhere = 0;
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        Cluster cluster = seed % 2 == 0 ? random_cluster(seed) : random_rules(seed);
        const HostId lost = cluster.inventory.hosts.begin()->first;
        lose(cluster, lost.value);
        const Plan plan = cluster.plan();
        std::set<VmId> told;
        for (const Restart& restart : plan.restarts) {
            ++restarts;
            CHECK(restart.from == lost);
            if (!told.insert(restart.vm).second) FAIL_CHECK("seed " << seed << ": twice");
            const Host& to = cluster.inventory.hosts.at(restart.to);
            if (!to.accepts_vms || to.maintenance || to.lost || to.stale || to.connection != Connection::up)
                FAIL_CHECK("seed " << seed << ": to " << to.id.value);
            const auto& pins = cluster.inventory.vms.at(restart.vm).facts.wishes.only_on;
            if (!pins.empty() && std::find(pins.begin(), pins.end(), to.id) == pins.end())
                FAIL_CHECK("seed " << seed << ": pinned");
        }
        for (const Rejection& rejection : plan.immovable)
            if (cluster.inventory.vms.at(rejection.vm).host == lost) told.insert(rejection.vm), ++nowhere;
        for (const auto& [id, vm] : cluster.inventory.vms)
            if (vm.host == lost && policy::occupies_host(vm) != told.contains(id))
                FAIL_CHECK("seed " << seed << ": " << id.value);
        for (const Move& move : plan.moves)
            if (move.from == lost || move.to == lost) FAIL_CHECK("seed " << seed << ": " << move.reason);
        const Cluster then = restarted(cluster, plan);
        const double overcommit = cluster.options.overcommit.memory;
        for (const Restart& restart : plan.restarts) {
            const double total = then.inventory.hosts.at(restart.to).facts.memory_total.gib();
            if (promised_gib(then, restart.to) > total * overcommit + 1e-9)
                FAIL_CHECK("seed " << seed << ": " << restart.to.value << " is overcommitted");
            for (const auto& [id, vm] : then.inventory.vms)
                for (const std::string& group : vm.facts.wishes.keep_apart)
                    if (id != restart.vm && vm.host == restart.to && vm.state != VmState::shut_off) {
                        const auto& own = then.inventory.vms.at(restart.vm).facts.wishes.keep_apart;
                        if (std::find(own.begin(), own.end(), group) != own.end())
                            FAIL_CHECK("seed " << seed << ": " << id.value << " and " << restart.vm.value);
                    }
        }
        if (text_of(plan) != text_of(cluster.plan())) FAIL_CHECK("seed " << seed << ": differs");
    }
    CHECK(restarts > 300);
    CHECK(nowhere > 50);
}

TEST_CASE("The moves planned beside restarts are sound on the cluster with them done") {
    std::size_t moves = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        Cluster cluster = random_cluster(seed);
        lose(cluster, cluster.inventory.hosts.begin()->first.value);
        const Plan plan = cluster.plan();
        Cluster then = restarted(cluster, plan);
        std::erase_if(then.inventory.in_flight, [&](const InFlight& move) {
            return !then.inventory.hosts.contains(move.from) || !then.inventory.hosts.contains(move.to);
        });
        for (const std::string& complaint : Oracle(then).judge(plan)) FAIL_CHECK("seed " << seed << ": " << complaint);
        moves += plan.moves.size();
    }
    CHECK(moves > 40);
}
