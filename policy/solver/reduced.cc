#include "policy/solver/reduced.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

#include "policy/solver/dice.h"

namespace ballast::policy::solver {

namespace {

// A number made of contents. Equal contents have equal numbers; that others have too is as good as impossible.
class Fingerprint {
public:
    Fingerprint& add(std::uint64_t value) {
        value_ = Dice(value_ ^ value).next();
        return *this;
    }
    Fingerprint& add(double value) { return add(std::bit_cast<std::uint64_t>(value)); }
    Fingerprint& add(const Amounts& amounts) {
        for (const double amount : amounts) add(amount);
        return *this;
    }
    std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0;
};

std::uint64_t fingerprint(const VmSlot& vm) {
    Fingerprint print;
    print.add(vm.demand).add(std::uint64_t{vm.vm_class}).add(std::uint64_t{vm.movable});
    std::vector<std::uint32_t> groups = vm.groups;
    std::sort(groups.begin(), groups.end());
    for (const std::uint32_t group : groups) print.add(std::uint64_t{group});
    return print.value();
}

std::uint64_t fingerprint(const HostSlot& host) {
    Fingerprint print;
    print.add(host.capacity).add(host.base).add(host.scale).add(std::uint64_t{host.host_class});
    print.add(std::uint64_t{host.domain}).add(std::uint64_t{host.receives}).add(std::uint64_t{host.counts});
    return print.add(host.vm_penalty).value();
}

struct Order {
    std::vector<std::uint64_t> vm, host;  // fingerprints; a host's tells of its VMs as well
    std::vector<VmIndex> vms;             // those with a home, by host and fingerprint
    std::vector<HostIndex> hosts;
    std::vector<HostIndex> rank;  // of each host in `hosts`
};

Order order_of(const Problem& problem) {
    Order order;
    for (const HostSlot& host : problem.hosts) order.host.push_back(fingerprint(host));
    for (VmIndex v = 0; v < problem.vms.size(); ++v) {
        order.vm.push_back(fingerprint(problem.vms[v]));
        if (problem.vms[v].home == no_host) continue;
        order.vms.push_back(v);
        order.host[problem.vms[v].home] += order.vm[v];
    }
    order.hosts.resize(problem.hosts.size());
    std::iota(order.hosts.begin(), order.hosts.end(), HostIndex{0});
    std::sort(order.hosts.begin(), order.hosts.end(),
              [&](HostIndex a, HostIndex b) { return std::pair(order.host[a], a) < std::pair(order.host[b], b); });
    order.rank.resize(problem.hosts.size());
    for (HostIndex i = 0; i < order.hosts.size(); ++i) order.rank[order.hosts[i]] = i;
    const auto place = [&](VmIndex v) { return std::tuple(order.rank[problem.vms[v].home], order.vm[v], v); };
    std::sort(order.vms.begin(), order.vms.end(), [&](VmIndex a, VmIndex b) { return place(a) < place(b); });
    return order;
}

}  // namespace

Reduced reduced(const Problem& problem) {
    const Order order = order_of(problem);
    Reduced result;
    result.problem.resources = problem.resources;
    result.problem.groups = problem.groups;
    result.problem.host_classes = problem.host_classes;
    result.problem.allowed = problem.allowed;
    result.host = order.hosts;
    for (const HostIndex host : order.hosts) result.problem.hosts.push_back(problem.hosts[host]);
    for (const VmIndex v : order.vms) {
        const VmSlot& vm = problem.vms[v];
        if (vm.movable || !vm.groups.empty()) {
            result.vm.push_back(v);
            result.problem.vms.push_back(vm);
            result.problem.vms.back().home = order.rank[vm.home];
            continue;
        }
        HostSlot& host = result.problem.hosts[order.rank[vm.home]];
        for (std::size_t k = 0; k < max_resources; ++k) host.base[k] += vm.demand[k];
    }
    return result;
}

}  // namespace ballast::policy::solver
