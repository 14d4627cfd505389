// Anti-affinity: at most so many VMs of a group on one host, or in one failure domain. keep_apart is "one on a host".
// Holds during the moves as well: whoever is still leaving the place, or already on its way there, counts.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

std::string text_of_place(const std::string& place, const SpreadGroup& group) {
    if (group.over.empty()) return place;
    return place.empty() ? "hosts without " + group.over : group.over + " " + place;
}

std::string names(const std::set<VmId>& vms, const VmId& but, const Inventory& inventory) {
    std::string text;
    for (const VmId& vm : vms)
        if (vm != but) text += (text.empty() ? "" : ", ") + inventory.vms.at(vm).facts.name;
    return text;
}

// Members already there besides the VM, where one more would be too many; else nothing.
const std::set<VmId>* crowd(const ClusterView& view, const Vm& vm, const Host& target, std::uint32_t index) {
    const SpreadGroup& group = view.context().book.spread[index];
    const std::string& place = place_of(target, group.over);
    const std::set<VmId>& members = view.members_in(index, place);
    const std::size_t others = members.size() - members.count(vm.id);
    if (others < group.most) return nullptr;
    // From one host to another of the same place changes nothing for the place.
    const Host* source = view.context().guest_of(vm.id).on;
    const bool stays = !group.over.empty() && source != nullptr && place_of(*source, group.over) == place;
    return stays ? nullptr : &members;
}

void apart(const SpreadGroup& group, const std::set<VmId>& members, const Vm& vm, const Inventory& inventory,
           Objections& out) {
    for (const VmId& other : members)
        if (other != vm.id)
            out.push_back({Reason::keep_apart, "from " + inventory.vms.at(other).facts.name + " by " + group.name});
}

}  // namespace

void spread(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const Context& context = view.context();
    for (const std::uint32_t index : context.rules_of(vm.id).spread) {
        const SpreadGroup& group = context.book.spread[index];
        const std::set<VmId>* members = group.hard ? crowd(view, vm, target, index) : nullptr;
        if (members == nullptr) continue;
        if (group.reason == Reason::keep_apart)
            apart(group, *members, vm, context.inventory, out);
        else
            out.push_back({group.reason, group.name + " allows " + std::to_string(group.most) + " in " +
                                             text_of_place(place_of(target, group.over), group) + ", there are " +
                                             names(*members, vm.id, context.inventory)});
    }
}

void soft_spread(const ClusterView& view, const Vm& vm, const Host& target, std::vector<std::string>& broken) {
    const Context& context = view.context();
    for (const std::uint32_t index : context.rules_of(vm.id).spread) {
        const SpreadGroup& group = context.book.spread[index];
        const std::set<VmId>* members = group.hard ? nullptr : crowd(view, vm, target, index);
        if (members == nullptr) continue;
        const std::string others = names(*members, vm.id, context.inventory);
        broken.push_back(group.reason == Reason::keep_apart
                             ? group.name + " wants it apart from " + others
                             : group.name + " wants at most " + std::to_string(group.most) + " in " +
                                   text_of_place(place_of(target, group.over), group) + " besides " + others);
    }
}

}  // namespace ballast::policy::constraints
