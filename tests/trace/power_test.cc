// Consolidation over simulated days: hosts off at night, back in the morning, and nothing that flaps.
#include <catch2/catch.hpp>

#include "sim/trace/stability.h"

using namespace ballast;
using namespace ballast::sim::trace;

namespace {

policy::Options consolidating() {
    policy::Options policy;
    policy.consolidation.enabled = true;
    return policy;
}

SyntheticOptions cluster(double load) {
    SyntheticOptions options;
    options.hosts = 6;
    options.vms = 48;
    options.days = 1;
    options.mean_load = load;
    return options;
}

}  // namespace

TEST_CASE("A quiet cluster ends on the fewest hosts that the policy allows") {
    auto options = cluster(0.05);
    options.bursts_per_day = 0;
    options.vms = 24;  // of the memory of one host
    auto policy = consolidating();
    SECTION("min_hosts_on") {
        policy.consolidation.min_hosts_on = 2;
    }
    SECTION("the loss of one host: one is enough for all, and one is lost") {
        policy.consolidation.min_hosts_on = 1;
        policy.admission.host_failures = 1;
    }
    const auto found = measure_stability(options, policy);
    CHECK(found.last_on == 2);
    CHECK(found.fewest_on == 2);
    CHECK(found.wakes == 0);
    CHECK(found.overload_minutes == 0);
    CHECK(found.stranded == 0);
    CHECK(found.energy_kwh < 0.6 * found.energy_all_on_kwh);
}

TEST_CASE("Over two days with a rhythm hosts are off and back, without flapping, returns or overload for long") {
    auto options = cluster(0.3);
    options.days = 2;
    const auto found = measure_stability(options, consolidating());
    CHECK(found.host_hours_off > 48);
    CHECK(found.flaps == 0);
    CHECK(found.returns == 0);
    CHECK(found.moved_twice == 0);
    CHECK(found.stranded == 0);
    CHECK(found.overload < 0.001);  // of host minutes: the stability target
    CHECK(found.energy_kwh < 0.85 * found.energy_all_on_kwh);
}

TEST_CASE("Where hosts may be empty at night only, all are on by day") {
    auto options = cluster(0.2);
    options.hosts = 4;
    options.vms = 24;
    auto policy = consolidating();
    policy.balance.enabled = false;  // it would look for something to even out all day
    policy.consolidation.windows = {{"night", {{0, 6, 0, 6 * 60}}, {}}};
    const auto found = measure_stability(options, policy);
    CHECK(found.switched_off > 0);
    CHECK(found.wakes == found.switched_off);
    CHECK(found.last_on == 4);
    CHECK(found.host_hours_off < 3 * 6);
    CHECK(found.stranded == 0);
    CHECK(found.overload < 0.001);
}
