// Affinity: VMs that share a host. They are moved one after the other, so the rule says where the next may go: to a
// host that has one of the others already. Those that have to leave their host anyway hold nobody back; the first of
// them may go anywhere, and the others follow it.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

// Where the member will be when everything under way and planned has ended; nothing when it has to leave from there.
const HostId* anchor(const ClusterView& view, const VmId& member) {
    if (const HostId* to = view.target_of(member)) return to;
    const Host* host = view.context().guest_of(member).on;
    return host == nullptr || view.context().health.leaves(*host) ? nullptr : &host->id;
}

// A member elsewhere, when none is on the target; nothing when the target is fine.
struct Elsewhere {
    VmId vm;
    HostId host;
};
std::optional<Elsewhere> separated(const ClusterView& view, const Vm& vm, const Host& target,
                                   const TogetherGroup& group) {
    std::optional<Elsewhere> elsewhere;
    for (const VmId& member : group.members) {
        const HostId* host = member == vm.id ? nullptr : anchor(view, member);
        if (host == nullptr) continue;
        if (*host == target.id) return std::nullopt;
        if (!elsewhere) elsewhere = {member, *host};
    }
    return elsewhere;
}

std::string with(const Elsewhere& other, const TogetherGroup& group, const Inventory& inventory) {
    return "with " + inventory.vms.at(other.vm).facts.name + " on " + other.host.value + " by " + group.name;
}

}  // namespace

void keep_together(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const Context& context = view.context();
    for (const std::uint32_t index : context.rules_of(vm.id).together) {
        const TogetherGroup& group = context.book.together[index];
        if (!group.hard) continue;
        if (const auto other = separated(view, vm, target, group))
            out.push_back({Reason::keep_together, with(*other, group, context.inventory)});
    }
}

void soft_together(const ClusterView& view, const Vm& vm, const Host& target, std::vector<std::string>& broken) {
    const Context& context = view.context();
    for (const std::uint32_t index : context.rules_of(vm.id).together) {
        const TogetherGroup& group = context.book.together[index];
        if (group.hard) continue;
        if (const auto other = separated(view, vm, target, group))
            broken.push_back("it is wanted " + with(*other, group, context.inventory));
    }
}

}  // namespace ballast::policy::constraints
