// Tiny clusters for the trace simulator's tests, with figures that can be worked out by hand.
#pragma once

#include <catch2/catch.hpp>
#include <functional>

#include "sim/trace/simulation.h"

namespace ballast::test {

using namespace ballast::sim::trace;

/// One type of host: 1000 MIPS in one core, 4 GB, 50 W idle and 100 W full, even in between. One type of VM: 500 MIPS,
/// 625 MB, so that it moves in exactly 10 s.
inline Setting small_setting(unsigned hosts, const Rules& rules = published_rules()) {
    Setting setting;
    setting.host_types = {{"plain", 1, 1000, 4096, {50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100}}};
    setting.vm_types = {{500, 625}};
    setting.rules = rules;
    setting.type_of_host.assign(hosts, 0);
    return setting;
}

inline VmTrace constant(std::uint8_t percent) {
    VmTrace vm{"vm", {}};
    vm.percent.fill(percent);
    return vm;
}

/// Does what it is told at each tick.
class Scripted : public Decider {
public:
    using Script = std::function<Decision(unsigned tick, const Cluster&)>;
    Scripted(std::vector<HostIndex> placement, Script script = {})
        : placement_(std::move(placement)), script_(std::move(script)) {}
    std::vector<HostIndex> place(const Cluster&) override { return placement_; }
    Decision decide(const Cluster& cluster) override { return script_ ? script_(tick_++, cluster) : Decision{}; }

private:
    std::vector<HostIndex> placement_;
    Script script_;
    unsigned tick_ = 0;
};

}  // namespace ballast::test
