// Suppositions: which words mean what, and what becomes of the cluster.
#include "policy/what_if.h"

#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;
using Kind = policy::Supposition::Kind;

namespace {

policy::Hypothesis supposing(const Cluster& cluster, const std::string& text) {
    const auto parsed = policy::parse_what_if(text);
    REQUIRE(parsed.has_value());
    auto supposed = policy::suppose(*parsed, cluster.inventory, cluster.memory, cluster.now);
    REQUIRE(supposed.has_value());
    return std::move(*supposed);
}

Plan plan_of(const Cluster& cluster, const policy::Hypothesis& supposed) {
    return policy::plan(supposed.inventory, supposed.memory, cluster.options, cluster.now);
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
    const Cluster cluster = small_cluster();
    const auto error = [&](const std::string& text) {
        const auto supposed =
            policy::suppose(*policy::parse_what_if(text), cluster.inventory, cluster.memory, cluster.now);
        REQUIRE_FALSE(supposed.has_value());
        return supposed.error();
    };
    CHECK(error("lose h9") == Error{ErrorCode::not_found, "h9", "there is no such host"});
    CHECK(error("add-host h1 4cpu,1GiB").code == ErrorCode::conflict);
}

TEST_CASE("A supposed maintenance is planned like a real one") {
    Cluster cluster = small_cluster();
    const Plan supposed = plan_of(cluster, supposing(cluster, "maintenance h2"));
    cluster.at("h2").maintenance = true;
    const Plan real = cluster.plan();
    REQUIRE(supposed.moves.size() == 2);
    CHECK(supposed.moves.front().reason == real.moves.front().reason);
    CHECK(plan_of(small_cluster(), supposing(small_cluster(), "remove-host h2")).moves.size() == 2);
}

TEST_CASE("A supposed loss is planned like a real one") {
    Cluster cluster = small_cluster();
    cluster.guest("c").facts.blockers = {{Reason::host_device, "gpu"}};
    const auto supposed = supposing(cluster, "lose h2");
    CHECK(supposed.assumptions == std::vector<std::string>{"h2 is lost with everything that runs on it"});
    const Plan plan = plan_of(cluster, supposed);
    REQUIRE(plan.restarts.size() == 1);
    CHECK(plan.restarts[0].vm == VmId{"id-b"});
    CHECK(plan.restarts[0].from == HostId{"h2"});
    CHECK(has(plan.immovable, "c", Reason::host_device));
    cluster.at("h2").lost = true;
    cluster.at("h2").connection = Connection::down;
    CHECK(cluster.plan().restarts[0].reason == plan.restarts[0].reason);
}

TEST_CASE("Who left a host before its supposed loss was not started elsewhere for it") {
    Cluster cluster = small_cluster();
    cluster.at("h2").power_since = cluster.now - 1h;
    cluster.moved("a", "h2", "h1", 10min);
    const Plan plan = plan_of(cluster, supposing(cluster, "lose h2"));
    REQUIRE(plan.restarts.size() == 2);
    const auto is_of_h2 = [](const Finding& finding) { return finding.host == HostId{"h2"}; };
    const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), is_of_h2);
    REQUIRE(found != plan.findings.end());
    CHECK(found->text.find("were started elsewhere") == std::string::npos);
    CHECK(found->text.find("was started elsewhere") == std::string::npos);
}

TEST_CASE("Two hosts lost together leave room for the VMs of both only once") {
    Cluster cluster = small_cluster();
    cluster.guest("a").facts.memory = cluster.guest("b").facts.memory = gib(20);
    CHECK(plan_of(cluster, supposing(cluster, "lose h1")).immovable.empty());
    const Plan both = plan_of(cluster, supposing(cluster, "lose h1; lose h2"));
    CHECK(both.immovable.size() == 1);
    CHECK(both.restarts.size() == 2);
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

TEST_CASE("A supposition leaves the real cluster alone") {
    const Cluster cluster = small_cluster();
    supposing(cluster, "lose h2; maintenance h1");
    CHECK_FALSE(cluster.inventory.hosts.at({"h2"}).lost);
    CHECK_FALSE(cluster.inventory.hosts.at({"h1"}).maintenance);
}
