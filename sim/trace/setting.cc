#include "sim/trace/setting.h"

#include <cmath>

namespace ballast::sim::trace {

/// The order of operations is CloudSim's: its policies compare differences of these, which are equal but for rounding
/// wherever two hosts are on the same piece of the curve, so that the last bit decides.
double watts_at(const PowerTable& table, double utilisation) {
    const double below = std::floor(utilisation * 10), above = std::ceil(utilisation * 10);
    const double low = table[static_cast<std::size_t>(below)];
    if (std::fmod(utilisation, 0.1) == 0) return low;
    const double slope = (table[static_cast<std::size_t>(above)] - low) / 10;
    return low + slope * (utilisation - below / 10) * 100;
}

Rules published_rules() {
    return {};
}

Rules honest_rules() {
    Rules rules;
    rules.vanish = false;
    rules.free_memory = false;
    rules.shared_link = true;
    rules.idle_power = true;
    // From power-on to a working hypervisor: 2-3 minutes on servers of that class.
    rules.boot_s = 150;
    return rules;
}

const VmType& Setting::vm_type(std::size_t vm, std::size_t vms) const {
    const std::size_t block = (vms + vm_types.size() - 1) / vm_types.size();
    return vm_types[vm / block];
}

Setting planetlab_setting(const Rules& rules) {
    Setting setting;
    setting.host_types = {
        {"HP ProLiant ML110 G4", 2, 1860, 4096, {86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117}},
        {"HP ProLiant ML110 G5", 2, 2660, 4096, {93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135}}};
    setting.vm_types = {{2500, 870}, {2000, 1740}, {1000, 1740}, {500, 613}};
    setting.rules = rules;
    for (unsigned host = 0; host < 800; ++host) setting.type_of_host.push_back(host % 2);
    return setting;
}

}  // namespace ballast::sim::trace
