#include "policy/consolidation/estimate.h"

#include <algorithm>
#include <cmath>

#include "policy/consolidation/options.h"
#include "policy/series/statistics.h"

namespace ballast::policy::consolidation {
namespace {

double usual_ratio(const Problem& problem) {
    double wanted = 0, size = 0;
    for (const auto& vm : problem.vms) {
        wanted += vm.now;
        size += vm.size;
    }
    return size > 0 ? wanted / size : 0;
}

double weighted(double measured, double measured_weight, double usual, double usual_weight) {
    return (measured * measured_weight + usual * usual_weight) / (measured_weight + usual_weight);
}

Estimate estimate(const VmSlot& vm, double ratio) {
    const auto recent = vm.history.last(std::min(vm.history.size(), window));
    const auto n = static_cast<double>(recent.size());
    const double seen = weighted(series::mean(recent), n, ratio * vm.size, usual_level_weight);
    const double level = std::max(seen, vm.forecast);
    const double spread = series::standard_deviation(recent);
    return {level, weighted(spread * spread, n, usual_variance * vm.size * level, usual_variance_weight)};
}

}  // namespace

std::vector<Estimate> estimates(const Problem& problem) {
    const double ratio = usual_ratio(problem);
    std::vector<Estimate> all;
    all.reserve(problem.vms.size());
    for (const auto& vm : problem.vms) all.push_back(estimate(vm, ratio));
    return all;
}

}  // namespace ballast::policy::consolidation
