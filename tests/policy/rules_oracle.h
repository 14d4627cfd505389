// What rules, pinning, huge pages, overcommit and windows forbid, written once more and independently of policy/: the
// moves of a plan are made one by one, and both hosts of a move stay occupied until the end.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/policy/cluster_builder.h"

namespace ballast::test {

class RulesOracle {
public:
    explicit RulesOracle(const Cluster& cluster) : cluster_(cluster) {
        for (const auto& [id, vm] : cluster.inventory.vms)
            if (vm.state != VmState::shut_off) {
                on_[vm.host].insert(id);
                final_[id] = vm.host;
            }
        for (const InFlight& move : cluster.inventory.in_flight) {
            on_[move.to].insert(move.vm);
            final_[move.vm] = move.to;
        }
    }

    std::vector<std::string> judge(const Plan& plan) {
        for (const Move& move : plan.moves) {
            what_ = move.vm.value + " to " + move.to.value + ": ";
            const Vm& vm = cluster_.inventory.vms.at(move.vm);
            const Host& to = cluster_.inventory.hosts.at(move.to);
            judge_hosts(vm, to);
            judge_hardware(vm, to);
            judge_time(vm, move);
            for (const policy::Rule& rule : cluster_.options.rules)
                if (rule.hard && names(rule.vms, vm)) judge_company(rule, vm, to);
            judge_wished_company(vm, to);
            on_[move.to].insert(move.vm);
            judge_sums(vm, to);
            final_[move.vm] = move.to;
        }
        return complaints_;
    }

private:
    void require(bool holds, const std::string& text) {
        if (!holds) complaints_.push_back(what_ + text);
    }

    bool names(const std::vector<std::string>& patterns, const Vm& vm) const {
        for (const std::string& pattern : patterns) {
            if (policy::matches(pattern, vm.facts.name, vm.id)) return true;
            for (const policy::NamedGroup& group : cluster_.options.groups)
                if (pattern == "group:" + group.name && names(group.vms, vm)) return true;
        }
        return false;
    }

    bool names(const std::vector<HostId>& hosts, const HostId& host) const {
        for (const HostId& name : hosts) {
            if (name == host) return true;
            for (const policy::NamedGroup& group : cluster_.options.groups)
                if (name.value == "group:" + group.name && names(group.hosts, host)) return true;
        }
        return false;
    }

    void judge_hosts(const Vm& vm, const Host& to) {
        using Kind = policy::Rule::Kind;
        for (const policy::Rule& rule : cluster_.options.rules) {
            if (!names(rule.vms, vm)) continue;
            require(rule.kind != Kind::pin || names(rule.hosts, to.id), "pinned by " + rule.name);
            require(rule.kind != Kind::avoid || !rule.hard || !names(rule.hosts, to.id), "kept off by " + rule.name);
        }
    }

    void judge_hardware(const Vm& vm, const Host& to) {
        std::set<unsigned> cpus;
        for (const auto& [id, cell] : to.facts.cells) cpus.insert(cell.cpus.begin(), cell.cpus.end());
        for (const unsigned cpu : vm.facts.requirements.pinned_cpus) require(cpus.contains(cpu), "no such CPU");
        for (const unsigned cell : vm.facts.requirements.strict_cells)
            require(to.facts.cells.contains(cell), "no such cell");
    }

    void judge_time(const Vm& vm, const Move& move) {
        bool wanted = false, open = false;
        for (const policy::Window& window : cluster_.options.windows) {
            if (!names(window.vms, vm) || (move.trigger == Trigger::maintenance && !window.maintenance)) continue;
            require(cluster_.inventory.wall_time.has_value(), "time unknown");
            if (!cluster_.inventory.wall_time) return;
            // The random zones have one offset each.
            const auto local = *cluster_.inventory.wall_time + window.zone.offsets.at(0).second;
            const auto minutes = std::chrono::floor<std::chrono::minutes>(local).time_since_epoch().count();
            const unsigned minute = static_cast<unsigned>((minutes + 3 * 1440) % (7 * 1440));
            for (const auto& span : window.deny) require(!in(span, minute), "denied by " + window.name);
            for (const auto& span : window.allow) open = open || in(span, minute);
            wanted = wanted || !window.allow.empty();
        }
        require(open || !wanted, "no window is open");
    }

    // Each day of the span on a line of two weeks, with its end on the next day where it wraps.
    static bool in(const policy::WeekSpan& span, unsigned minute) {
        for (unsigned day = span.first_day;; day = (day + 1) % 7) {
            const unsigned begin = day * 1440 + span.from;
            const unsigned end = begin + (span.to > span.from ? span.to - span.from : span.to + 1440 - span.from);
            for (const unsigned m : {minute, minute + 7 * 1440})
                if (m >= begin && m < end) return true;
            if (day == span.last_day) return false;
        }
    }

    std::string place(const HostId& host, const std::string& over) const {
        if (over.empty()) return host.value;
        const auto& labels = cluster_.inventory.hosts.at(host).labels;
        return labels.contains(over) ? labels.at(over) : "";
    }

    unsigned allowed(const policy::Rule& rule) const {
        if (rule.kind == policy::Rule::Kind::keep_apart) return 1;
        if (rule.at_most > 0) return rule.at_most;
        std::size_t members = 0;
        std::set<std::string> places;
        for (const auto& [id, vm] : cluster_.inventory.vms)
            if (vm.state != VmState::shut_off && names(rule.vms, vm)) ++members;
        for (const auto& [id, host] : cluster_.inventory.hosts)
            if (host.connection == Connection::up && host.accepts_vms && !host.maintenance)
                places.insert(place(id, rule.over));
        return static_cast<unsigned>(std::max<std::size_t>(1, (members + places.size() - 1) / places.size()));
    }

    void judge_company(const policy::Rule& rule, const Vm& vm, const Host& to) {
        using Kind = policy::Rule::Kind;
        if (rule.kind == Kind::keep_together)
            judge_together(vm, to, [&](const Vm& other) { return names(rule.vms, other); });
        if (rule.kind != Kind::keep_apart && rule.kind != Kind::spread) return;
        if (place(vm.host, rule.over) == place(to.id, rule.over)) return;
        std::set<VmId> others;
        for (const auto& [host, vms] : on_)
            for (const VmId& id : vms)
                if (cluster_.inventory.hosts.contains(host) && place(host, rule.over) == place(to.id, rule.over) &&
                    id != vm.id && names(rule.vms, cluster_.inventory.vms.at(id)))
                    others.insert(id);
        require(others.size() < allowed(rule), "too many of " + rule.name);
    }

    void judge_wished_company(const Vm& vm, const Host& to) {
        for (const std::string& group : vm.facts.wishes.keep_together)
            judge_together(vm, to, [&](const Vm& other) {
                const auto& groups = other.facts.wishes.keep_together;
                return std::find(groups.begin(), groups.end(), group) != groups.end();
            });
    }

    template <class IsMember>
    void judge_together(const Vm& vm, const Host& to, IsMember is_member) {
        bool here = false, elsewhere = false;
        for (const auto& [id, host] : final_) {
            if (id == vm.id || !is_member(cluster_.inventory.vms.at(id))) continue;
            const bool stays = host != cluster_.inventory.vms.at(id).host || moves(id) ||
                               !cluster_.inventory.hosts.at(host).maintenance;
            here = here || (stays && host == to.id);
            elsewhere = elsewhere || (stays && host != to.id);
        }
        require(here || !elsewhere, "taken from its company");
    }

    bool moves(const VmId& vm) const {
        for (const InFlight& move : cluster_.inventory.in_flight)
            if (move.vm == vm) return true;
        return false;
    }

    void judge_sums(const Vm& vm, const Host& to) {
        double vcpus = 0, reserved = 0;
        std::map<Bytes, double> pages;
        for (const VmId& id : on_[to.id]) {
            const VmFacts& facts = cluster_.inventory.vms.at(id).facts;
            vcpus += facts.vcpus;
            reserved += facts.wishes.reserved_cpus.value_or(0);
            for (const auto& [page, amount] : facts.requirements.huge_pages)
                if (page != Bytes{}) pages[page] += amount.mib();
        }
        const auto& overcommit = cluster_.options.overcommit;
        require(!overcommit.cpu || vcpus <= to.facts.cpus * *overcommit.cpu, "too many vCPUs");
        // Who reserves nothing may come to a host that has promised too much already.
        if (vm.facts.wishes.reserved_cpus.value_or(0) > 0)
            require(reserved <= to.facts.cpus * (1 - cluster_.options.reserve.cpu) + 1e-6, "CPUs reserved");
        judge_pages(vm, to, pages);
    }

    void judge_pages(const Vm& vm, const Host& to, const std::map<Bytes, double>& pages) {
        for (const auto& [page, amount] : vm.facts.requirements.huge_pages) {
            if (page == Bytes{}) continue;
            double total = 0;
            for (const auto& [id, cell] : to.facts.cells)
                if (cell.huge_pages.contains(page)) total += page.mib() * static_cast<double>(cell.huge_pages.at(page));
            require(pages.at(page) <= total, "too few huge pages");
        }
    }

    const Cluster& cluster_;
    std::map<HostId, std::set<VmId>> on_;
    std::map<VmId, HostId> final_;
    std::vector<std::string> complaints_;
    std::string what_;
};

}  // namespace ballast::test
