#include <cmath>

#include "tests/policy/cluster_builder.h"

using namespace ballast;
using namespace ballast::test;
using policy::MigrationOptions;
using policy::predict;

namespace {

Vm sized(Bytes memory, std::optional<double> dirty) {
    Vm vm;
    vm.facts_known = true;
    vm.facts.memory = memory;
    vm.load.memory_rss = memory;
    vm.load.dirty_rate_mib_per_s = dirty;
    return vm;
}

MigrationOptions link_of(double mib_per_s) {
    MigrationOptions options;
    options.bandwidth_mib_per_s = mib_per_s;
    return options;
}

}  // namespace

TEST_CASE("An idle guest is copied once") {
    const Prediction p = predict(sized(gib(1), 0), {}, link_of(100));
    CHECK(p.converges);
    CHECK(p.transferred == gib(1));
    CHECK(p.duration == 10290ms);  // 1024 MiB at 100 MiB/s, and the switch-over
    CHECK(p.downtime == 50ms);
}

TEST_CASE("A busy guest takes rounds until the rest fits the downtime") {
    const Prediction p = predict(sized(gib(1), 50), {}, link_of(100));
    CHECK(p.converges);
    // 1024 + 512 + ... + 16 MiB in rounds, then 8 MiB, which fit 100 ms
    CHECK(p.transferred == mib(2040));
    CHECK(p.downtime == 130ms);
    CHECK(p.duration == 20450ms);
}

TEST_CASE("A guest that dirties memory as fast as the link carries it does not converge") {
    const Prediction p = predict(sized(gib(4), 100), {}, link_of(100));
    CHECK_FALSE(p.converges);
    CHECK(p.duration == 600s);  // the deadline: 150 s for each GiB
    CHECK(p.downtime == 550ms);
}

TEST_CASE("Only resident memory travels, and never more than the guest's maximum") {
    Vm vm = sized(gib(8), 0);
    vm.load.memory_rss = gib(1);
    CHECK(predict(vm, {}, link_of(100)).transferred == gib(1));
    vm.load.memory_rss = gib(9);
    CHECK(predict(vm, {}, link_of(100)).transferred == gib(8));
    vm.load.memory_rss.reset();
    CHECK(predict(vm, {}, link_of(100)).transferred == gib(8));
}

TEST_CASE("A dirty rate never measured is assumed from how busy the guest is") {
    policy::VmMemory memory;
    memory.last_sample = Instant{};
    memory.cpu_demand_cores = 0;
    const Prediction idle = predict(sized(gib(1), std::nullopt), memory, link_of(100));
    memory.cpu_demand_cores = 4;
    const Prediction busy = predict(sized(gib(1), std::nullopt), memory, link_of(100));
    CHECK(idle.duration < busy.duration);
    memory.dirty_known = true;
    CHECK(predict(sized(gib(1), std::nullopt), memory, link_of(100)).transferred == gib(1));
}

TEST_CASE("Without a limit the assumed link counts") {
    MigrationOptions options;
    CHECK(predict(sized(mib(1100), 0), {}, options).duration == 10s + 50ms);
    options.assumed_link_mib_per_s = 55;
    CHECK(predict(sized(mib(1100), 0), {}, options).duration == 20s + 50ms);
}

TEST_CASE("Predictions stay sane whatever was measured") {
    const double rate = GENERATE(0.0, -5.0, 1e300, std::nan(""), HUGE_VAL);
    const Bytes memory = GENERATE(Bytes{0}, gib(1), Bytes{~0ULL});
    const double link = GENERATE(0.0, -1.0, 1e-300, 1e300, std::nan(""));
    const Prediction p = predict(sized(memory, rate), {}, link_of(link));
    INFO(rate << " MiB/s, " << to_string(memory) << ", link " << link);
    CHECK(p.duration >= 0ms);
    CHECK(p.duration <= std::chrono::hours{24 * 366});
    CHECK(p.downtime >= 50ms);
    CHECK(p.downtime <= 550ms);
}
