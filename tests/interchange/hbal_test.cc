// hbal's text format. The scores are what hbal 3.0.2 printed for this cluster and these moves.
#include "interchange/hbal.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "policy/solver/dice.h"
#include "policy/solver/placement.h"

using namespace ballast;
using namespace ballast::interchange;
using policy::solver::Dice;
using policy::solver::Placement;
using policy::solver::Problem;

namespace {

const std::string mini = R"(default|11111111-1111-1111-1111-111111111111|preferred||

hostA|65536|2048|30720|1048576|1048576|16|N|11111111-1111-1111-1111-111111111111|1||N|0|0|1.0
hostB|65536|2048|59392|1048576|1048576|16|N|11111111-1111-1111-1111-111111111111|1||N|0|0|1.0
hostC|65536|2048|63488|1048576|1048576|16|N|11111111-1111-1111-1111-111111111111|1||N|0|0|1.0

vm1|16384|20480|4|running|Y|hostA||ext||1|-|N
vm2|8192|20480|2|running|Y|hostA||ext||1|-|N
vm3|8192|20480|2|running|Y|hostA||ext||1|-|N
vm4|4096|20480|1|running|Y|hostB||ext||1|-|N


|4096,2,20480,1,1,1|128,1,1024,1,1,1;65536,16,1048576,16,8,12|ext|4.0|32.0
default|4096,2,20480,1,1,1|128,1,1024,1,1,1;65536,16,1048576,16,8,12|ext|4.0|32.0
)";
const std::string mini_utilisation = R"(vm1 0.20 0.25 0.05 0.02
vm2 0.10 0.12 0.02 0.01
vm3 0.05 0.10 0.01 0.30
vm4 0.02 0.03 0.01 0.01
)";

std::string with(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

HbalCluster cluster_of(const std::string& data) {
    auto cluster = parse_hbal_cluster(data, "cluster.data");
    REQUIRE(cluster.has_value());
    REQUIRE(parse_hbal_utilisation(mini_utilisation, "util.txt", *cluster).has_value());
    return *cluster;
}

std::string refusal(const std::string& data) {
    const auto cluster = parse_hbal_cluster(data, "cluster.data");
    return cluster ? "accepted" : to_string(cluster.error());
}

std::string utilisation_refusal(const std::string& text) {
    auto cluster = parse_hbal_cluster(mini, "cluster.data");
    const auto read = parse_hbal_utilisation(text, "util.txt", *cluster);
    CHECK((read || cluster->instances[0].utilisation[0] == 1));
    return read ? "accepted" : to_string(read.error());
}

struct Step {
    std::size_t vm, host;
    double score;
};

// The scores hbal printed, at the start and after each of its moves.
void check_scores(const std::string& data, double start, const std::vector<Step>& steps) {
    const Problem problem = to_problem(cluster_of(data));
    Placement placement(problem);
    CHECK(placement.score() == Approx(start).epsilon(0).margin(6e-9));
    for (const Step& step : steps) {
        const auto vm = static_cast<policy::solver::VmIndex>(step.vm);
        const auto host = static_cast<policy::solver::HostIndex>(step.host);
        CHECK(placement.fits(vm, host));
        CHECK(placement.score_after(vm, host) == Approx(step.score).epsilon(0).margin(6e-9));
        placement.move(vm, host);
        CHECK(placement.score() == Approx(step.score).epsilon(0).margin(6e-9));
    }
}

}  // namespace

TEST_CASE("A cluster's figures are read") {
    const HbalCluster cluster = cluster_of(mini);
    REQUIRE(cluster.nodes.size() == 3);
    CHECK(cluster.nodes[1].name == "hostB");
    CHECK(cluster.nodes[1].free_memory_mib == 59392);
    CHECK(cluster.groups[0].vcpu_ratio == 4);
    REQUIRE(cluster.instances.size() == 4);
    CHECK(cluster.instances[3].node == 1);
    CHECK(cluster.instances[2].utilisation == std::array{0.05, 0.10, 0.01, 0.30});
}

TEST_CASE("The problem's score is what hbal prints, step by step") {
    check_scores(mini, 1.00905319, {{0, 2, 0.50550718}, {2, 1, 0.36997304}});
}

TEST_CASE("A VM that is down counts half in memory, as hbal has it") {
    check_scores(with(mini, "vm2|8192|20480|2|running", "vm2|8192|20480|2|ADMIN_down"), 1.03836214,
                 {{0, 2, 0.52552565}, {2, 1, 0.35918892}});
}

TEST_CASE("A VM that was taken offline counts no vCPUs") {
    check_scores(with(mini, "vm2|8192|20480|2|running", "vm2|8192|20480|2|ADMIN_offline"), 0.97996484,
                 {{0, 2, 0.51508850}, {1, 1, 0.40884350}});
}

TEST_CASE("A node's CPU speed counts") {
    const std::string fast =
        "hostB|65536|2048|59392|1048576|1048576|16|N|11111111-1111-1111-1111-111111111111|1||N|0|0|";
    check_scores(with(mini, fast + "1.0", fast + "2.0"), 1.01530675, {{0, 2, 0.52023857}, {2, 1, 0.38644972}});
}

TEST_CASE("VMs on an offline node cost 20 each, and nothing goes there") {
    const std::string node = "hostA|65536|2048|30720|1048576|1048576|16|";
    const std::string data = with(mini, node + "N", node + "Y");
    check_scores(data, 60.0975, {{1, 2, 40.1525}, {2, 1, 20.2325}, {0, 2, 0.5875}, {1, 1, 0.2325}});
    const Problem problem = to_problem(cluster_of(data));
    CHECK_FALSE(Placement(problem).fits(3, 0));
}

TEST_CASE("VMs that share an exclusion tag cost 2 each too many, and do not come together") {
    std::string data = with(mini, "hostA||ext||", "hostA||ext|a:x|");
    for (int i = 0; i < 2; ++i) data = with(data, "hostA||ext||", "hostA||ext|a:x|");
    data = with(data, "\n\n\n|4096", "\n\nhtools:iextags:a\n\n|4096");
    check_scores(data, 5.00905319, {{0, 2, 2.50550718}});
    const Problem problem = to_problem(cluster_of(data));
    Placement placement(problem);
    placement.move(0, 2);
    CHECK_FALSE(placement.fits(1, 2));
}

TEST_CASE("At least 1 MiB stays free on a node, as hbal has it") {
    const std::string data =
        "g|u|p||\n\nA|65536|2048|55296|1|1|16|N|u\nB|10240|2048|8192|1|1|16|N|u\n\n"
        "v|8192|1|1|running|Y|A||ext\n\n";
    for (const auto& [text, fits] :
         {std::pair(data, false), std::pair(with(data, "B|10240|2048|8192", "B|10241|2048|8193"), true)}) {
        const auto cluster = parse_hbal_cluster(text, "cluster.data");
        REQUIRE(cluster.has_value());
        const Problem problem = to_problem(*cluster);
        CHECK(Placement(problem).fits(0, 1) == fits);
    }
}

TEST_CASE("VMs that hbal cannot move live, or must leave alone, stay") {
    for (const auto& [from, to, moves] : {std::tuple("ext", "ext", true), std::tuple("ext", "rbd", true),
                                          std::tuple("ext", "plain", false), std::tuple("ext", "diskless", false)})
        CHECK(to_problem(cluster_of(with(mini, from, to))).vms[0].movable == moves);
    CHECK_FALSE(to_problem(cluster_of(with(mini, "running|Y|", "running|N|"))).vms[0].movable);
}

TEST_CASE("What is wrong in a cluster's text is named with file, line and column") {
    const std::vector<std::tuple<std::string, std::string, std::string>> table = {
        {"16384|20480|4", "16384|nan|4", "cluster.data:7:11: disk: a whole number is needed here"},
        {"16384|20480|4", "-1|20480|4", "cluster.data:7:5: memory must be 0 to 1073741824"},
        {"16384|20480|4", "99999999999999999999|20480|4", "cluster.data:7:5: memory: a whole number is needed here"},
        {"16384|20480|4", "|20480|4", "cluster.data:7:5: memory: a whole number is needed here"},
        {"0|1.0\n", "0|nan\n", "cluster.data:3:91: CPU speed: not a number"},
        {"0|1.0\n", "0|0\n", "cluster.data:3:91: CPU speed must not be 0"},
        {"|16|N|", "|0|N|", "cluster.data:3:40: CPUs must be 1 to 65536"},
        {"|16|N|", "|16|?|", "cluster.data:3:43: offline must be Y, N, or M for the master"},
        {"vm2|", "vm1|", "cluster.data:8:1: 'vm1' is there twice"},
        {"Y|hostB|", "Y|hostX|", "cluster.data:10:28: unknown node 'hostX'"},
        {"vm4|4096|20480|1|running|Y|hostB||ext||1|-|N", "vm4|4096",
         "cluster.data:10:9: an instance has at least 9 fields, this one 2"},
        {"ext|4.0|32", "ext|-4|32", "cluster.data:13:67: vCPU ratio is negative or absurdly large"},
        {"|N|11111111-1111-1111-1111-111111111111", "|N|2", "cluster.data:3:45: unknown group '2'"},
    };
    for (const auto& [from, to, message] : table) CHECK(refusal(with(mini, from, to)) == message);
    CHECK(refusal("") == "cluster.data:1:1: groups, nodes and instances are needed, each closed by an empty line");
}

TEST_CASE("What is wrong in a utilisation's text is named with file, line and column") {
    CHECK(utilisation_refusal("vm1 0.1 0.2 0.3 0.4\nother 1 1 1 1\n") == "accepted");
    CHECK(utilisation_refusal("vm1 0.1 nan 0.3 0.4\n") == "util.txt:1:9: utilisation: not a number");
    CHECK(utilisation_refusal("vm2 1 1 1 1\nvm1 0.1 0.2 -3 0.4\n") ==
          "util.txt:2:13: utilisation is negative or absurdly large");
    CHECK(utilisation_refusal("vm1 0.1 0.2 1e300 0.4\n") == "util.txt:1:13: utilisation is negative or absurdly large");
    CHECK(utilisation_refusal("vm1 0.1 0.2  0.3 0.4\n") ==
          "util.txt:1:18: a line is: instance cpu memory disk network, single spaces between");
}

TEST_CASE("Damaged text is refused or makes a sane problem, never anything worse") {
    const std::string alphabet = "0123456789|-.NYe \n,:xinfa\r\xff";
    std::size_t accepted = 0;
    for (std::uint64_t seed = 0; seed < 5000; ++seed) {
        Dice dice(seed);
        std::string data = mini, utilisation = mini_utilisation;
        for (std::size_t i = dice.below(4) + 1; i > 0; --i) {
            std::string& text = dice.chance(0.7) ? data : utilisation;
            const auto at = dice.below(text.size());
            if (dice.chance(0.3))
                text.erase(at, dice.below(12) + 1);
            else
                text[at] = alphabet[dice.below(alphabet.size())];
        }
        auto cluster = parse_hbal_cluster(data, "cluster.data");
        if (!cluster || !parse_hbal_utilisation(utilisation, "util.txt", *cluster)) continue;
        ++accepted;
        const Problem problem = to_problem(*cluster);
        const Placement placement(problem);
        if (!std::isfinite(placement.score()) || placement.score() < 0) FAIL_CHECK("seed " << seed);
    }
    CHECK(accepted > 500);
    CHECK(accepted < 4500);
}
