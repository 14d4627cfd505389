#include "sim/trace/bound.h"

#include <algorithm>
#include <limits>

namespace ballast::sim::trace {
namespace {

/// The sample with which the VM vanishes: the first of two zeros after the day began.
std::size_t end_of(const VmTrace& vm) {
    for (std::size_t k = 1; k + 1 < samples_per_day; ++k) {
        if (vm.percent[k] == 0 && vm.percent[k + 1] == 0) return k;
    }
    return samples_per_day;
}

double least_watts_per_mips(const Setting& setting) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& type : setting.host_types) least = std::min(least, type.watts.back() / type.mips());
    return least;
}

}  // namespace

double energy_bound_kwh(const Setting& setting, const Workload& workload) {
    double mips_s = 0;
    for (std::size_t vm = 0; vm < workload.vms.size(); ++vm) {
        const auto& trace = workload.vms[vm];
        const double mips = setting.vm_type(vm, workload.vms.size()).mips;
        const std::size_t end = setting.rules.vanish ? end_of(trace) : samples_per_day;
        // Power follows the line between two measurements, as the demand does.
        for (std::size_t k = 1; k + 1 < samples_per_day && k < end; ++k)
            mips_s += (trace.percent[k] + trace.percent[k + 1]) / 200.0 * mips * sample_interval_s;
    }
    return mips_s * least_watts_per_mips(setting) / 3.6e6;
}

}  // namespace ballast::sim::trace
