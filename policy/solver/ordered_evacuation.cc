#include "policy/solver/ordered_evacuation.h"

#include <algorithm>

namespace ballast::policy::solver {

namespace {

constexpr std::uint64_t most_packings = 24;
constexpr std::uint64_t most_packings_incomplete = 6;  // of a problem that seems to have no complete one

bool is_emptied(const std::vector<HostIndex>& hosts, HostIndex host) {
    return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

OrderedEvacuation attempt(const Problem& problem, const std::vector<HostIndex>& hosts, const Effort& effort,
                          const OrderOptions& options) {
    OrderedEvacuation made;
    made.packing = evacuate(problem, hosts, effort);
    made.order = order(problem, made.packing.target, options);
    for (const Unplaced& vm : made.packing.left) made.left.push_back(vm.vm);
    for (const Stranded& vm : made.order.stranded)
        if (is_emptied(hosts, vm.at)) made.left.push_back(vm.vm);
    std::sort(made.left.begin(), made.left.end());
    return made;
}

double weight(const Problem& problem, const std::vector<VmIndex>& vms) {
    double sum = 0;
    for (const VmIndex vm : vms) sum += problem.vms[vm].weight;
    return sum;
}

bool is_better(const Problem& problem, const OrderedEvacuation& one, const OrderedEvacuation& other) {
    const double a = weight(problem, one.left), b = weight(problem, other.left);
    if (a != b) return a < b;
    if (one.order.stranded.size() != other.order.stranded.size())
        return one.order.stranded.size() < other.order.stranded.size();
    return one.packing.move_cost < other.packing.move_cost;
}

}  // namespace

OrderedEvacuation evacuate_in_order(const Problem& problem, const std::vector<HostIndex>& hosts, const Effort& effort,
                                    const OrderOptions& options) {
    Problem emptied = problem;
    for (const HostIndex host : hosts) emptied.hosts[host].receives = false;
    OrderedEvacuation best;
    for (std::uint64_t n = 0; n < most_packings; ++n) {
        Effort varied = effort;
        varied.seed += n;
        OrderedEvacuation tried = attempt(emptied, hosts, varied, options);
        if (n == 0 || is_better(problem, tried, best)) best = std::move(tried);
        const bool packed = best.packing.exact || best.packing.left.empty();
        const bool tried_enough = n + 1 >= most_packings_incomplete;
        if (best.order.stranded.empty() && (packed || tried_enough)) break;
        if (best.left.empty() && tried_enough) break;  // others than those that had to go do not reach their places
    }
    return best;
}

}  // namespace ballast::policy::solver
