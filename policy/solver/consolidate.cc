#include "policy/solver/consolidate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <tuple>

namespace ballast::policy::solver {

namespace {

// Hosts whose cost for their capacity differs by less than this factor are alike: then the one that is cheap to empty
// goes off.
constexpr double alike = 1.05;
// See Packer: how much more the scarcest resource counts.
constexpr double scarcity_power = 4;

class Consolidator {
public:
    Consolidator(const Problem& problem, const ConsolidateOptions& options)
        : problem_(problem), original_(problem), options_(options) {
        for (HostIndex host = 0; host < problem.hosts.size(); ++host)
            if (problem.hosts[host].receives) on_.push_back(host);
        for (const VmSlot& vm : problem.vms)
            if (vm.home != no_host && problem.hosts[vm.home].receives) add(demand_, vm.demand);
    }

    Consolidation run() {
        close(first_to_close());
        std::vector<VmIndex> wanted;
        for (VmIndex vm = 0; vm < problem_.vms.size(); ++vm)
            if (is_off(problem_.vms[vm].home)) wanted.push_back(vm);
        Effort effort = options_.effort;
        effort.exact = effort.exact && !options_.survives_one_host;  // it would take the room that the reserve needs
        Packer packer(problem_, std::move(wanted), effort);
        while (!packer.run()) reopen(best_to_reopen(packer));
        std::vector<HostIndex> target = targets(packer.placement());
        while (hosts_on() < options_.min_hosts_on && !off_.empty()) target = reopened(packer, cheapest_off());
        if (options_.survives_one_host) target = with_reserve(packer, std::move(target));
        return result(std::move(target));
    }

private:
    double cost(HostIndex host) const { return options_.host_cost.empty() ? 1 : options_.host_cost[host]; }
    bool is_off(HostIndex host) const { return std::find(off_.begin(), off_.end(), host) != off_.end(); }
    std::size_t hosts_on() const { return on_.size() - off_.size(); }

    Amounts room(HostIndex host) const {
        Amounts free = problem_.hosts[host].capacity;
        return add(free, problem_.hosts[host].base, -1);
    }

    // A host's capacity as a share of all, the scarcer resource counting more.
    std::vector<double> capacities() const {
        Amounts all{};
        for (const HostIndex host : on_) add(all, room(host));
        double scarcest = 0;
        for (std::size_t k = 0; k < problem_.resources.size(); ++k) scarcest = std::max(scarcest, demand_[k] / all[k]);
        std::vector<double> result(problem_.hosts.size(), 0);
        for (const HostIndex host : on_)
            for (std::size_t k = 0; k < problem_.resources.size(); ++k)
                if (all[k] > 0 && all[k] < unlimited && scarcest > 0)
                    result[host] += std::pow(demand_[k] / all[k] / scarcest, scarcity_power) * room(host)[k] / all[k];
        return result;
    }

    // Hosts that may be emptied: those that cost much for their capacity first, of equal ones those cheap to empty.
    std::vector<HostIndex> closable() const {
        std::vector<double> to_empty(problem_.hosts.size(), 0);
        std::vector<std::uint8_t> stays(problem_.hosts.size(), 0);
        for (const HostIndex host : options_.stay_on) stays[host] = 1;
        for (const VmSlot& vm : problem_.vms) {
            if (vm.home == no_host) continue;
            to_empty[vm.home] += vm.move_cost;
            if (!vm.movable) stays[vm.home] = 1;
        }
        const std::vector<double> capacity = capacities();
        const auto key = [&](HostIndex host) {
            const double price = std::log(cost(host) / (capacity[host] + 1e-12)) / std::log(alike);
            return std::tuple(-std::round(price), to_empty[host], host);
        };
        std::vector<HostIndex> result;
        std::copy_if(on_.begin(), on_.end(), std::back_inserter(result), [&](HostIndex host) { return !stays[host]; });
        std::sort(result.begin(), result.end(), [&](HostIndex a, HostIndex b) { return key(a) < key(b); });
        return result;
    }

    // As many as the sums allow: an optimistic beginning.
    std::vector<HostIndex> first_to_close() const {
        Amounts spare{};
        add(add(spare, demand_, -1), options_.headroom, -1);
        for (const HostIndex host : on_) add(spare, room(host));
        const std::size_t reserve = options_.survives_one_host ? 1 : 0;
        const std::size_t least =
            std::max<std::size_t>(1, options_.min_hosts_on - std::min(options_.min_hosts_on, reserve));
        std::vector<HostIndex> result;
        for (const HostIndex host : closable()) {
            if (on_.size() - result.size() <= least) break;
            Amounts after = spare;
            add(after, room(host), -1);
            bool enough = true;
            for (std::size_t k = 0; k < problem_.resources.size(); ++k)
                enough = enough && (std::isnan(after[k]) || after[k] >= -rounding * demand_[k]);
            if (!enough) continue;
            result.push_back(host);
            spare = after;
        }
        return result;
    }

    void close(std::vector<HostIndex> hosts) {
        off_ = std::move(hosts);
        for (const HostIndex host : off_) problem_.hosts[host].receives = false;
    }

    void reopen(HostIndex host) {
        std::erase(off_, host);
        problem_.hosts[host].receives = true;
    }

    std::vector<HostIndex> reopened(Packer& packer, HostIndex host) {
        reopen(host);
        packer.run();
        return targets(packer.placement());
    }

    // The host that helps those without a place most for its cost: as its own VMs they stay, else it may run them.
    HostIndex best_to_reopen(const Packer& packer) const {
        HostIndex best = no_host;
        double best_worth = 0;
        const std::vector<double> capacity = capacities();
        for (const HostIndex host : off_) {
            double own = 0, others = 0;
            for (const VmIndex vm : packer.left()) {
                if (problem_.vms[vm].home == host) own += packer.size(vm);
                if (problem_.may_run(problem_.vms[vm], problem_.hosts[host])) others += packer.size(vm);
            }
            const double size = capacity[host] * static_cast<double>(on_.size());
            const double worth = (own + 2 * std::min(others, size)) / cost(host);
            if (best != no_host && worth <= best_worth) continue;
            best = host;
            best_worth = worth;
        }
        return best;
    }

    HostIndex cheapest_off() const {
        return *std::min_element(off_.begin(), off_.end(), [&](HostIndex a, HostIndex b) {
            return std::pair(cost(a), a) < std::pair(cost(b), b);
        });
    }

    // The cheapest host that, by the sums, makes up for the loss of any other; else the largest there is.
    HostIndex best_spare(const Placement& placement) const {
        Amounts free{};
        Amounts lost{};
        for (const HostIndex host : on_) {
            if (is_off(host)) continue;
            add(free, problem_.hosts[host].capacity);
            add(free, placement.used(host), -1);
            for (std::size_t k = 0; k < problem_.resources.size(); ++k)
                lost[k] = std::max(lost[k], problem_.hosts[host].capacity[k] - problem_.hosts[host].base[k]);
        }
        const std::vector<double> capacity = capacities();
        const auto key = [&](HostIndex host) {
            bool enough = true;
            for (std::size_t k = 0; k < problem_.resources.size(); ++k)
                enough = enough && !(free[k] + room(host)[k] < lost[k] * (1 - rounding));
            return std::tuple(!enough, enough ? cost(host) : -capacity[host], -capacity[host], host);
        };
        return *std::min_element(off_.begin(), off_.end(), [&](HostIndex a, HostIndex b) { return key(a) < key(b); });
    }

    bool survives_any(const std::vector<HostIndex>& target) const {
        Placement placement(problem_);
        for (VmIndex vm = 0; vm < target.size(); ++vm) placement.move(vm, target[vm]);
        return std::all_of(on_.begin(), on_.end(),
                           [&](HostIndex host) { return is_off(host) || survives_loss(placement, host); });
    }

    // A spare host may keep its own VMs, which saves migrations; if that leaves no room for a loss it is kept empty.
    std::vector<HostIndex> with_reserve(Packer& packer, std::vector<HostIndex> target) {
        while (!survives_any(target) && !off_.empty()) {
            const std::vector<HostIndex> packed = target;
            target = reopened(packer, best_spare(packer.placement()));
            if (!survives_any(target) && survives_any(packed)) return packed;
        }
        reserve_kept_ = survives_any(target);
        return target;
    }

    static std::vector<HostIndex> targets(const Placement& placement) {
        std::vector<HostIndex> result(placement.problem().vms.size());
        for (VmIndex vm = 0; vm < result.size(); ++vm) result[vm] = placement.host_of(vm);
        return result;
    }

    Consolidation result(std::vector<HostIndex> target) const {
        Consolidation made;
        made.reserve_kept = reserve_kept_;
        made.off = off_;
        std::sort(made.off.begin(), made.off.end());
        made.hosts_on = hosts_on();
        for (const HostIndex host : on_) made.cost_on += is_off(host) ? 0 : cost(host);
        for (VmIndex vm = 0; vm < target.size(); ++vm) {
            if (target[vm] == original_.vms[vm].home) continue;
            ++made.moves;
            made.move_cost += original_.vms[vm].move_cost;
        }
        made.target = std::move(target);
        return made;
    }

    Problem problem_;  // receives: on
    const Problem& original_;
    const ConsolidateOptions& options_;
    std::vector<HostIndex> on_, off_;  // on_: at the beginning
    Amounts demand_{};
    bool reserve_kept_ = true;
};

// Somewhere else on a receiving host, the tightest place.
HostIndex refuge(const Placement& placement, VmIndex vm) {
    const Problem& problem = placement.problem();
    HostIndex best = no_host;
    double least = 0;
    for (HostIndex host = 0; host < problem.hosts.size(); ++host) {
        if (!placement.fits(vm, host)) continue;
        double free = 0;
        for (std::size_t k = 0; k < problem.resources.size(); ++k)
            if (problem.hosts[host].capacity[k] > 0 && problem.hosts[host].capacity[k] < unlimited)
                free += 1 - placement.used(host)[k] / problem.hosts[host].capacity[k];
        if (best != no_host && free >= least) continue;
        best = host;
        least = free;
    }
    return best;
}

}  // namespace

Consolidation consolidate(const Problem& problem, const ConsolidateOptions& options) {
    return Consolidator(problem, options).run();
}

bool survives_loss(Placement& placement, HostIndex host) {
    const Problem& problem = placement.problem();
    std::vector<VmIndex> vms(placement.vms_on(host).begin(), placement.vms_on(host).end());
    const auto size = [&](VmIndex vm) {
        double sum = 0;
        for (std::size_t k = 0; k < problem.resources.size(); ++k)
            if (problem.hosts[host].capacity[k] > 0) sum += problem.vms[vm].demand[k] / problem.hosts[host].capacity[k];
        return sum;
    };
    std::sort(vms.begin(), vms.end(),
              [&](VmIndex a, VmIndex b) { return std::pair(-size(a), a) < std::pair(-size(b), b); });
    const bool all = std::all_of(vms.begin(), vms.end(), [&](VmIndex vm) {
        const HostIndex place = refuge(placement, vm);
        if (place != no_host) placement.move(vm, place);
        return place != no_host;
    });
    for (const VmIndex vm : vms) placement.move(vm, host);
    return all;
}

}  // namespace ballast::policy::solver
