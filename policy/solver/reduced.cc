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

bool stays(const VmSlot& vm) {
    return !vm.movable && vm.groups.empty();
}

// Numbers sorted by fingerprint. Those with equal ones are interchangeable.
template <class Number, class Key>
void sort_by(std::vector<Number>& numbers, const Key& key) {
    std::sort(numbers.begin(), numbers.end(), [&](Number a, Number b) { return key(a) < key(b); });
}

// Adds what stays to the hosts' bases; says which VMs do not stay.
std::vector<VmIndex> fold(const Problem& problem, const std::vector<std::uint64_t>& prints,
                          std::vector<HostSlot>& hosts) {
    std::vector<VmIndex> folded, others;
    for (VmIndex v = 0; v < problem.vms.size(); ++v)
        if (problem.vms[v].home != no_host) (stays(problem.vms[v]) ? folded : others).push_back(v);
    sort_by(folded, [&](VmIndex v) { return std::pair(prints[v], v); });  // sums depend on their order, by a little
    for (const VmIndex v : folded)
        for (std::size_t k = 0; k < max_resources; ++k) hosts[problem.vms[v].home].base[k] += problem.vms[v].demand[k];
    return others;
}

}  // namespace

Reduced reduced(const Problem& problem) {
    std::vector<std::uint64_t> vm_prints, host_prints;
    for (const VmSlot& vm : problem.vms) vm_prints.push_back(fingerprint(vm));
    std::vector<HostSlot> hosts = problem.hosts;
    Reduced result;
    result.vm = fold(problem, vm_prints, hosts);
    for (const HostSlot& host : hosts) host_prints.push_back(fingerprint(host));
    for (const VmIndex v : result.vm) host_prints[problem.vms[v].home] += vm_prints[v];
    result.host.resize(hosts.size());
    std::iota(result.host.begin(), result.host.end(), HostIndex{0});
    sort_by(result.host, [&](HostIndex h) { return std::pair(host_prints[h], h); });
    std::vector<HostIndex> rank(hosts.size());
    for (HostIndex i = 0; i < hosts.size(); ++i) rank[result.host[i]] = i;
    sort_by(result.vm, [&](VmIndex v) { return std::tuple(rank[problem.vms[v].home], vm_prints[v], v); });

    result.problem = {problem.resources, {}, {}, problem.groups, problem.host_classes, problem.allowed};
    for (const HostIndex host : result.host) result.problem.hosts.push_back(hosts[host]);
    for (const VmIndex v : result.vm) {
        result.problem.vms.push_back(problem.vms[v]);
        result.problem.vms.back().home = rank[problem.vms[v].home];
    }
    return result;
}

}  // namespace ballast::policy::solver
