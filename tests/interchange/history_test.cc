// The history: what is written comes back, and what is damaged ends it without harm.
#include "interchange/history.h"

#include "interchange/policy_trial.h"
#include "tests/interchange/samples.h"

using namespace ballast;
using namespace ballast::interchange;
using namespace ballast::test;

namespace {

Snapshot look_at(const Cluster& cluster) {
    Snapshot look{WallTime(cluster.now.time_since_epoch()), cluster.inventory, cluster.options};
    look.inventory.in_flight.clear();
    look.inventory.past_moves.clear();
    look.inventory.homes.clear();
    return look;
}

std::vector<Snapshot> read_all(const std::string& text, std::string* problem = nullptr) {
    std::vector<Snapshot> all;
    const auto read = read_history(text, [&](const Snapshot& one) { all.push_back(one); });
    CHECK(read.snapshots == all.size());
    if (problem) *problem = read.problem;
    return all;
}

// Everything but figures, as a text.
std::string shape_of(const Snapshot& look) {
    Record record;
    record.inventory = look.inventory;
    record.options = look.options;
    for (auto& [id, host] : record.inventory.hosts)
        host.load = {}, host.stale = true, host.problem.clear(), host.sampled_at.reset();
    for (auto& [id, vm] : record.inventory.vms) vm.load = {}, vm.started_at.reset();
    return to_text(record);
}

// Two hosts, one of them too busy from the beginning, a third without VMs: a minute a look.
std::string busy_history(int minutes, bool somebody_moves = false) {
    Cluster cluster;
    for (const char* name : {"h1", "h2", "h3"}) cluster.host(name);
    for (const char* name : {"a", "b", "c", "d"}) cluster.vm(name, "h1", 2.1);
    cluster.vm("e", "h2", 0.5);
    HistoryWriter writer;
    std::string text;
    for (int i = 0; i < minutes; ++i) {
        if (somebody_moves && i == 5) cluster.guest("a").host = {"h2"};
        cluster.tick(1min);
        text += writer.line(look_at(cluster));
    }
    return text;
}

}  // namespace

TEST_CASE("Each look comes back with its hosts, VMs, placements, options and rounded figures") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        INFO("seed " << seed);
        Cluster cluster = random_cluster(seed);
        Dice dice(seed);
        HistoryWriter writer;
        std::string text;
        std::vector<Snapshot> written;
        for (int i = 0; i < 6; ++i) {
            cluster.tick(1min);
            if (i == 2) cluster.vm("late", "host0", 1.25);
            if (i == 3) cluster.inventory.vms.erase(cluster.inventory.vms.begin());
            if (i == 4) cluster.inventory.vms.begin()->second.host = {"host1"};
            if (i == 5) cluster.options.overload.cpu.above = 0.7;
            written.push_back(look_at(cluster));
            text += writer.line(written.back());
        }
        const auto read = read_all(text);
        REQUIRE(read.size() == written.size());
        for (std::size_t i = 0; i < read.size(); ++i) {
            CHECK(shape_of(read[i]) == shape_of(written[i]));
            CHECK(read[i].at == written[i].at);
            for (const auto& [id, vm] : written[i].inventory.vms) {
                const auto& load = read[i].inventory.vms.at(id).load;
                REQUIRE(load.cpu_used_cores.has_value() == vm.load.cpu_used_cores.has_value());
                if (load.cpu_used_cores) CHECK(*load.cpu_used_cores == Approx(*vm.load.cpu_used_cores).margin(0.001));
            }
        }
    }
}

TEST_CASE("A look in which little changed is short") {
    Cluster cluster;
    for (int h = 0; h < 4; ++h) cluster.host("h" + std::to_string(h));
    for (int v = 0; v < 40; ++v) cluster.vm("v" + std::to_string(v), "h" + std::to_string(v % 4), 0.123);
    HistoryWriter writer;
    const auto whole = writer.line(look_at(cluster)).size();
    cluster.tick(1min);
    const auto next = writer.line(look_at(cluster)).size();
    CHECK(next < 2000);
    CHECK(next < whole / 10);
}

TEST_CASE("A torn tail costs the torn line only, and a flipped bit what follows it in the file") {
    const std::string text = busy_history(10);
    for (std::size_t cut = 1; cut < 300; cut += 7) {
        std::string problem;
        CHECK(read_all(text.substr(0, text.size() - cut), &problem).size() == 9);
        CHECK_FALSE(problem.empty());
    }
    std::string flipped = text;
    flipped[text.size() / 2] ^= 1;
    std::string problem;
    const auto read = read_all(flipped, &problem);
    CHECK(read.size() < 10);
    CHECK(problem.find("checksum") != std::string::npos);
}

TEST_CASE("A history that was damaged anywhere is read without harm") {
    const std::string text = busy_history(5);
    Dice dice(7);
    for (int i = 0; i < 2000; ++i) {
        std::string damaged = text;
        for (unsigned edits = dice.between(1, 4); edits > 0; --edits) {
            const auto at = dice.below(static_cast<unsigned>(damaged.size()));
            if (dice.one_in(2))
                damaged[at] = static_cast<char>(dice.below(256));
            else
                damaged.erase(at, dice.below(50));
        }
        CHECK(read_all(damaged).size() <= 5);
    }
}

TEST_CASE("A policy that would have relieved a host is seen to, beside a history in which nobody did") {
    policy::Options options;
    PolicyTrial trial(options);
    for (const Snapshot& look : read_all(busy_history(60))) trial.add(look);
    const TrialReport& report = trial.report();
    CHECK(report.snapshots == 60);
    CHECK(report.gaps == 0);
    CHECK(report.covered == 59min);
    CHECK(report.happened.moves == 0);
    CHECK(report.happened.overload_minutes == Approx(59));
    CHECK(report.trial.moves >= 1);
    CHECK(report.trial.moves <= 3);
    CHECK(report.trial.overload_minutes > 3);
    CHECK(report.trial.overload_minutes < 12);
    CHECK(report.happened.empty_host_hours == Approx(59.0 / 60));
    CHECK(report.trial.energy_kwh >= report.happened.energy_kwh);
}

TEST_CASE("A policy that wants nothing reports what happened, moves of others apart") {
    policy::Options options;
    options.overload.enabled = false;
    options.balance.enabled = false;
    PolicyTrial trial(options);
    for (const Snapshot& look : read_all(busy_history(20, true))) trial.add(look);
    CHECK(trial.report().happened.moves == 1);
    CHECK(trial.report().trial.moves == 0);
    CHECK(trial.report().trial.overload_minutes > trial.report().happened.overload_minutes);
}

TEST_CASE("Time in which nobody looked counts for nobody") {
    auto looks = read_all(busy_history(20));
    for (std::size_t i = 10; i < looks.size(); ++i) looks[i].at += 10h;
    PolicyTrial trial{policy::Options{}};
    for (const Snapshot& look : looks) trial.add(look);
    CHECK(trial.report().gaps == 1);
    CHECK(trial.report().covered == 18min);
}
