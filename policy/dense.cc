#include "policy/dense.h"

#include <algorithm>
#include <map>
#include <string>

#include "policy/capacity.h"
#include "policy/classes.h"
#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"

namespace ballast::policy {

namespace {

using solver::Amounts;
using solver::unlimited;

double count(Bytes bytes) {
    return static_cast<double>(bytes.count);
}

const char* const names[dense_resources] = {"cpu",   "memory",        "promised memory", "claimed memory",
                                            "vcpus", "reserved cpus", "reserved memory", "huge pages"};

// The page size most VMs ask for; zero when none asks.
Bytes page_size(const Context& context) {
    std::map<Bytes, std::size_t> wanted;
    for (const auto& [id, guest] : context.guests)
        if (guest.on_huge_pages)
            for (const auto& [page, amount] : guest.vm->facts.requirements.huge_pages) ++wanted[page];
    const auto most = std::max_element(wanted.begin(), wanted.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == wanted.end() ? Bytes{} : most->first;
}

class Builder {
public:
    Builder(const ClusterView& view, Purpose purpose)
        : view_(view), context_(view.context()), purpose_(purpose), page_(page_size(context_)) {}

    Dense build() {
        const Classes classes = classes_of(context_);
        solver::Problem& problem = dense_.problem;
        problem.host_classes = classes.host_classes;
        problem.allowed = classes.allowed;
        for (const char* name : names) problem.resources.push_back({name, 0});
        choose_label();
        for (const SpreadGroup& group : context_.book.spread)
            problem.groups.push_back({!group.over.empty(), group.most, group.hard, 0});
        problem.hosts.reserve(context_.inventory.hosts.size());
        problem.vms.reserve(context_.inventory.vms.size());
        std::size_t position = 0;
        for (const auto& [id, host] : context_.inventory.hosts) add_host(host, classes.of_host[position++]);
        position = 0;
        for (const auto& [id, guest] : context_.guests) add_vm(guest, classes.of_vm[position++]);
        return std::move(dense_);
    }

private:
    // Hosts are in one failure domain only here; VMs spread over another label are left where they are.
    void choose_label() {
        for (const SpreadGroup& group : context_.book.spread)
            if (!group.over.empty() && label_.empty()) label_ = group.over;
    }

    Amounts capacity_of(const Host& host, const HostUse& use) const {
        const Options& options = context_.options;
        const double total = count(host.facts.memory_total);
        Amounts capacity;
        capacity.fill(unlimited);
        if (purpose_ == Purpose::relief) {
            capacity[dense_cpu] = options.overload.cpu.below * use.usable_cpus;
            capacity[dense_memory] = options.overload.memory.below * total;
        }
        capacity[dense_promised] = count(allocatable_memory(host, options));
        if (use.available) capacity[dense_claimed] = count(*use.available - reserved_memory(host, options));
        if (const auto limit = vcpu_limit(host, options)) capacity[dense_vcpus] = *limit;
        capacity[dense_reserved_cpus] = use.usable_cpus;
        capacity[dense_reserved_memory] = count(reservable_memory(host, options));
        capacity[dense_huge_pages] = 0;
        if (const auto pool = use.huge_pages.find(page_); pool != use.huge_pages.end())
            capacity[dense_huge_pages] = count(pool->second.committed + view_.huge_pages_free(host.id, page_));
        return capacity;
    }

    // Everything that occupies the host; add_vm() takes off what it lists, so that the rest remains.
    Amounts used_of(const HostUse& use) const {
        Amounts used{};
        used[dense_cpu] = use.cpu;
        used[dense_memory] = use.memory_used;
        used[dense_promised] = count(use.committed);
        used[dense_vcpus] = use.vcpus;
        used[dense_reserved_cpus] = use.reserved_cpus;
        used[dense_reserved_memory] = count(use.reserved_memory);
        if (const auto pool = use.huge_pages.find(page_); pool != use.huge_pages.end())
            used[dense_huge_pages] = count(pool->second.committed);
        return used;
    }

    bool receives(const Host& host) const {
        Objections objections;
        constraints::host_state(view_, Vm{}, host, purpose_, objections);
        const bool hot = purpose_ == Purpose::relief && any_set(remembered(context_, host.id));
        return objections.empty() && !hot;
    }

    std::uint32_t domain_of(const Host& host) {
        if (label_.empty()) return 0;
        return domains_.emplace(place_of(host, label_), static_cast<std::uint32_t>(domains_.size())).first->second;
    }

    void add_host(const Host& host, std::uint32_t host_class) {
        const HostUse& use = view_.at(host.id);
        solver::HostSlot slot;
        slot.capacity = capacity_of(host, use);
        slot.base = used_of(use);
        slot.scale.fill(1);
        slot.scale[dense_cpu] = std::max(use.usable_cpus, 1e-9);
        slot.scale[dense_memory] = std::max(count(host.facts.memory_total), 1.0);
        slot.host_class = host_class;
        slot.domain = domain_of(host);
        slot.receives = receives(host);
        slot.counts = is_fresh(host) && use.cpu_known && !context_.health.leaves(host);
        dense_.problem.hosts.push_back(slot);
        dense_.hosts.push_back(&host);
    }

    Amounts demand_of(const Guest& guest) const {
        Amounts demand{};
        const Vm& vm = *guest.vm;
        demand[dense_cpu] = guest.demand_cores;
        demand[dense_memory] = count(guest.memory_resident);
        demand[dense_promised] = count(guest.ordinary_memory);
        demand[dense_claimed] = count(guest.memory_claim);
        demand[dense_vcpus] = vm.facts.vcpus;
        demand[dense_reserved_cpus] = known(vm.facts.wishes.reserved_cpus).value_or(0);
        demand[dense_reserved_memory] = count(guest.reserved_memory);
        if (!guest.on_huge_pages) return demand;
        for (const auto& [page, amount] : huge_pages_on(*guest.on, vm))
            if (page == page_) demand[dense_huge_pages] = count(amount);
        return demand;
    }

    // What the problem can express of its rules: the rest would be refused in the end anyway.
    bool expressible(const Vm& vm, const RulesOfVm& rules) const {
        const auto& pages = vm.facts.requirements.huge_pages;
        const bool one_page = pages.empty() || (pages.size() == 1 && pages.begin()->first == page_);
        const auto other_label = [&](std::uint32_t group) {
            const SpreadGroup& rule = context_.book.spread[group];
            return rule.hard && !rule.over.empty() && rule.over != label_;
        };
        const auto tied = [&](std::uint32_t group) {
            const TogetherGroup& rule = context_.book.together[group];
            return rule.hard && rule.members.size() > 1;
        };
        return one_page && std::none_of(rules.spread.begin(), rules.spread.end(), other_label) &&
               std::none_of(rules.together.begin(), rules.together.end(), tied);
    }

    bool movable(const Guest& guest, const RulesOfVm& rules) const {
        if (purpose_ == Purpose::relief && !guest.demand_known) return false;
        return vm_refusals(context_, *guest.vm, purpose_).empty() && expressible(*guest.vm, rules);
    }

    double move_cost(const Guest& guest) const {
        return static_cast<double>(predict(*guest.vm, context_).duration.count()) / 1000;
    }

    void add_vm(const Guest& guest, std::uint32_t vm_class) {
        const Vm& vm = *guest.vm;
        if (!guest.occupies || guest.on == nullptr || view_.is_moving(vm.id)) return;
        const RulesOfVm& rules = context_.rules_of(vm.id);
        solver::VmSlot slot;
        slot.demand = demand_of(guest);
        slot.home = guest.host;
        slot.vm_class = vm_class;
        slot.movable = movable(guest, rules);
        slot.move_cost = slot.movable ? move_cost(guest) : 1;
        slot.weight = std::max(1.0, 1001.0 + vm.facts.wishes.priority);
        slot.groups = rules.spread;
        Amounts& base = dense_.problem.hosts[guest.host].base;
        // A VM never measured is inside the host's own use already.
        if (!guest.demand_known) slot.demand[dense_cpu] = 0;
        for (std::size_t k = 0; k < dense_resources; ++k) base[k] -= slot.demand[k];
        dense_.problem.vms.push_back(std::move(slot));
        dense_.vms.push_back(&vm);
    }

    const ClusterView& view_;
    const Context& context_;
    Purpose purpose_;
    Bytes page_;
    std::string label_;
    std::map<std::string, std::uint32_t> domains_;
    Dense dense_;
};

}  // namespace

Dense dense_of(const ClusterView& view, Purpose purpose) {
    return Builder(view, purpose).build();
}

}  // namespace ballast::policy
