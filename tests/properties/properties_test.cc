// What holds for every cluster. Each case is made from its number, so a failure names the cluster that shows it.
#include <algorithm>
#include <cmath>

#include "tests/policy/oracle.h"
#include "tests/policy/plan_text.h"
#include "tests/policy/random_rules.h"
#include "tests/policy/rules_oracle.h"

using namespace ballast;
using namespace ballast::test;

namespace {

constexpr std::uint64_t cases = 2000;

bool is_sane(const Plan& plan) {
    std::vector<double> numbers = {plan.score_before, plan.score_after};
    for (const Move& move : plan.moves) {
        const auto effect = numbers_of(move.effect);
        numbers.insert(numbers.end(), effect.begin(), effect.end());
        if (move.prediction.duration < 0ms || move.prediction.downtime < 0ms) return false;
    }
    for (const auto& [id, host] : plan.hosts)
        numbers.insert(numbers.end(), {host.cpu_demand, host.memory_demand, host.ready});
    return std::all_of(numbers.begin(), numbers.end(), [](double n) { return std::isfinite(n) && n >= 0; });
}

// The same cluster, told in another order.
Cluster shuffled(const Cluster& cluster, Dice& dice) {
    Cluster other = cluster;
    auto& flights = other.inventory.in_flight;
    for (std::size_t i = flights.size(); i > 1; --i)
        std::swap(flights[i - 1], flights[dice.below(static_cast<unsigned>(i))]);
    std::vector<VmId> ids;
    for (const auto& [id, vm] : cluster.inventory.vms) ids.push_back(id);
    for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[dice.below(static_cast<unsigned>(i))]);
    other.inventory.vms.clear();
    for (const VmId& id : ids) other.inventory.vms.emplace(id, cluster.inventory.vms.at(id));
    other.inventory.hosts.clear();
    for (auto at = cluster.inventory.hosts.rbegin(); at != cluster.inventory.hosts.rend(); ++at)
        other.inventory.hosts.insert(*at);
    return other;
}

std::string moves_of(const Plan& plan) {
    std::string text;
    for (const Move& move : plan.moves)
        text += move.vm.value + " " + move.from.value + " " + move.to.value + " " + std::to_string(move.wave) + "\n";
    return text;
}

// The same thing found again, whatever comes of it.
bool finds(const Plan& plan, const Finding& before) {
    const auto subject = [](const Finding& finding) { return finding.text.substr(0, finding.text.find(';')); };
    return std::any_of(plan.findings.begin(), plan.findings.end(), [&](const Finding& finding) {
        return finding.host == before.host && finding.trigger == before.trigger && subject(finding) == subject(before);
    });
}

}  // namespace

TEST_CASE("No plan breaks a hard constraint or a limit in any wave") {
    std::size_t relief = 0, evacuations = 0, returns = 0;
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Cluster cluster = random_cluster(seed);
        const Plan plan = cluster.plan();
        const auto complaints = Oracle(cluster).judge(plan);
        for (const std::string& complaint : complaints) FAIL_CHECK("seed " << seed << ": " << complaint);
        for (const Move& move : plan.moves)
            ++(move.trigger == Trigger::overload      ? relief
               : move.trigger == Trigger::return_home ? returns
                                                      : evacuations);
    }
    // The property means something only if there was something to judge.
    CHECK(relief > cases / 10);
    CHECK(evacuations > cases / 2);
    CHECK(returns > cases / 40);
}

TEST_CASE("No plan breaks a rule, a pinning, a window or a limit of what may be promised") {
    std::size_t moves = 0;
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Cluster cluster = random_rules(seed);
        const Plan plan = cluster.plan();
        for (const std::string& complaint : RulesOracle(cluster).judge(plan))
            FAIL_CHECK("seed " << seed << ": " << complaint);
        moves += plan.moves.size();
        Dice dice(seed);
        const std::string text = text_of(plan);
        if (text != text_of(shuffled(cluster, dice).plan())) FAIL_CHECK("seed " << seed << ": depends on the order");
    }
    CHECK(moves > cases / 4);
}

TEST_CASE("Replanning after a plan was carried out finds nothing more to do for what it resolved") {
    std::size_t resolved = 0;
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        Cluster cluster = random_cluster(seed);
        const Plan plan = cluster.plan();
        cluster.options.cooldown = {0s, 0s, 0s, 0s};  // the cooldown must not be what keeps it quiet
        cluster.carry_out(plan);
        const Plan again = cluster.plan();
        for (const Finding& finding : plan.findings) {
            if (!finding.resolved_by_plan) continue;
            ++resolved;
            if (finding.trigger == Trigger::rule_violation) {  // a host may break several rules
                if (finds(again, finding)) FAIL_CHECK("seed " << seed << ": " << finding.text);
                continue;
            }
            for (const Move& move : again.moves) {
                const HostId& found = move.trigger == Trigger::return_home ? move.to : move.from;
                if (found == finding.host && move.trigger == finding.trigger)
                    FAIL_CHECK("seed " << seed << ": " << move.reason);
            }
        }
    }
    CHECK(resolved > cases / 4);
}

TEST_CASE("The order in which the cluster is told changes nothing, not a byte") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Cluster cluster = random_cluster(seed);
        Dice dice(seed);
        const std::string text = text_of(cluster.plan());
        if (text != text_of(shuffled(cluster, dice).plan())) FAIL_CHECK("seed " << seed);
        if (text != text_of(cluster.plan())) FAIL_CHECK("seed " << seed << " twice");
    }
    SUCCEED();
}

TEST_CASE("An unmovable VM changes only what concerns it") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        Cluster cluster = seed % 2 == 0 ? random_cluster(seed) : random_rules(seed);
        const Plan without = cluster.plan();
        Dice dice(seed);
        const auto on = std::next(cluster.inventory.hosts.begin(),
                                  dice.below(static_cast<unsigned>(cluster.inventory.hosts.size())));
        Vm& vm = cluster.vm("stuck", on->first.value, 0, Bytes{}, 0);  // takes nothing of its host
        vm.facts.blockers = {{Reason::host_device, "gpu"}};
        const Plan with = cluster.plan();
        if (moves_of(with) != moves_of(without)) FAIL_CHECK("seed " << seed << ": other moves");
        std::vector<Rejection> others;
        for (const Rejection& rejection : with.immovable)
            if (rejection.vm != vm.id) others.push_back(rejection);
        if (others != without.immovable) FAIL_CHECK("seed " << seed << ": others became immovable");
        if (on->second.maintenance && !has(with.immovable, "stuck", Reason::host_device))
            FAIL_CHECK("seed " << seed << ": not told");
    }
    SUCCEED();
}

TEST_CASE("Whatever is measured, a plan holds only numbers") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        Cluster cluster = random_cluster(seed);
        Dice dice(seed);
        cluster.measures_hosts = false;
        for (int i = 0; i < 5; ++i) {
            spoil(cluster, dice);
            cluster.tick(1min);
        }
        const Plan plan = cluster.plan();
        if (!is_sane(plan)) FAIL_CHECK("seed " << seed << "\n" << text_of(plan));
        for (const Move& move : plan.moves)
            if (move.reason.find("nan ") != std::string::npos || move.reason.find("inf ") != std::string::npos)
                FAIL_CHECK("seed " << seed << ": " << move.reason);
    }
    SUCCEED();
}

TEST_CASE("Relief lowers the load of its source and evacuation leaves nobody unmentioned") {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        const Cluster cluster = random_cluster(seed);
        const Plan plan = cluster.plan();
        for (const Move& move : plan.moves)
            if (move.trigger == Trigger::overload && move.effect.source_cpu_after >= move.effect.source_cpu_before &&
                move.effect.source_memory_after >= move.effect.source_memory_before)
                FAIL_CHECK("seed " << seed << ": " << move.reason);
        for (const auto& [id, vm] : cluster.inventory.vms) {
            const auto& flights = cluster.inventory.in_flight;
            const bool under_way =
                std::any_of(flights.begin(), flights.end(), [&](const auto& f) { return f.vm == id; });
            if (!cluster.inventory.hosts.at(vm.host).maintenance || vm.state == VmState::shut_off || under_way)
                continue;
            const bool told =
                std::any_of(plan.immovable.begin(), plan.immovable.end(), [&](const auto& r) { return r.vm == id; });
            if ((move_of(plan, vm.facts.name) != nullptr) == told) FAIL_CHECK("seed " << seed << ": " << vm.facts.name);
        }
    }
    SUCCEED();
}
