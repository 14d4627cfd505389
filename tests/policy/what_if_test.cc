// Suppositions: which words mean what, and what becomes of the cluster.
#include "policy/what_if.h"

#include <algorithm>

#include "tests/policy/cluster_builder.h"
#include "tests/policy/random_cluster.h"

using namespace ballast;
using namespace ballast::test;
using Kind = policy::Supposition::Kind;

namespace {

policy::Hypothesis supposing(const Cluster& cluster, const std::string& text) {
    const auto parsed = policy::parse_what_if(text);
    REQUIRE(parsed.has_value());
    auto supposed = policy::suppose(*parsed, cluster.inventory, cluster.memory, cluster.options, cluster.now);
    REQUIRE(supposed.has_value());
    return std::move(*supposed);
}

Plan plan_of(const Cluster& cluster, const policy::Hypothesis& supposed) {
    return policy::plan(supposed.inventory, supposed.memory, cluster.options, cluster.now);
}

Cluster three_hosts() {
    Cluster cluster;
    for (const char* name : {"h1", "h2", "h3"}) cluster.host(name, 10, gib(32));
    cluster.vm("a", "h1", 1, gib(8));
    cluster.vm("b", "h2", 1, gib(8));
    cluster.vm("c", "h2", 1, gib(4));
    cluster.persist(1min);
    return cluster;
}

}  // namespace

TEST_CASE("Every supposition is understood, alone and joined by semicolons") {
    const auto all = policy::parse_what_if(
        " maintenance h1 ;lose h2; add-host 32cpu,256GiB;add-host big 1.5cpu,512MiB ; remove-host h3;");
    REQUIRE(all.has_value());
    REQUIRE(all->size() == 5);
    CHECK((*all)[0].kind == Kind::maintenance);
    CHECK((*all)[1].host == HostId{"h2"});
    CHECK((*all)[2].cpus == 32);
    CHECK((*all)[2].memory == gib(256));
    CHECK((*all)[3].host == HostId{"big"});
    CHECK((*all)[3].memory == mib(512));
    CHECK((*all)[4].kind == Kind::remove_host);
}

TEST_CASE("A supposition that is wrong names the word that is") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"maintainance h1", "maintainance"},
        {"lose", "lose"},
        {"lose h1 h2", "h2"},
        {"add-host", "add-host"},
        {"add-host 32", "32"},
        {"add-host 32cpus,256GiB", "32cpus"},
        {"add-host 32cpu,256GB", "256GB"},
        {"add-host 0cpu,1GiB", "0cpu"},
        {"add-host 1e9cpu,1GiB", "1e9cpu"},
        {"add-host nancpu,1GiB", "nancpu"},
        {"add-host 4cpu,-1GiB", "-1GiB"},
        {"add-host a b 4cpu,1GiB", "4cpu,1GiB"},
        {"lose h1; drop h2", "drop"},
        {"", ""},
        {" ; ", " ; "},
    };
    for (const auto& [text, word] : cases) {
        INFO(text);
        const auto parsed = policy::parse_what_if(text);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().subject == word);
        CHECK(parsed.error().code == ErrorCode::invalid);
    }
    std::string many;
    for (int i = 0; i < 17; ++i) many += "lose h1;";
    CHECK_FALSE(policy::parse_what_if(many).has_value());
}

TEST_CASE("A host that does not exist, and one that does already, are told by name") {
    const Cluster cluster = three_hosts();
    const auto error = [&](const std::string& text) {
        const auto supposed = policy::suppose(*policy::parse_what_if(text), cluster.inventory, cluster.memory,
                                              cluster.options, cluster.now);
        REQUIRE_FALSE(supposed.has_value());
        return supposed.error();
    };
    CHECK(error("lose h9") == Error{ErrorCode::not_found, "h9", "there is no such host"});
    CHECK(error("add-host h1 4cpu,1GiB").code == ErrorCode::conflict);
}

TEST_CASE("A supposed maintenance is planned like a real one") {
    Cluster cluster = three_hosts();
    const Plan supposed = plan_of(cluster, supposing(cluster, "maintenance h2"));
    cluster.at("h2").maintenance = true;
    const Plan real = cluster.plan();
    REQUIRE(supposed.moves.size() == 2);
    CHECK(supposed.moves.front().reason == real.moves.front().reason);
    CHECK(plan_of(three_hosts(), supposing(three_hosts(), "remove-host h2")).moves.size() == 2);
}

TEST_CASE("A lost host's VMs are started where there is room, and the others are named") {
    Cluster cluster = three_hosts();
    cluster.guest("c").facts.blockers = {{Reason::host_device, "gpu"}};
    const auto supposed = supposing(cluster, "lose h2");
    REQUIRE(supposed.loss.restarts.size() == 1);
    CHECK(supposed.loss.restarts[0].vm == VmId{"id-b"});
    CHECK(supposed.loss.restarts[0].from == HostId{"h2"});
    CHECK(supposed.inventory.vms.at({"id-b"}).host == supposed.loss.restarts[0].to);
    REQUIRE(supposed.loss.stranded.size() == 1);
    CHECK(supposed.loss.stranded[0].vm == VmId{"id-c"});
    CHECK(supposed.loss.stranded[0].reason == Reason::host_device);
    CHECK_FALSE(supposed.inventory.vms.contains({"id-c"}));
    CHECK_FALSE(supposed.inventory.hosts.contains({"h2"}));
}

TEST_CASE("What only forbids a live move does not forbid a restart") {
    Cluster cluster = three_hosts();
    cluster.guest("b").facts.wishes.no_migrate = true;
    cluster.guest("b").facts.blockers = {{Reason::block_job, "vda"}};
    cluster.guest("b").facts.requirements.cpu.mode = CpuRequirement::Mode::host_passthrough;
    cluster.guest("c").state = VmState::paused;
    cluster.options.rules.push_back({policy::Rule::Kind::never_move, "stay", {"*"}, {}, ""});
    cluster.at("h1").facts.cpu_by_virt_type["kvm"].host_model = "AMD EPYC";
    cluster.at("h2").connection = Connection::down;
    CHECK(supposing(cluster, "lose h2").loss.absorbed());
}

TEST_CASE("Two hosts lost together leave room for the VMs of both only once") {
    Cluster cluster = three_hosts();
    cluster.guest("a").facts.memory = cluster.guest("b").facts.memory = gib(20);
    CHECK(supposing(cluster, "lose h1").loss.absorbed());
    const auto both = supposing(cluster, "lose h1; lose h2");
    CHECK_FALSE(both.loss.absorbed());
    CHECK(both.inventory.hosts.size() == 1);
}

TEST_CASE("An added host takes VMs that found no place before") {
    Cluster cluster;
    cluster.host("h1", 10, gib(32));
    cluster.vm("a", "h1", 2, gib(8));
    cluster.persist(1min);
    CHECK(plan_of(cluster, supposing(cluster, "maintenance h1")).immovable.size() == 1);
    const Plan plan = plan_of(cluster, supposing(cluster, "maintenance h1; add-host 16cpu,64GiB"));
    REQUIRE(plan.moves.size() == 1);
    CHECK(plan.moves[0].to == HostId{"new-host-1"});
}

TEST_CASE("A supposition leaves the real cluster alone, and what is lost fits where it is started") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        INFO("seed " << seed);
        const Cluster cluster = random_cluster(seed);
        const auto before = cluster.inventory.vms.size();
        const HostId lost = cluster.inventory.hosts.begin()->first;
        const auto supposed = supposing(cluster, "lose " + lost.value);
        CHECK(cluster.inventory.vms.size() == before);
        std::size_t there = 0;
        for (const auto& [id, vm] : cluster.inventory.vms) there += vm.host == lost && policy::occupies_host(vm);
        std::set<VmId> stranded;
        for (const Rejection& rejection : supposed.loss.stranded) stranded.insert(rejection.vm);
        CHECK(supposed.loss.restarts.size() + stranded.size() == there);
        for (const policy::Restart& restart : supposed.loss.restarts) {
            const Host& target = cluster.inventory.hosts.at(restart.to);
            CHECK(target.accepts_vms);
            CHECK_FALSE(target.maintenance);
            Bytes used;
            for (const auto& [id, vm] : supposed.inventory.vms)
                if (vm.host == restart.to && policy::occupies_host(vm)) used += policy::memory_bound(vm);
            CHECK(used <= target.facts.memory_total);
        }
    }
}
