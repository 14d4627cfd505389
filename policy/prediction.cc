// predict(): the pre-copy model. Each round sends what the guest dirtied during the one before, until the rest fits
// into the downtime allowed [Clark et al., "Live Migration of Virtual Machines", NSDI 2005; Voorsluys et al., 2009].
#include <algorithm>
#include <cmath>

#include "policy/estimators.h"
#include "policy/policy.h"

namespace ballast::policy {

namespace {

// Device state, switching the network and starting the vCPUs: what stopping a guest costs beyond its last pages.
// An assumption, in the order of the 60 ms Clark et al. measured for a whole switch-over; outcomes are kept beside
// predictions to correct it.
constexpr Duration switch_over{50};

// Xen stops at 30 rounds [Clark et al., section 4]; later rounds of a shrinking series are too short to matter.
constexpr int most_rounds = 30;

// Dirty rate assumed until one is measured, in MiB/s: an idle guest's housekeeping, and so much for each busy CPU.
// An assumption on the careful side of an ordinary server load.
constexpr double assumed_idle_dirty = 1;
constexpr double assumed_dirty_per_cpu = 20;

double dirty_rate(const Vm& vm, const VmMemory& memory) {
    if (memory.dirty_known) return known(memory.dirty_mib_per_s).value_or(0);
    if (const auto now = known(vm.load.dirty_rate_mib_per_s)) return *now;
    const double cpus = memory.last_sample ? known(memory.cpu_demand_cores).value_or(0) : 0.5 * vm.facts.vcpus;
    return assumed_idle_dirty + assumed_dirty_per_cpu * cpus;
}

double bandwidth(const MigrationOptions& options, bool crossing) {
    const auto between = crossing ? options.between_sites.bandwidth_mib_per_s : std::nullopt;
    const auto limit = between ? known(between) : known(options.bandwidth_mib_per_s);
    const double mib_per_s = limit.value_or(options.assumed_link_mib_per_s);
    return std::isfinite(mib_per_s) && mib_per_s > 0 ? mib_per_s : MigrationOptions{}.assumed_link_mib_per_s;
}

double seconds(Duration duration) {
    return static_cast<double>(duration.count()) / 1000;
}

// Bounded before the cast: a double too large for the integer would be undefined behaviour.
Duration from_seconds(double value, Duration most) {
    return value >= seconds(most) ? most
                                  : Duration{static_cast<Duration::rep>(std::lround(std::max(0.0, value) * 1000))};
}

// Of what a capped link between sites needs at least [executor::deadline_for].
constexpr double slack = 3;

// The executor gives up, or forces the guest, after this: predicting more than it means nothing.
Duration longest(const MigrationOptions& options, double mib, double link, bool crossing) {
    const double per_gib =
        crossing ? std::max(seconds(options.deadline_per_gib), slack * 1024 / link) : seconds(options.deadline_per_gib);
    const double by_size = per_gib * std::min(mib / 1024, 1e6);
    return std::max(options.deadline_min, from_seconds(by_size, std::chrono::hours{24 * 365}));
}

struct Copying {
    double elapsed_s = 0, sent_mib = 0, remaining_mib = 0;
};

Copying copy(double memory_mib, double dirty, double link, double allowed_s) {
    Copying state;
    state.remaining_mib = memory_mib;
    for (int round = 0; round < most_rounds && state.remaining_mib > link * allowed_s; ++round) {
        const double round_s = state.remaining_mib / link;
        state.elapsed_s += round_s;
        state.sent_mib += state.remaining_mib;
        state.remaining_mib = std::min(dirty * round_s, memory_mib);
    }
    return state;
}

}  // namespace

Prediction predict(const Vm& vm, const VmMemory& memory, const MigrationOptions& options, std::optional<Bytes> crossing,
                   Bytes disks) {
    const auto& steps = options.downtime_steps;
    const Duration first_step = steps.empty() ? MigrationOptions{}.downtime_steps.front() : steps.front();
    const Duration last_step = steps.empty() ? MigrationOptions{}.downtime_steps.back() : steps.back();
    const double link = bandwidth(options, crossing.has_value());
    const Bytes disk = crossing.value_or(disks);
    const double disk_mib = disk.mib();
    const double memory_mib = memory_to_copy(vm).mib();
    const double dirty = dirty_rate(vm, memory);
    const Copying state = copy(memory_mib, dirty, link, seconds(first_step));
    // What is still too much for the first step of the ladder may fit the last one.
    const bool converges = dirty < link && state.remaining_mib <= link * seconds(last_step);
    const Duration most = longest(options, memory_mib + disk_mib, link, crossing.has_value());
    const double sent_mib =
        converges ? state.sent_mib + state.remaining_mib : std::max(state.sent_mib, link * seconds(most));

    Prediction prediction;
    prediction.converges = converges;
    const Duration pause = switch_over + (converges ? from_seconds(state.remaining_mib / link, last_step) : last_step);
    prediction.downtime = from_seconds(seconds(pause) * memory.downtime_factor, most);
    prediction.duration =
        converges ? from_seconds((disk_mib / link + state.elapsed_s + seconds(pause)) * memory.duration_factor, most)
                  : most;
    prediction.transferred = {static_cast<std::uint64_t>(std::min(disk_mib + sent_mib, 1e12) * 1024 * 1024)};
    prediction.disk = disk;
    return prediction;
}

Duration cost_of(const Prediction& prediction) {
    return prediction.duration + 10 * prediction.downtime;
}

}  // namespace ballast::policy
