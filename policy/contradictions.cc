// What load time cannot see: rules, wishes and windows that contradict each other for the VMs and hosts there are.
#include <algorithm>
#include <set>

#include "policy/rules.h"

namespace ballast::policy {

namespace {

// More than this is one mistake told many times.
constexpr std::size_t most_told = 20;

std::string name_of(const VmId& vm, const Inventory& inventory) {
    return inventory.vms.at(vm).facts.name;
}

class Search {
public:
    Search(const RuleBook& book, const Inventory& inventory, const Options& options)
        : book_(book), inventory_(inventory), options_(options) {}

    std::vector<std::string> found() {
        auto rules = book_.of_vm.begin();
        for (const auto& [id, vm] : inventory_.vms) look_at(vm, *rules++);
        for (const auto& [pair, vms] : both_)
            if (vms.size() > 1) tell_of_pair(book_.spread[pair.first], book_.together[pair.second], vms);
        for (const auto& [pair, vms] : crowded_) tell_of_crowd(book_.spread[pair.first], book_.rules[pair.second], vms);
        return std::move(told_);
    }

private:
    void tell(std::string text) {
        if (told_.size() < most_told) told_.push_back(std::move(text));
    }

    void look_at(const Vm& vm, const RulesOfVm& rules) {
        for (const std::uint32_t apart : rules.spread) {
            if (!book_.spread[apart].hard) continue;
            for (const std::uint32_t together : rules.together)
                if (book_.together[together].hard) both_[{apart, together}].push_back(vm.id);
            for (const std::uint32_t pin : rules.only_on)
                if (book_.rules[pin].kind == Rule::Kind::pin) crowded_[{apart, pin}].push_back(vm.id);
        }
        if (rules.names_hosts(true)) look_for_a_host(vm, rules);
        if (!rules.windows.empty()) look_for_a_time(vm, rules);
    }

    void tell_of_pair(const SpreadGroup& apart, const TogetherGroup& together, const std::vector<VmId>& vms) {
        if (vms.size() <= apart.most) return;
        tell(name_of(vms[0], inventory_) + " and " + name_of(vms[1], inventory_) + " are kept together by " +
             together.name + " and apart by " + apart.name);
    }

    // Places that a pin leaves, against the members that it crowds into them.
    void tell_of_crowd(const SpreadGroup& apart, const Rule& pin, const std::vector<VmId>& vms) {
        std::set<std::string> places;
        for (const HostId& host : pin.hosts)
            if (const auto known = inventory_.hosts.find(host); known != inventory_.hosts.end())
                places.insert(place_of(known->second, apart.over));
        if (vms.size() <= places.size() * apart.most) return;
        tell(std::to_string(vms.size()) + " VMs of " + apart.name + " are pinned by rule " + pin.name + " to " +
             std::to_string(places.size()) + (places.size() == 1 ? " place" : " places") + " where at most " +
             std::to_string(apart.most) + (apart.most == 1 ? " may run" : " may run each"));
    }

    // Hosts beside which the VM may run nowhere; null when nothing says so.
    const std::vector<HostId>* named_hosts(const std::vector<HostId>& wish, const RulesOfVm& rules) const {
        if (!wish.empty()) return &wish;
        for (const std::uint32_t rule : rules.only_on)
            if (book_.rules[rule].kind == Rule::Kind::pin) return &book_.rules[rule].hosts;
        return nullptr;
    }

    void look_for_a_host(const Vm& vm, const RulesOfVm& rules) {
        const auto& wish = vm.facts.wishes.only_on;
        const auto is_fine = [&](const HostId& host) {
            return inventory_.hosts.contains(host) &&
                   (wish.empty() || std::find(wish.begin(), wish.end(), host) != wish.end()) &&
                   std::all_of(rules.only_on.begin(), rules.only_on.end(),
                               [&](std::uint32_t rule) { return agrees(book_.rules[rule], host); });
        };
        if (const auto* few = named_hosts(wish, rules)) {
            if (std::any_of(few->begin(), few->end(), is_fine)) return;
        } else if (std::any_of(inventory_.hosts.begin(), inventory_.hosts.end(),
                               [&](const auto& host) { return is_fine(host.first); })) {
            return;
        }
        std::string who;
        for (const std::uint32_t rule : rules.only_on) who += (who.empty() ? "" : ", ") + described(book_.rules[rule]);
        if (!wish.empty()) who += std::string(who.empty() ? "" : ", ") + "its own metadata";
        tell(vm.facts.name + " may run on no host at all: " + who);
    }

    // Each combination of windows is looked at once, however many VMs share it.
    void look_for_a_time(const Vm& vm, const RulesOfVm& rules) {
        if (!inventory_.wall_time || !windows_seen_.insert(rules.windows).second) return;
        const auto start = std::chrono::floor<std::chrono::minutes>(*inventory_.wall_time);
        for (unsigned i = 0; i < minutes_per_week; ++i)
            if (open(rules, start + std::chrono::minutes{i})) return;
        std::string who;
        for (const std::uint32_t window : rules.windows)
            who += (who.empty() ? "" : ", ") + options_.windows[window].name;
        tell(vm.facts.name + " may be moved at no time of the week: windows " + who);
    }

    bool open(const RulesOfVm& rules, WallTime time) const {
        bool granted = false, wanted = false;
        for (const std::uint32_t index : rules.windows) {
            const Window& window = options_.windows[index];
            const unsigned minute = minute_of_week(time, window.zone);
            if (any_contains(window.deny, minute)) return false;
            wanted = wanted || !window.allow.empty();
            granted = granted || any_contains(window.allow, minute);
        }
        return granted || !wanted;
    }

    const RuleBook& book_;
    const Inventory& inventory_;
    const Options& options_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<VmId>> both_;     // hard: apart, together
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<VmId>> crowded_;  // hard: apart, pin
    std::set<std::vector<std::uint32_t>> windows_seen_;
    std::vector<std::string> told_;
};

}  // namespace

std::vector<std::string> contradictions(const RuleBook& book, const Inventory& inventory, const Options& options) {
    return Search(book, inventory, options).found();
}

}  // namespace ballast::policy
