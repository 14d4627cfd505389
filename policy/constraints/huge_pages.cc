// Guests on huge pages take them from a pool of their own, set aside when the host was set up: QEMU does not start on
// the target without them.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {
std::string pages_of(Bytes size) {
    return size == Bytes{} ? "huge pages" : "pages of " + to_string(size);
}
}  // namespace

void page_sizes(const Context&, const Vm& vm, const Host& target, Objections& out) {
    if (vm.facts.requirements.huge_pages.empty()) return;
    const auto pools = huge_pages_of(target);
    for (const auto& [size, amount] : huge_pages_on(target, vm)) {
        const auto pool = pools.find(size);
        if (pool == pools.end() || pool->second.total < amount)
            out.push_back({Reason::huge_pages, "needs " + to_string(amount) + " on " + pages_of(size) +
                                                   ", the host has " +
                                                   (pool == pools.end() ? "none" : to_string(pool->second.total))});
    }
}

void huge_pages(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    if (vm.facts.requirements.huge_pages.empty()) return;
    const auto& pools = view.at(target.id).huge_pages;
    for (const auto& [size, amount] : huge_pages_on(target, vm)) {
        const auto pool = pools.find(size);
        if (pool == pools.end() || pool->second.total < amount) continue;  // page_sizes() has said so
        const Bytes free = view.huge_pages_free(target.id, size);
        if (free < amount)
            out.push_back({Reason::huge_pages,
                           "needs " + to_string(amount) + " on " + pages_of(size) + ", " + to_string(free) + " free"});
    }
}

}  // namespace ballast::policy::constraints
