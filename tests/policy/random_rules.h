// Random clusters with everything that rules, wishes and hardware can ask for.
#pragma once

#include "tests/policy/random_cluster.h"

namespace ballast::test {

inline void add_hardware(Cluster& cluster, Dice& dice) {
    for (auto& [id, host] : cluster.inventory.hosts) {
        host.labels["rack"] = "r" + std::to_string(dice.below(3));
        if (dice.one_in(3)) host.labels["site"] = "s" + std::to_string(dice.below(2));
        if (dice.one_in(8)) continue;  // its cells are not known
        for (unsigned cell = 0; cell < dice.between(1, 2); ++cell) {
            NumaCell& made = host.facts.cells[cell];
            for (unsigned cpu = 0; cpu < 4; ++cpu) made.cpus.insert(cell * 4 + cpu);
            made.memory = dice.one_in(4) ? Bytes{} : gib(dice.between(1, 8));
            if (dice.one_in(2)) made.huge_pages[mib(2)] = dice.below(3) * 512;
            if (dice.one_in(4)) made.huge_pages[gib(1)] = dice.below(4);
        }
        if (dice.one_in(2)) host.load.free_huge_pages[mib(2)] = dice.below(1024);
    }
}

inline void add_needs(Vm& vm, Dice& dice) {
    VmRequirements& needs = vm.facts.requirements;
    VmWishes& wishes = vm.facts.wishes;
    if (dice.one_in(8)) needs.huge_pages[dice.one_in(3) ? Bytes{} : dice.one_in(3) ? gib(1) : mib(2)] = vm.facts.memory;
    if (dice.one_in(10)) needs.pinned_cpus = {dice.below(10), dice.below(6)};
    if (dice.one_in(10)) needs.strict_cells = {dice.below(2)};
    if (dice.one_in(6)) wishes.reserved_cpus = dice.ratio() * 4;
    if (dice.one_in(6)) wishes.reserved_memory = mib(dice.below(4096));
    if (dice.one_in(8)) wishes.keep_together = {"t" + std::to_string(dice.below(3))};
}

inline policy::WeekSpan random_span(Dice& dice) {
    return {dice.below(7), dice.below(7), dice.below(24) * 60, dice.between(1, 24) * 60};
}

inline void add_windows(Cluster& cluster, Dice& dice) {
    if (!dice.one_in(6)) cluster.inventory.wall_time = WallTime{std::chrono::hours{490000 + dice.below(20000)}};
    for (unsigned i = 0; i < dice.below(3); ++i) {
        policy::Window window;
        window.name = "w" + std::to_string(i);
        window.vms = {dice.one_in(2) ? "v?" : "v1*"};
        (dice.one_in(2) ? window.allow : window.deny) = {random_span(dice)};
        window.maintenance = dice.one_in(2);
        window.zone.offsets = {{std::chrono::sys_seconds{}, std::chrono::hours{dice.below(12)}}};
        cluster.options.windows.push_back(window);
    }
}

inline void add_rule(Cluster& cluster, Dice& dice, unsigned number) {
    using policy::Rule;
    const auto hosts = static_cast<unsigned>(cluster.inventory.hosts.size());
    Rule rule;
    rule.name = "x" + std::to_string(number);
    rule.kind = static_cast<Rule::Kind>(dice.below(6));
    rule.vms = {dice.one_in(3) ? "group:some" : "v" + std::to_string(dice.below(3)) + "*",
                "v" + std::to_string(number)};
    rule.hard = rule.kind != Rule::Kind::prefer && !dice.one_in(3);
    const bool names_hosts =
        rule.kind == Rule::Kind::pin || rule.kind == Rule::Kind::prefer || rule.kind == Rule::Kind::avoid;
    if (rule.kind == Rule::Kind::pin) rule.hard = true;
    if (names_hosts)
        rule.hosts = dice.one_in(2) ? std::vector<HostId>{{"group:few"}}
                                    : std::vector<HostId>{{host_name(dice.below(hosts))}, {host_name(0)}};
    if (rule.kind == Rule::Kind::spread) {
        rule.over = dice.one_in(3) ? "" : dice.one_in(2) ? "rack" : "site";
        rule.at_most = dice.below(4);
    }
    cluster.options.rules.push_back(rule);
}

/// random_cluster(seed) with rules of all kinds, groups, windows, labels, pinning, huge pages, overcommit and
/// admission.
inline Cluster random_rules(std::uint64_t seed) {
    Cluster cluster = random_cluster(seed);
    Dice dice(seed + 1'000'000);
    add_hardware(cluster, dice);
    for (auto& [id, vm] : cluster.inventory.vms) add_needs(vm, dice);
    policy::Options& options = cluster.options;
    options.groups = {{"some", {"v?", "v11"}, {}}, {"few", {}, {{host_name(0)}, {host_name(1)}}}};
    for (unsigned i = 0; i < dice.below(5); ++i) add_rule(cluster, dice, i);
    add_windows(cluster, dice);
    if (dice.one_in(2)) options.overcommit.cpu = dice.between(1, 8);
    if (dice.one_in(3)) options.overcommit.memory = 0.5 + dice.ratio();
    if (dice.one_in(2)) options.admission = {dice.below(3), dice.one_in(2)};
    return cluster;
}

}  // namespace ballast::test
