#include "policy/capacity.h"

#include <algorithm>
#include <limits>

namespace ballast::policy {

namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

// Absurd reports must not wrap around.
Bytes times(Bytes page, std::uint64_t pages) {
    return {page.count != 0 && pages > most / page.count ? most : page.count * pages};
}

Bytes plus(Bytes a, Bytes b) {
    return {a.count + std::min(b.count, most - a.count)};
}

Bytes times_ratio(Bytes bytes, double ratio) {
    const double product = static_cast<double>(bytes.count) * ratio;
    return {product >= static_cast<double>(most) ? most : static_cast<std::uint64_t>(std::max(0.0, product))};
}

// Pages that are set aside are in no VM's reach but those that ask for them.
Bytes set_aside(const Host& host) {
    Bytes sum;
    for (const auto& [page, pool] : huge_pages_of(host)) sum = plus(sum, pool.total);
    return sum;
}

}  // namespace

double usable_cpus(const Host& host, const Options& options) {
    return static_cast<double>(host.facts.cpus) * std::clamp(1 - options.reserve.cpu, 0.0, 1.0);
}

std::optional<double> vcpu_limit(const Host& host, const Options& options) {
    if (!options.overcommit.cpu) return std::nullopt;
    return static_cast<double>(host.facts.cpus) * *options.overcommit.cpu;
}

Bytes reserved_memory(const Host& host, const Options& options) {
    const double ratio = std::clamp(options.reserve.memory, 0.0, 1.0);
    return std::max(scaled(host.facts.memory_total, ratio), options.reserve.memory_min);
}

Bytes allocatable_memory(const Host& host, const Options& options) {
    if (options.overcommit.memory == 1) return reservable_memory(host, options);
    return times_ratio(reservable_memory(host, options), options.overcommit.memory);
}

Bytes reservable_memory(const Host& host, const Options& options) {
    return host.facts.memory_total - set_aside(host) - reserved_memory(host, options);
}

std::map<Bytes, HugePages> huge_pages_of(const Host& host) {
    std::map<Bytes, HugePages> pools;
    for (const auto& [id, cell] : host.facts.cells)
        for (const auto& [page, count] : cell.huge_pages) {
            Bytes& total = pools[page].total;
            total = plus(total, times(page, count));
        }
    for (auto& [page, pool] : pools)
        if (const auto free = host.load.free_huge_pages.find(page); free != host.load.free_huge_pages.end())
            pool.measured = times(page, free->second);
    return pools;
}

std::map<Bytes, Bytes> huge_pages_on(const Host& host, const Vm& vm) {
    std::map<Bytes, Bytes> needs = vm.facts.requirements.huge_pages;
    const auto unnamed = needs.find(Bytes{});
    if (unnamed == needs.end()) return needs;
    Bytes smallest;
    for (const auto& [id, cell] : host.facts.cells)
        for (const auto& [page, count] : cell.huge_pages)
            if (smallest == Bytes{} || page < smallest) smallest = page;
    if (smallest == Bytes{}) return needs;
    const Bytes amount = unnamed->second;
    needs.erase(unnamed);
    needs[smallest] = plus(needs[smallest], amount);
    return needs;
}

double ratio_of(double demand, double capacity) {
    return capacity > 0 ? demand / capacity : 0;
}

}  // namespace ballast::policy
