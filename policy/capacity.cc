#include "policy/capacity.h"

#include <algorithm>

namespace ballast::policy {

double usable_cpus(const Host& host, const Options& options) {
    return static_cast<double>(host.facts.cpus) * std::clamp(1 - options.reserve.cpu, 0.0, 1.0);
}

Bytes reserved_memory(const Host& host, const Options& options) {
    const double ratio = std::clamp(options.reserve.memory, 0.0, 1.0);
    return std::max(scaled(host.facts.memory_total, ratio), options.reserve.memory_min);
}

double ratio_of(double demand, double capacity) {
    return capacity > 0 ? demand / capacity : 0;
}

}  // namespace ballast::policy
