#include "policy/estimators.h"

#include <algorithm>
#include <cmath>

#include "policy/demand_history.h"
#include "policy/series/statistics.h"

namespace ballast::policy {

namespace {
constexpr Duration longest_smoothing = std::chrono::seconds{30};
constexpr double assumed_vcpu_use = 0.5;  // see demand_cores()
}  // namespace

std::optional<double> known(const std::optional<double>& measured) {
    if (measured && std::isfinite(*measured) && *measured >= 0) return measured;
    return std::nullopt;
}

bool is_fresh(const Host& host) {
    return host.power == PowerState::on && host.connection == Connection::up && !host.stale && !host.lost &&
           host.sampled_at.has_value();
}

Duration smoothing_time(const OverloadOptions& overload) {
    return std::min(overload.cpu.persistence / 4, longest_smoothing);
}

double weight_of(Duration elapsed, Duration smoothing) {
    if (smoothing <= Duration::zero()) return 1;
    if (elapsed <= Duration::zero()) return 0;
    return 1 - std::exp(-static_cast<double>(elapsed.count()) / static_cast<double>(smoothing.count()));
}

double blend(double old_value, double new_value, double weight) {
    return old_value + weight * (new_value - old_value);
}

std::optional<double> measured_demand(const Vm& vm) {
    const auto used = known(vm.load.cpu_used_cores);
    if (!used) return std::nullopt;
    const double vcpus = std::max(1U, vm.facts.vcpus);
    const double ready = std::min(known(vm.load.ready_ratio).value_or(0), 1.0);
    return std::min(*used + ready * vcpus, vcpus);
}

bool demand_known(const Vm& vm, const Memory& memory) {
    const auto found = memory.vms.find(vm.id);
    return found != memory.vms.end() && found->second.last_sample.has_value();
}

double demand_cores(const Vm& vm, const Memory& memory) {
    const auto found = memory.vms.find(vm.id);
    return demand_cores(vm, found == memory.vms.end() ? nullptr : &found->second);
}

double demand_cores(const Vm& vm, const VmMemory* memory) {
    if (memory != nullptr && memory->last_sample) return known(memory->cpu_demand_cores).value_or(0);
    return assumed_vcpu_use * vm.facts.vcpus;
}

double planned_cores(const Vm& vm, const VmMemory* memory) {
    const double mean = demand_cores(vm, memory);
    if (memory == nullptr || !memory->last_sample) return mean;
    return std::max(mean, known(memory->planned_cpu_cores).value_or(0));
}

double estimated_cores(const VmMemory& memory, const EstimatorOptions& options) {
    if (options.method == EstimatorOptions::Method::ewma) return memory.cpu_demand_cores;
    std::vector<double> means = known_means(memory.history);
    const auto wanted = static_cast<std::size_t>(std::max<Duration::rep>(1, options.window / demand_slot));
    if (means.size() > wanted) means.erase(means.begin(), means.end() - static_cast<std::ptrdiff_t>(wanted));
    return std::max(memory.cpu_demand_cores, series::percentile(means, options.percentile));
}

void SwapRate::add(const Host& host) {
    if (const auto rate = known(host.load.swap_in_mib_per_s)) rate_ = rate_.value_or(0) + *rate;
}

void SwapRate::add(const Vm& vm) {
    const auto rate = known(vm.load.swap_in_mib_per_s);
    if (!rate || !vm.load.memory_balloon) return;
    const bool ballooned = *vm.load.memory_balloon < vm.facts.memory;
    rate_ = rate_.value_or(0) + (ballooned ? *rate : 0);
}

void ReadyMean::add(const Vm& vm) {
    any_vm = true;
    const auto ready = known(vm.load.ready_ratio);
    if (!ready) return;
    const double count = std::max(1U, vm.facts.vcpus);
    waiting_vcpus += std::min(*ready, 1.0) * count;
    vcpus += count;
}

std::optional<double> ReadyMean::value() const {
    if (vcpus > 0) return waiting_vcpus / vcpus;
    return any_vm ? std::nullopt : std::optional<double>{0};
}

std::optional<double> measured_memory_ratio(const Host& host) {
    const Bytes total = host.facts.memory_total;
    if (!host.load.memory_available || total == Bytes{}) return std::nullopt;
    return static_cast<double>((total - *host.load.memory_available).count) / static_cast<double>(total.count);
}

Bytes memory_bound(const Vm& vm) {
    if (vm.facts_known) return vm.facts.memory;
    return std::max(vm.facts.memory, vm.load.memory_rss.value_or(Bytes{}));
}

namespace {
Bytes on_huge_pages(const Vm& vm) {
    Bytes sum;
    for (const auto& [page, amount] : vm.facts.requirements.huge_pages) sum += std::min(amount, memory_bound(vm) - sum);
    return sum;
}
}  // namespace

Bytes ordinary_memory(const Vm& vm) {
    return memory_bound(vm) - on_huge_pages(vm);
}

Bytes memory_resident(const Vm& vm) {
    // The emulator's own memory is in RSS too; only the guest's travels, so its maximum bounds it.
    return std::min(vm.load.memory_rss.value_or(ordinary_memory(vm)), ordinary_memory(vm));
}

Bytes memory_to_copy(const Vm& vm) {
    return memory_resident(vm) + on_huge_pages(vm);
}

Bytes memory_claim(const Vm& vm, const Options& options) {
    if (options.overcommit.memory <= 1) return ordinary_memory(vm);
    return std::max(memory_resident(vm), reserved_memory_of(vm));
}

Bytes reserved_memory_of(const Vm& vm) {
    return std::min(vm.facts.wishes.reserved_memory.value_or(Bytes{}), ordinary_memory(vm));
}

bool occupies_host(const Vm& vm) {
    return vm.state != VmState::shut_off;
}

}  // namespace ballast::policy
