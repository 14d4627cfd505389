#include "sim/trace/stability.h"

#include <catch2/catch.hpp>

using namespace ballast;
using namespace ballast::sim::trace;

TEST_CASE("A synthetic load follows from its seed and stays within the VM's size") {
    SyntheticOptions options;
    const SyntheticLoad load(options), same(options);
    options.seed = 2;
    const SyntheticLoad other(options);
    double sum = 0, others = 0;
    for (unsigned vm = 0; vm < options.vms; ++vm) {
        for (unsigned minute = 0; minute < 1440; minute += 30) {
            const double wanted = load.wanted(vm, minute);
            REQUIRE(wanted == same.wanted(vm, minute));
            REQUIRE((wanted >= 0 && wanted <= load.vcpus(vm)));
            sum += wanted;
            others += other.wanted(vm, minute);
        }
    }
    CHECK(sum != others);
    CHECK(sum / 48 == Approx(0.5 * 16 * 32).epsilon(0.15));
}

TEST_CASE("A quiet day on a balanced cluster moves nothing") {
    SyntheticOptions options;
    options.hosts = 4;
    options.vms = 32;
    options.days = 1;
    options.mean_load = 0.3;
    const auto found = measure_stability(options, {});
    CHECK(found.cycles == 1440);
    CHECK(found.moves == 0);
    CHECK(found.overload == 0);
}

TEST_CASE("A busy day keeps the cooldown and sends nobody back") {
    SyntheticOptions options;
    options.hosts = 4;
    options.vms = 32;
    options.days = 1;
    options.mean_load = 0.65;
    const auto found = measure_stability(options, {});
    CHECK(found.moves > 0);
    CHECK(found.moved_twice == 0);
    CHECK(found.returns == 0);
}

TEST_CASE("Moves that help nobody are braked, and those on steep mornings that help are not") {
    SyntheticOptions options;
    options.hosts = 6;
    options.vms = 48;
    options.days = 2;
    options.mean_load = 0.3;
    options.bursts_per_day = 0;
    options.steepness = 40;
    options.phase_spread = 0.05;
    policy::Options policy;
    policy.consolidation.enabled = true;
    policy.forecast.enabled = true;
    const auto helping = measure_stability(options, policy);
    CHECK(helping.braked_minutes == 0);
    CHECK(helping.host_hours_off > 0);
    options.stays = 0.9;  // the load of those that leave goes to those that stay
    const auto in_vain = measure_stability(options, policy);
    CHECK(in_vain.braked_minutes > 60);
    CHECK(in_vain.braked_minutes < in_vain.cycles);
}
