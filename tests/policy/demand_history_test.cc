#include "policy/demand_history.h"

#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;
using policy::DemandHistory;

namespace {
using Means = std::vector<std::optional<double>>;

Instant minute(int count) {
    return Instant{} + count * 1min;
}
DemandHistory of(const std::vector<std::pair<int, double>>& samples) {
    DemandHistory history;
    for (const auto& [at, cores] : samples) policy::remember_demand(history, cores, minute(at));
    return history;
}
}  // namespace

TEST_CASE("Demand is remembered as means of five-minute slots") {
    const auto history = of({{1, 1}, {3, 2}, {5, 3}, {6, 8}, {10, 9}, {11, 0}});
    CHECK(history.means == Means{2, 8.5});
    CHECK(history.slot == minute(10));
    CHECK(policy::known_means(history) == std::vector<double>{2, 8.5});
}

TEST_CASE("A slot without a sample is missing, not zero") {
    const auto history = of({{1, 1}, {17, 0}, {21, 4}});
    CHECK(history.means == Means{1, {}, {}, 0});
    CHECK(policy::known_means(history) == std::vector<double>{1, 0});
}

TEST_CASE("Two hours are remembered, whatever gaps they have") {
    DemandHistory history;
    for (int at = 5; at <= 600; at += 5) policy::remember_demand(history, at, minute(at));
    CHECK(history.means.size() == policy::demand_slots);
    CHECK(history.means.front() == 480);
    CHECK(history.means.back() == 595);
    policy::remember_demand(history, 1, minute(100000));
    CHECK(history.means == Means(policy::demand_slots));
    CHECK(policy::known_means(history).empty());
}

TEST_CASE("Samples from before the slot that fills now change nothing") {
    auto history = of({{1, 1}, {7, 2}});
    policy::remember_demand(history, 50, minute(2));
    CHECK(history.means == Means{1});
    CHECK(history.sum_cores == 2);
}

TEST_CASE("Instants before the clock's origin have slots like all others") {
    const auto history = of({{-11, 1}, {-10, 3}, {-9, 5}, {0, 7}, {1, 9}});
    CHECK(history.means == Means{2, 5, 7});
    CHECK(history.slot == minute(0));
}

TEST_CASE("Observing fills the history from samples, each once, and leaves out what was not measured") {
    Cluster cluster;
    cluster.host("host1");
    cluster.vm("a", "host1", 1);
    cluster.now = Instant{} + 24h;
    for (int i = 0; i < 30; ++i) cluster.tick();  // five minutes
    cluster.observe();
    cluster.guest("a").load.cpu_used_cores.reset();
    for (int i = 0; i < 30; ++i) cluster.tick();
    cluster.guest("a").load.cpu_used_cores = 3;
    for (int i = 0; i < 31; ++i) cluster.tick();
    const auto& history = cluster.memory.vms.at({"id-a"}).history;
    CHECK(history.means == Means{1, {}, 3});
    CHECK(history.samples == 1);
}
