#include "policy/solver/relaxed.h"

#include <algorithm>

namespace ballast::policy::solver {

namespace {

constexpr std::uint64_t tabu_turns = 12;    // an exchanged VM stays that long, and up to as much longer
constexpr std::uint64_t work_per_look = 2;  // of an exchange that is looked at, beside what a place costs

// splitmix64 (Steele, Lea, Flood 2014)
std::uint64_t mix(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

struct Sums {
    Amounts capacity{}, load{};
    std::size_t limited = 0;  // resources
    std::size_t scarcest = 0;
};

// Over the hosts that receive, with `wanted` on them.
Sums sums_of(const Problem& problem, const std::vector<VmIndex>& wanted) {
    const Placement start(problem);
    Sums sums;
    double scarcity = 0;
    for (std::size_t k = 0; k < problem.resources.size(); ++k) {
        for (HostIndex host = 0; host < problem.hosts.size(); ++host) {
            const HostSlot& slot = problem.hosts[host];
            if (!slot.receives || slot.capacity[k] == unlimited) continue;
            sums.capacity[k] += slot.capacity[k];
            sums.load[k] += start.used(host)[k];
        }
        if (sums.capacity[k] <= 0) continue;
        ++sums.limited;
        for (const VmIndex vm : wanted) sums.load[k] += problem.vms[vm].demand[k];
        if (sums.load[k] / sums.capacity[k] <= scarcity) continue;
        scarcity = sums.load[k] / sums.capacity[k];
        sums.scarcest = k;
    }
    return sums;
}

Problem with_one_limit(Problem problem, std::size_t scarcest) {
    for (HostSlot& host : problem.hosts)
        for (std::size_t k = 0; k < max_resources; ++k)
            if (k != scarcest) host.capacity[k] = unlimited;
    return problem;
}

// Exchanges VMs until no host has more of anything than it can hold: always what takes away most of the excess, or
// adds the least, with a short memory of what was exchanged.
class Exchanger {
public:
    Exchanger(const Problem& problem, Placement start, const Amounts& capacity, const Effort& effort)
        : problem_(problem),
          placement_(std::move(start)),
          effort_(effort),
          state_(effort.seed),
          stays_until_(problem.vms.size(), 0) {
        for (std::size_t k = 0; k < max_resources; ++k)
            if (capacity[k] > 0) per_unit_[k] = static_cast<double>(problem.hosts.size()) / capacity[k];
        for (HostIndex host = 0; host < problem.hosts.size(); ++host)
            if (problem.hosts[host].receives) receiving_.push_back(host);
    }

    bool run(std::uint64_t& work, std::uint64_t limit, const std::vector<VmIndex>& wanted) {
        is_wanted_.assign(problem_.vms.size(), 0);
        for (const VmIndex vm : wanted) is_wanted_[vm] = 1;
        while (work < limit) {
            std::vector<HostIndex> full;
            for (const HostIndex host : receiving_)
                if (excess(host, {}) > 0) full.push_back(host);
            if (full.empty()) return true;
            ++turn_;
            if (!exchange_on(full[mix(state_) % full.size()], work)) return false;
        }
        return false;
    }

    const Placement& placement() const { return placement_; }

private:
    struct Exchange {
        VmIndex vm = Placement::no_vm, other = Placement::no_vm;
        HostIndex to = no_host;
        double change = unlimited;
    };

    // What the host would have too much of with `by` more, as shares of a mean host.
    double excess(HostIndex host, const Amounts& by) const {
        const HostSlot& slot = problem_.hosts[host];
        double sum = 0;
        for (std::size_t k = 0; k < problem_.resources.size(); ++k) {
            const double over = placement_.used(host)[k] + by[k] - slot.capacity[k] * (1 + rounding);
            if (over > 0) sum += over * per_unit_[k];
        }
        return sum;
    }

    bool may_move(VmIndex vm) const {
        return problem_.vms[vm].movable && stays_until_[vm] <= turn_ && (is_wanted_[vm] || effort_.depth > 0);
    }

    static Amounts difference(const Amounts& a, const Amounts& b) {
        Amounts result{};
        for (std::size_t k = 0; k < max_resources; ++k) result[k] = a[k] - b[k];
        return result;
    }

    void look_at(Exchange& best, VmIndex vm, VmIndex other, HostIndex to, double before) const {
        static constexpr Amounts nothing{};
        const HostIndex from = placement_.host_of(vm);
        const Amounts& in = problem_.vms[vm].demand;
        const Amounts& out = other == Placement::no_vm ? nothing : problem_.vms[other].demand;
        const double change = excess(from, difference(out, in)) + excess(to, difference(in, out)) - before;
        if (change >= best.change || !placement_.fits_without(vm, to, other)) return;
        if (other != Placement::no_vm && !placement_.fits_without(other, from, vm)) return;
        best = {vm, other, to, change};
    }

    bool exchange_on(HostIndex full, std::uint64_t& work) {
        Exchange best;
        for (const VmIndex vm : placement_.vms_on(full)) {
            if (!may_move(vm)) continue;
            for (const HostIndex to : receiving_) {
                if (to == full) continue;
                const double before = excess(full, {}) + excess(to, {});
                look_at(best, vm, Placement::no_vm, to, before);
                for (const VmIndex other : placement_.vms_on(to))
                    if (may_move(other)) look_at(best, vm, other, to, before);
                work += work_per_look * (1 + placement_.vms_on(to).size());
            }
        }
        if (best.vm == Placement::no_vm) return false;
        for (const VmIndex vm : {best.vm, best.other})
            if (vm != Placement::no_vm) stays_until_[vm] = turn_ + tabu_turns + mix(state_) % tabu_turns;
        if (best.other != Placement::no_vm) placement_.move(best.other, full);
        placement_.move(best.vm, best.to);
        return true;
    }

    const Problem& problem_;
    Placement placement_;  // of the problem with one limit
    Effort effort_;
    std::uint64_t state_, turn_ = 0;
    std::vector<std::uint64_t> stays_until_;
    std::vector<std::uint8_t> is_wanted_;
    std::vector<HostIndex> receiving_;
    Amounts per_unit_{};
};

}  // namespace

std::optional<std::vector<HostIndex>> place_relaxed(const Problem& problem, const std::vector<VmIndex>& wanted,
                                                    const Effort& effort, std::uint64_t& work) {
    const Sums sums = sums_of(problem, wanted);
    if (sums.limited < 2) return std::nullopt;
    for (std::size_t k = 0; k < problem.resources.size(); ++k)
        if (sums.capacity[k] > 0 && sums.load[k] > sums.capacity[k] * (1 + rounding)) return std::nullopt;
    const std::uint64_t limit = work + effort.work;
    const Problem relaxed = with_one_limit(problem, sums.scarcest);
    Effort half = effort;
    half.work /= 2;
    Packer packer(relaxed, wanted, half);
    const bool placed = packer.run();
    work += packer.work();
    if (!placed) return std::nullopt;
    Exchanger exchanger(problem, packer.placement(), sums.capacity, effort);
    if (!exchanger.run(work, limit, wanted)) return std::nullopt;
    std::vector<HostIndex> places(problem.vms.size());
    for (VmIndex vm = 0; vm < places.size(); ++vm) places[vm] = exchanger.placement().host_of(vm);
    return places;
}

}  // namespace ballast::policy::solver
