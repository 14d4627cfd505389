// What a plan must never do, written once more and independently of policy/: from the facts alone, with both hosts of
// a move occupied from the beginning of its wave until the end of the plan.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/policy/cluster_builder.h"

namespace ballast::test {

class Oracle {
public:
    explicit Oracle(const Cluster& cluster) : cluster_(cluster) {
        for (const auto& [id, vm] : cluster.inventory.vms)
            if (vm.state != VmState::shut_off) on_[vm.host].insert(id);
        for (const InFlight& move : cluster.inventory.in_flight) {
            on_[move.to].insert(move.vm);
            if (!moving_.insert(move.vm).second) complain("in flight twice: " + move.vm.value);
        }
    }

    /// Every broken rule, as text; empty when the plan is sound.
    std::vector<std::string> judge(const Plan& plan) {
        unsigned wave = 0;
        for (const auto& [id, host] : plan.hosts)
            if (host.overloaded) overloaded_.insert(id);
        for (const Move& move : plan.moves) {
            if (move.wave < wave) complain("waves out of order");
            if (move.wave > wave && displaces(plan)) end_waves_before(move.wave, plan);
            wave = move.wave;
            judge(move);
            if (move.trigger == Trigger::overload && overloaded_.contains(move.to)) judge_return(move, plan);
            if (move.trigger == Trigger::maintenance && !cluster_.inventory.hosts.at(move.from).maintenance)
                judge_displacement(move, plan);
        }
        judge_limits(plan);
        return complaints_;
    }

private:
    void complain(const std::string& text) { complaints_.push_back(text); }
    void require(bool holds, const std::string& text) {
        if (!holds) complain(text);
    }

    void judge(const Move& move) {
        const Inventory& inventory = cluster_.inventory;
        const Vm& vm = inventory.vms.at(move.vm);
        const Host& from = inventory.hosts.at(move.from);
        const Host& to = inventory.hosts.at(move.to);
        const std::string what = move.vm.value + " to " + move.to.value + ": ";
        require(vm.host == move.from && move.from != move.to, what + "wrong source");
        require(moving_.insert(move.vm).second, what + "moved twice");
        require(vm.state == VmState::running && vm.facts_known, what + "cannot be moved now");
        require(vm.facts.blockers.empty() && !vm.facts.wishes.no_migrate, what + "must not be moved");
        require(reports(from) && reports(to), what + "a host does not report");
        require(!to.maintenance && to.accepts_vms, what + "takes no VMs");
        judge_rules(vm, to, what);
        judge_needs(vm, from, to, what);
        if (move.trigger == Trigger::rule_violation)
            judge_repair(vm, move, what);
        else if (move.trigger == Trigger::return_home)
            judge_return_home(vm, move, what);
        else if (move.trigger != Trigger::maintenance)
            judge_relief(vm, move, what);
        on_[move.to].insert(move.vm);
        judge_memory(to, what);
    }

    bool displaces(const Plan& plan) const {
        return std::any_of(plan.moves.begin(), plan.moves.end(), [&](const Move& move) {
            return (move.trigger == Trigger::maintenance && !cluster_.inventory.hosts.at(move.from).maintenance) ||
                   (move.trigger == Trigger::rule_violation && move.reason.starts_with("makes room")) ||
                   (move.trigger == Trigger::overload && move.reason.starts_with(move.from.value + " makes room"));
        });
    }

    // Who moves though its host is not in maintenance makes room for somebody, and may be moved without an order.
    void judge_displacement(const Move& move, const Plan& plan) {
        const std::string what = move.vm.value + " to " + move.to.value + ": ";
        require(std::any_of(plan.moves.begin(), plan.moves.end(),
                            [&](const Move& other) {
                                return other.trigger == Trigger::maintenance && other.to == move.from &&
                                       other.wave >= move.wave;
                            }),
                what + "its host is not in maintenance and nobody comes for it");
        require(cluster_.inventory.in_flight.empty(), what + "displaced while moves are under way");
        for (const PastMove& past : cluster_.inventory.past_moves)
            require(past.vm != move.vm || !past.succeeded || cluster_.now - past.ended >= cluster_.options.cooldown.vm,
                    what + "cooldown");
    }

    // An overloaded host may take somebody in return for a larger VM: what counts is how it ends.
    void judge_return(const Move& move, const Plan& plan) {
        const auto& limits = cluster_.options.overload;
        const std::string what = move.vm.value + " in return to " + move.to.value + ": ";
        const auto left = std::find_if(plan.moves.rbegin(), plan.moves.rend(),
                                       [&](const Move& other) { return other.from == move.to; });
        require(left != plan.moves.rend() && left->wave >= move.wave, what + "nobody leaves it");
        if (left == plan.moves.rend()) return;
        require(left->effect.source_cpu_after <= limits.cpu.below + 1e-9, what + "it stays hot");
        require(left->effect.source_cpu_after < move.effect.target_cpu_before, what + "it is no better than before");
        require(move.effect.target_memory_after <= limits.memory.below + 1e-9, what + "it gets short of memory");
    }

    // Only where somebody makes room is a source left before the end of the plan; elsewhere every wave has to hold
    // without that.
    void end_waves_before(unsigned wave, const Plan& plan) {
        for (const Move& move : plan.moves) {
            if (move.wave >= wave || !ended_.insert(move.vm).second) continue;
            on_[move.from].erase(move.vm);
            const Vm& vm = cluster_.inventory.vms.at(move.vm);
            freed_gib_[move.from] += std::min(vm.load.memory_rss.value_or(Bytes{}).gib(), bound_gib(vm));
        }
    }

    static bool reports(const Host& host) { return host.connection == Connection::up && !host.stale; }

    void judge_rules(const Vm& vm, const Host& to, const std::string& what) {
        const auto& wish = vm.facts.wishes.only_on;
        require(wish.empty() || contains(wish, to.id), what + "the VM's own pin");
        for (const policy::Rule& rule : cluster_.options.rules) {
            if (!named(rule, vm)) continue;
            require(rule.kind != policy::Rule::Kind::never_move, what + "never_move");
            require(rule.kind != policy::Rule::Kind::pin || contains(rule.hosts, to.id), what + "pin");
            if (rule.kind != policy::Rule::Kind::keep_apart || !rule.hard) continue;
            for (const VmId& other : on_[to.id])
                require(!named(rule, cluster_.inventory.vms.at(other)),
                        what + "kept apart by rule from " + other.value);
        }
        for (const std::string& group : vm.facts.wishes.keep_apart)
            for (const VmId& other : on_[to.id])
                require(!contains(cluster_.inventory.vms.at(other).facts.wishes.keep_apart, group),
                        what + "kept apart by wish from " + other.value);
    }

    void judge_needs(const Vm& vm, const Host& from, const Host& to, const std::string& what) {
        const VmRequirements& needs = vm.facts.requirements;
        const CpuSupport& cpu = to.facts.cpu_by_virt_type.at(needs.virt_type);
        require(cpu.machines.contains(needs.machine) && to.facts.arch == needs.arch, what + "machine");
        if (needs.cpu.mode == CpuRequirement::Mode::custom)
            require(cpu.models.contains(needs.cpu.model), what + "CPU model");
        else
            require(cpu.host_model == from.facts.cpu_by_virt_type.at(needs.virt_type).host_model, what + "CPU");
        for (const std::string& network : needs.networks)
            require(to.facts.networks.contains(network), what + "network");
        for (const std::string& pool : needs.pools) require(to.facts.pools.contains(pool), what + "pool");
        for (const std::string& file : needs.files)
            require(shared(from, file) && shared(to, file), what + "storage of " + file);
    }

    // The random clusters declare whole folders only.
    static bool shared(const Host& host, const std::string& file) {
        for (const std::string& path : host.facts.shared_paths)
            if (file.starts_with(path + "/")) return true;
        return false;
    }

    void judge_memory(const Host& to, const std::string& what) {
        double sum = 0;
        for (const VmId& id : on_[to.id]) sum += bound_gib(cluster_.inventory.vms.at(id));
        const double total = to.facts.memory_total.gib();
        const double reserve =
            std::max(total * cluster_.options.reserve.memory, cluster_.options.reserve.memory_min.gib());
        require(sum + reserve <= total * (1 + 1e-9), what + "memory overcommitted");
        require(incoming_gib(to.id) + reserve <= (to.load.memory_available->gib() + freed_gib_[to.id]) * (1 + 1e-9),
                what + "memory measured");
    }

    static double bound_gib(const Vm& vm) {
        return vm.facts_known ? vm.facts.memory.gib()
                              : std::max(vm.facts.memory, vm.load.memory_rss.value_or(Bytes{})).gib();
    }

    double incoming_gib(const HostId& host) {
        double sum = 0;
        for (const VmId& id : on_[host])
            if (cluster_.inventory.vms.at(id).host != host) sum += bound_gib(cluster_.inventory.vms.at(id));
        return sum;
    }

    void judge_relief(const Vm& vm, const Move& move, const std::string& what) {
        const auto& limits = cluster_.options.overload;
        const bool in_return = move.trigger == Trigger::overload && overloaded_.contains(move.to);
        require(in_return || move.effect.target_cpu_after <= limits.cpu.below + 1e-9, what + "makes its target hot");
        require(move.effect.target_memory_after <= limits.memory.below + 1e-9,
                what + "makes its target short of memory");
        require(!cluster_.inventory.hosts.at(move.from).maintenance, what + "relief of a host in maintenance");
        ++relief_moves_;
        const unsigned most = move.trigger == Trigger::balance ? cluster_.options.balance.max_moves_per_cycle
                              : move.trigger == Trigger::consolidation
                                  ? cluster_.options.consolidation.max_moves_per_cycle
                                  : limits.max_moves_per_cycle;
        require(relief_moves_ <= most, what + "too many moves");
        for (const PastMove& past : cluster_.inventory.past_moves) {
            if (past.vm != vm.id) continue;
            const Duration age = cluster_.now - past.ended;
            require(!past.succeeded || age >= cluster_.options.cooldown.vm, what + "cooldown");
            require(past.succeeded || past.to != move.to || age >= cluster_.options.cooldown.after_failure,
                    what + "failed");
        }
    }

    // Home is where the VM left for a maintenance that is over; it need not wait since it was moved, nor is its number
    // limited.
    void judge_return_home(const Vm& vm, const Move& move, const std::string& what) {
        const auto& homes = cluster_.inventory.homes;
        require(cluster_.options.maintenance.return_home, what + "nobody asked for returns");
        require(std::any_of(homes.begin(), homes.end(),
                            [&](const Home& home) {
                                return home.vm == vm.id && home.host == move.to && home.maintenance_ended &&
                                       cluster_.now - *home.maintenance_ended < cluster_.options.maintenance.within;
                            }),
                what + "it is not at home there, or not now");
        const auto& limits = cluster_.options.overload;
        require(move.effect.target_cpu_after <= limits.cpu.below + 1e-9, what + "makes its home hot");
        require(move.effect.target_memory_after <= limits.memory.below + 1e-9, what + "makes its home short of memory");
        require(!cluster_.inventory.hosts.at(move.from).maintenance, what + "returns from a host in maintenance");
        for (const PastMove& past : cluster_.inventory.past_moves)
            require(past.vm != vm.id || past.succeeded || past.to != move.to ||
                        cluster_.now - past.ended >= cluster_.options.cooldown.after_failure,
                    what + "failed");
    }

    // A repair is held to what relief is held to, with a limit of its own.
    void judge_repair(const Vm& vm, const Move& move, const std::string& what) {
        const unsigned before = relief_moves_;
        relief_moves_ = 0;
        judge_relief(vm, move, what);
        relief_moves_ = before;
        require(++repairs_ <= cluster_.options.repair.max_moves_per_cycle, what + "too many repairs");
    }

    void judge_limits(const Plan& plan) {
        std::map<std::pair<unsigned, HostId>, unsigned> outgoing, incoming;
        std::map<unsigned, unsigned> cluster;
        const auto count = [&](unsigned wave, const HostId& from, const HostId& to, bool planned) {
            const auto& limits = cluster_.options.limits;
            const bool out = ++outgoing[{wave, from}] <= limits.outgoing_per_host;
            const bool in = ++incoming[{wave, to}] <= limits.incoming_per_host;
            const bool all = ++cluster[wave] <= limits.cluster;
            require(!planned || (out && in && all), "limits in wave " + std::to_string(wave));
        };
        for (const InFlight& move : cluster_.inventory.in_flight) count(0, move.from, move.to, false);
        for (const Move& move : plan.moves) count(move.wave, move.from, move.to, true);
    }

    static bool named(const policy::Rule& rule, const Vm& vm) {
        for (const std::string& pattern : rule.vms)
            if (policy::matches(pattern, vm.facts.name, vm.id)) return true;
        return false;
    }

    template <class T>
    static bool contains(const std::vector<T>& all, const T& one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    }

    const Cluster& cluster_;
    std::map<HostId, std::set<VmId>> on_;
    std::set<HostId> overloaded_;
    std::set<VmId> moving_, ended_;
    std::map<HostId, double> freed_gib_;
    unsigned relief_moves_ = 0, repairs_ = 0;
    std::vector<std::string> complaints_;
};

}  // namespace ballast::test
