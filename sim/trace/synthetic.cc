#include "sim/trace/synthetic.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

namespace ballast::sim::trace {
namespace {

constexpr unsigned minutes_per_day = 24 * 60;
constexpr unsigned vms_per_service = 8;
constexpr unsigned cpus_per_host = 32;
constexpr Bytes memory_per_host = gib(256);

/// SplitMix64 [Steele, Lea, Flood 2014]: a good mix of a seed and what is asked for, so that any minute of any VM can
/// be had without those before it.
std::uint64_t mixed(std::uint64_t seed, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    std::uint64_t z = seed;
    for (const std::uint64_t part : {a, b, c}) {
        z += part + 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        z ^= z >> 31U;
    }
    return z;
}

/// 0-1.
double uniform(std::uint64_t seed, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    return static_cast<double>(mixed(seed, a, b, c) >> 11U) * 0x1.0p-53;
}

/// Mean 0, standard deviation 1: the sum of twelve, so that it needs no function that differs between libraries.
double normal(std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
    double sum = -6;
    for (std::uint64_t i = 0; i < 12; ++i) sum += uniform(seed, a, b, i);
    return sum;
}

// What a number is drawn for.
enum Purpose : std::uint64_t { phase, swing, vcpu_count, weight, burst_start, burst_length, own_noise, service_noise };

constexpr std::uint64_t key(Purpose purpose, std::uint64_t subject) {
    return (std::uint64_t{purpose} << 32U) + subject;
}

std::string numbered(const char* prefix, unsigned number) {
    char text[32];
    std::snprintf(text, sizeof text, "%s%04u", prefix, number);
    return text;
}

// From -1 to 1 and back: a sine, or one that is cut off at the top and at the bottom.
double wave(double angle, double steepness) {
    if (steepness <= 0) return std::sin(angle);
    return std::tanh(steepness * std::sin(angle)) / std::tanh(steepness);
}

Host make_host(unsigned number) {
    Host host;
    host.id = {numbered("host", number)};
    host.facts.hostname = host.id.value;
    host.facts.cpus = cpus_per_host;
    host.facts.memory_total = memory_per_host;
    host.facts.arch = "x86_64";
    host.facts.cpu_by_virt_type["kvm"] = {{"EPYC"}, {}, "AMD EPYC", {"pc-q35-7.2"}};
    host.facts.networks = {"default"};
    host.facts.pools = {{"vms", "/srv/vms"}};
    host.facts.shared_paths = {"/srv/vms"};
    host.connection = Connection::up;
    host.stale = false;
    return host;
}

Vm make_vm(unsigned number, unsigned vcpus) {
    Vm vm;
    vm.id = {numbered("vm", number)};
    vm.state = VmState::running;
    vm.facts_known = true;
    vm.facts.name = vm.id.value;
    vm.facts.vcpus = vcpus;
    vm.facts.memory = gib(2 * std::uint64_t{vcpus});
    vm.facts.requirements = {"kvm",       "x86_64", "pc-q35-7.2", {CpuRequirement::Mode::custom, "EPYC", {}},
                             {"default"}, {},       {},           {}};
    vm.load.memory_rss = vm.facts.memory;
    vm.load.ready_ratio = 0;
    return vm;
}

}  // namespace

SyntheticLoad::SyntheticLoad(const SyntheticOptions& options) : options_(options) {
    const auto seed = options.seed;
    for (unsigned service = 0; service * vms_per_service < options.vms; ++service) {
        // Most services peak by day, within a few hours of each other: that is what makes their load correlated.
        services_.push_back({options.phase_spread * normal(seed, key(phase, service), 0),
                             0.2 + 0.4 * uniform(seed, key(swing, service), 0, 0)});
    }
    double sum = 0;
    for (unsigned number = 0; number < options.vms; ++number) {
        Vm vm;
        vm.service = number / vms_per_service;
        vm.vcpus = 2U << (mixed(seed, key(vcpu_count, number), 0, 0) % 3);  // 2, 4, 8
        vm.mean = vm.vcpus * (0.2 + uniform(seed, key(weight, number), 0, 0));
        sum += vm.mean;
        vms_.push_back(std::move(vm));
    }
    const double factor = options.mean_load * options.hosts * cpus_per_host / std::max(sum, 1.0);
    for (unsigned number = 0; number < options.vms; ++number) {
        auto& vm = vms_[number];
        vm.mean = std::min(vm.mean * factor, 0.6 * vm.vcpus);
        const auto bursts = static_cast<unsigned>(std::lround(options.bursts_per_day * options.days));
        for (unsigned i = 0; i < bursts; ++i) {
            const auto from =
                static_cast<unsigned>(uniform(seed, key(burst_start, number), i, 0) * options.days * minutes_per_day);
            vm.bursts.push_back(
                {from, from + 1 + static_cast<unsigned>(uniform(seed, key(burst_length, number), i, 0) * 15)});
        }
    }
}

double SyntheticLoad::wanted(unsigned number, unsigned minute) const {
    const auto& vm = vms_[number];
    const auto& service = services_[vm.service];
    const double most = vm.vcpus;
    for (const auto& burst : vm.bursts) {
        if (minute >= burst.from && minute < burst.to) return most;
    }
    const double day = static_cast<double>(minute) / minutes_per_day * 2 * std::numbers::pi;
    const double rhythm = 1 + service.swing * wave(day + service.phase, options_.steepness);
    const double shared =
        1 + options_.shared_noise * normal(options_.seed, key(service_noise, vm.service), minute / 10);
    const double weekend = minute / minutes_per_day % 7 >= 5 ? options_.weekend : 1;
    const double own = 1 + options_.noise * normal(options_.seed, key(own_noise, number), minute);
    return std::clamp(vm.mean * rhythm * weekend * shared * own, 0.0, most);
}

Inventory balanced_inventory(const SyntheticOptions& options, const SyntheticLoad& load) {
    Inventory inventory;
    std::vector<double> sum(options.hosts);
    std::vector<HostId> hosts;
    for (unsigned number = 0; number < options.hosts; ++number) {
        const auto host = make_host(number);
        hosts.push_back(host.id);
        inventory.hosts[host.id] = host;
    }
    std::vector<unsigned> order(options.vms);
    for (unsigned vm = 0; vm < options.vms; ++vm) order[vm] = vm;
    std::ranges::stable_sort(order, [&](unsigned a, unsigned b) { return load.mean(a) > load.mean(b); });
    for (const unsigned number : order) {
        const auto least = static_cast<std::size_t>(std::ranges::min_element(sum) - sum.begin());
        sum[least] += load.mean(number);
        auto vm = make_vm(number, load.vcpus(number));
        vm.host = hosts[least];
        inventory.vms[vm.id] = vm;
    }
    return inventory;
}

}  // namespace ballast::sim::trace
