#include "policy/solver/exact_fill.h"

#include <algorithm>

#include "policy/solver/dice.h"

namespace ballast::policy::solver {

namespace {

constexpr std::size_t most_vms_of_host = 96;  // whose pairs are looked at: some 5,000, and millions of exchanges
constexpr std::size_t most_looked_at = 4000;  // exchanges between two hosts that the scarcest resource allows
constexpr std::uint64_t work_per_group = 20;  // of one or two VMs that are gathered, sorted and searched for
constexpr std::uint64_t work_per_look = 20;   // of an exchange, beside what a place costs
constexpr unsigned most_shakes = 64;          // where the sums are not to be had, more of them do not help

// None, one or two VMs of a host.
struct Group {
    double size = 0;  // of the scarcest resource
    VmIndex vms[2] = {Placement::no_vm, Placement::no_vm};
};

Problem without_limits(Problem problem) {
    for (HostSlot& host : problem.hosts) host.capacity.fill(unlimited);
    return problem;
}

class Filler {
public:
    Filler(const Problem& problem, const std::vector<HostIndex>& places, const std::vector<VmIndex>& wanted,
           const Effort& effort, std::uint64_t& work)
        : problem_(problem),
          boundless_(without_limits(problem)),
          placement_(boundless_),
          dice_(effort.seed),
          work_(work),
          limit_(work + effort.work),
          may_move_(problem.vms.size(), 0) {
        for (VmIndex vm = 0; vm < places.size(); ++vm) placement_.move(vm, places[vm]);
        for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) may_move_[vm] = effort.depth > 0 && problem.vms[vm].movable;
        for (const VmIndex vm : wanted) may_move_[vm] = 1;
        for (HostIndex host = 0; host < problem.hosts.size(); ++host)
            if (problem.hosts[host].receives) receiving_.push_back(host);
    }

    bool run(const std::vector<VmIndex>& left) {
        if (receiving_.size() < 2) return false;
        for (const VmIndex vm : left)
            if (!put(vm)) return false;
        if (!weigh()) return false;
        while (work_ < limit_) {
            const auto full = full_hosts();
            if (full.empty()) return true;
            if (std::any_of(full.begin(), full.end(), [&](HostIndex host) { return relieve(host); })) continue;
            if (shakes_++ == most_shakes) return false;
            shake(full.front());
        }
        return false;
    }

    const Placement& placement() const { return placement_; }

private:
    double capacity(HostIndex host, std::size_t k) const { return problem_.hosts[host].capacity[k] * (1 + rounding); }
    double free(HostIndex host, std::size_t k) const { return capacity(host, k) - placement_.used(host)[k]; }

    // What is too much there of all but the scarcest resource, as shares of the host.
    double excess(HostIndex host, const Amounts& used) const {
        double sum = 0;
        for (std::size_t k = 0; k < problem_.resources.size(); ++k)
            if (const double over = used[k] - capacity(host, k); k != scarcest_ && over > 0)
                sum += over / std::max(problem_.hosts[host].capacity[k], 1e-12);
        return sum;
    }
    double excess(HostIndex host) const { return excess(host, placement_.used(host)); }

    // Where it is least too much.
    bool put(VmIndex vm) {
        HostIndex best = no_host;
        double least = unlimited;
        for (const HostIndex host : receiving_) {
            if (!placement_.fits(vm, host)) continue;
            double most = 0;
            for (std::size_t k = 0; k < problem_.resources.size(); ++k)
                if (const double all = problem_.hosts[host].capacity[k]; all > 0 && all < unlimited)
                    most = std::max(most, (placement_.used(host)[k] + problem_.vms[vm].demand[k]) / all);
            if (most >= least) continue;
            best = host;
            least = most;
        }
        if (best != no_host) placement_.move(vm, best);
        return best != no_host;
    }

    // Which resource is the scarcest, and how much of it may stay free on each host; false when there is not enough.
    bool weigh() {
        double most = -1;
        for (std::size_t k = 0; k < problem_.resources.size(); ++k) {
            double all = 0, used = 0;
            for (const HostIndex host : receiving_) {
                all += problem_.hosts[host].capacity[k];
                used += placement_.used(host)[k];
            }
            if (all == unlimited || all <= 0) continue;
            if (used > all * (1 + rounding)) return false;
            if (used / all <= most) continue;
            most = used / all;
            scarcest_ = k;
            spare_ = std::max(0.0, all - used) / static_cast<double>(receiving_.size());
        }
        return most >= 0;
    }

    // Those with too much of the scarcest resource first: the others are mended by what keeps that right.
    std::vector<HostIndex> full_hosts() {
        std::vector<HostIndex> scarce, others;
        for (const HostIndex host : receiving_)
            if (free(host, scarcest_) < 0)
                scarce.push_back(host);
            else if (excess(host) > 0)
                others.push_back(host);
        shuffle(scarce);
        shuffle(others);
        scarce.insert(scarce.end(), others.begin(), others.end());
        return scarce;
    }

    template <class T>
    void shuffle(std::vector<T>& all) {
        for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[dice_.next() % i]);
    }

    // Exchanges something with another host after which one of the two is right, and the other no worse than before.
    bool relieve(HostIndex full) {
        const std::vector<Group> out = groups_on(full);
        std::vector<HostIndex> others = receiving_;
        shuffle(others);
        const double over = -free(full, scarcest_);
        for (const HostIndex other : others) {
            if (work_ >= limit_) return false;
            const double room = free(other, scarcest_);
            if (other == full || room < 0 || (over > 0 && room <= spare_)) continue;
            // As much as the one has too much, or as little as the other still takes.
            const double least = over <= room ? over : room - spare_;
            if (exchange(full, other, out, least, room)) return true;
        }
        return false;
    }

    // No sum is right: one VM for another, whatever comes of it, and there are other sums.
    void shake(HostIndex full) {
        const HostIndex other = receiving_[dice_.below(receiving_.size())];
        const Group out = any_on(full), back = any_on(other);
        if (other == full || !may_exchange(full, other, out, back)) return;
        move(out, other);
        move(back, full);
    }

    Group any_on(HostIndex host) {
        const auto vms = placement_.vms_on(host);
        if (vms.empty()) return {};
        const VmIndex vm = vms[dice_.below(vms.size())];
        return may_move_[vm] ? Group{0, {vm, Placement::no_vm}} : Group{};
    }

    std::vector<Group> groups_on(HostIndex host) {
        std::vector<VmIndex> vms;
        for (const VmIndex vm : placement_.vms_on(host))
            if (may_move_[vm]) vms.push_back(vm);
        shuffle(vms);
        if (vms.size() > most_vms_of_host) vms.resize(most_vms_of_host);
        std::vector<Group> groups = {Group{}};
        const auto size = [&](VmIndex vm) { return problem_.vms[vm].demand[scarcest_]; };
        for (const VmIndex one : vms) groups.push_back({size(one), {one, Placement::no_vm}});
        for (std::size_t i = 0; i < vms.size(); ++i)
            for (std::size_t j = 0; j < i; ++j) groups.push_back({size(vms[i]) + size(vms[j]), {vms[i], vms[j]}});
        work_ += work_per_group * groups.size();
        return groups;
    }

    // One of `out` for a group of `other`, such that between `least` and `most` of the scarcest resource leave.
    bool exchange(HostIndex full, HostIndex other, const std::vector<Group>& out, double least, double most) {
        std::vector<Group> back = groups_on(other);
        std::sort(back.begin(), back.end(), [](const Group& a, const Group& b) { return a.size < b.size; });
        const double before = excess(full) + excess(other);
        const bool must_help = least <= 0;  // not for the scarcest resource's sake
        double best_after = must_help ? before * (1 - rounding) : before + rounding;
        const Group* best_out = nullptr;
        const Group* best_back = nullptr;
        std::size_t looked_at = 0;
        work_ += work_per_group * out.size();
        for (const Group& group : out) {
            auto at = std::lower_bound(back.begin(), back.end(), group.size - most,
                                       [](const Group& g, double size) { return g.size < size; });
            for (; at != back.end() && at->size <= group.size - least; ++at) {
                if (++looked_at > most_looked_at) break;
                const double after = excess_after(full, other, group, *at);
                if (after >= best_after || !may_exchange(full, other, group, *at)) continue;
                best_after = after;
                best_out = &group;
                best_back = &*at;
                if (after <= 0) break;
            }
            if (best_out != nullptr && best_after <= 0) break;
        }
        work_ += work_per_look * looked_at;
        if (best_out == nullptr) return false;
        move(*best_out, other);
        move(*best_back, full);
        return true;
    }

    double excess_after(HostIndex full, HostIndex other, const Group& out, const Group& back) const {
        Amounts here = placement_.used(full), there = placement_.used(other);
        for (const VmIndex vm : out.vms)
            if (vm != Placement::no_vm) add(here, problem_.vms[vm].demand, -1), add(there, problem_.vms[vm].demand);
        for (const VmIndex vm : back.vms)
            if (vm != Placement::no_vm) add(here, problem_.vms[vm].demand), add(there, problem_.vms[vm].demand, -1);
        return excess(full, here) + excess(other, there);
    }

    // By class and hard groups: tried out, and taken back.
    bool may_exchange(HostIndex full, HostIndex other, const Group& out, const Group& back) {
        move(out, no_host);
        move(back, no_host);
        const bool fits = place(out, other) && place(back, full);
        move(out, full);
        move(back, other);
        return fits;
    }

    bool place(const Group& group, HostIndex host) {
        for (const VmIndex vm : group.vms) {
            if (vm == Placement::no_vm) continue;
            if (!placement_.fits(vm, host)) return false;
            placement_.move(vm, host);
        }
        return true;
    }

    void move(const Group& group, HostIndex host) {
        for (const VmIndex vm : group.vms)
            if (vm != Placement::no_vm) placement_.move(vm, host);
    }

    const Problem& problem_;
    Problem boundless_;
    Placement placement_;  // of boundless_
    Dice dice_;
    std::uint64_t& work_;
    std::uint64_t limit_;
    std::vector<std::uint8_t> may_move_;
    std::vector<HostIndex> receiving_;
    std::size_t scarcest_ = 0;
    unsigned shakes_ = 0;
    double spare_ = 0;  // a host's share of what stays free of it in all
};

}  // namespace

std::optional<std::vector<HostIndex>> fill_exactly(const Problem& problem, const std::vector<HostIndex>& places,
                                                   const std::vector<VmIndex>& left, const std::vector<VmIndex>& wanted,
                                                   const Effort& effort, std::uint64_t& work) {
    Filler filler(problem, places, wanted, effort, work);
    if (!filler.run(left)) return std::nullopt;
    std::vector<HostIndex> result(problem.vms.size());
    for (VmIndex vm = 0; vm < result.size(); ++vm) result[vm] = filler.placement().host_of(vm);
    return result;
}

}  // namespace ballast::policy::solver
