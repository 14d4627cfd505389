#include "sim/trace/peers.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "model/result.h"
#include "policy/series/overload.h"
#include "sim/trace/planner_bed.h"

namespace ballast::sim::trace {
namespace {

constexpr std::array<std::pair<Peer, const char*>, 7> names{{{Peer::npa, "npa"},
                                                             {Peer::dvfs, "dvfs"},
                                                             {Peer::thr, "thr"},
                                                             {Peer::iqr, "iqr"},
                                                             {Peer::mad, "mad"},
                                                             {Peer::lr, "lr"},
                                                             {Peer::lrr, "lrr"}}};
// Used while an adaptive detector has too little history.
constexpr double fallback_threshold = 0.7;

std::vector<HostIndex> first_fit(const Cluster& cluster) {
    PlannerBed bed(cluster, PlannerBed::Sizes::nominal);
    std::vector<HostIndex> placement;
    for (VmIndex vm = 0; vm < cluster.vms().size(); ++vm) {
        HostIndex host = 0;
        while (host < cluster.hosts().size() && !bed.fits(vm, host)) ++host;
        BALLAST_ASSERT(host < cluster.hosts().size());
        bed.put(vm, host);
        placement.push_back(host);
    }
    return placement;
}

/// Neither migrates.
class Unmanaged : public Decider {
public:
    explicit Unmanaged(bool maximum_power) : maximum_power_(maximum_power) {}
    std::vector<HostIndex> place(const Cluster& cluster) override { return first_fit(cluster); }
    Decision decide(const Cluster&) override { return {}; }
    bool draws_maximum_power() const override { return maximum_power_; }

private:
    bool maximum_power_;
};

class Consolidating : public Decider {
public:
    explicit Consolidating(const PeerOptions& options) : options_(options), parameter_(parameter_of(options)) {}

    std::vector<HostIndex> place(const Cluster& cluster) override {
        bed_.emplace(cluster, PlannerBed::Sizes::nominal);
        std::vector<HostIndex> placement;
        const std::vector<bool> nobody(cluster.hosts().size());
        for (VmIndex vm = 0; vm < cluster.vms().size(); ++vm) {
            const auto host = find_host(vm, nobody);
            BALLAST_ASSERT(host.has_value());
            bed_->put(vm, *host);
            placement.push_back(*host);
        }
        return placement;
    }

    Decision decide(const Cluster& cluster) override {
        remember(cluster);
        bed_.emplace(cluster, PlannerBed::Sizes::measured, &history_);
        const auto over = overloaded_hosts(cluster);
        Decision decision;
        relieve(over, decision.moves);
        empty_the_least_used(cluster, over, decision.moves);
        return decision;
    }

private:
    void remember(const Cluster& cluster) {
        history_.resize(cluster.vms().size());
        for (VmIndex vm = 0; vm < history_.size(); ++vm) {
            const double ratio = cluster.workload().vms[vm].at(cluster.now());
            history_[vm].insert(history_[vm].begin(), ratio);
            if (history_[vm].size() > PlannerBed::history_length) history_[vm].pop_back();
        }
    }

    bool is_over(double ratio, std::vector<double> newest_first) const {
        using namespace policy::series;
        if (options_.peer == Peer::thr) return ratio > parameter_;
        if (options_.peer == Peer::lr || options_.peer == Peer::lrr) {
            std::ranges::reverse(newest_first);
            const auto next = next_by_regression(newest_first, regression());
            return next ? *next * parameter_ >= 1 : ratio > fallback_threshold;
        }
        const auto limit = options_.peer == Peer::iqr ? limit_by_iqr(newest_first, parameter_)
                                                      : limit_by_mad(newest_first, parameter_);
        return ratio > limit.value_or(fallback_threshold);
    }

    policy::series::Regression regression() const {
        using policy::series::Regression;
        if (options_.release == Release::v3_0_3) return Regression::plain;
        return options_.peer == Peer::lr ? Regression::tricube : Regression::robust;
    }

    bool is_over(HostIndex host) const {
        return is_over(bed_->request(host) / bed_->type(host).mips(), needs_history() ? bed_->history(host) : none_);
    }
    /// Before the day begins VMs already placed count as asking for nothing.
    bool is_over_with(HostIndex host, VmIndex vm) const {
        const double others = bed_->is_nominal() ? 0 : bed_->request(host);
        return is_over((others + bed_->demand(vm)) / bed_->type(host).mips(),
                       needs_history() ? bed_->history_with(host, vm) : none_);
    }
    bool needs_history() const { return options_.peer != Peer::thr && !bed_->is_nominal(); }

    std::vector<bool> overloaded_hosts(const Cluster& cluster) const {
        std::vector<bool> over(cluster.hosts().size());
        for (HostIndex host = 0; host < over.size(); ++host) over[host] = is_over(host);
        return over;
    }

    /// Host by host, small VMs first, until it is below; all of them are then placed together.
    void relieve(const std::vector<bool>& over, std::vector<Transfer>& moves) {
        std::vector<VmIndex> leaving;
        for (HostIndex host = 0; host < over.size(); ++host) {
            if (!over[host]) continue;
            do {
                const auto vm = bed_->smallest_movable(host);
                if (!vm) break;
                leaving.push_back(*vm);
                bed_->take(*vm, host);
            } while (is_over(host));
        }
        for (const auto vm : by_demand(leaving)) {
            const auto host = find_host(vm, over);
            if (!host) continue;
            bed_->put(vm, *host);
            moves.push_back({vm, *host});
        }
    }

    std::vector<VmIndex> by_demand(std::vector<VmIndex> vms) const {
        std::ranges::stable_sort(vms, [this](VmIndex a, VmIndex b) { return bed_->demand(a) > bed_->demand(b); });
        return vms;
    }

    void empty_the_least_used(const Cluster& cluster, std::vector<bool> excluded, std::vector<Transfer>& moves) {
        for (HostIndex host = 0; host < excluded.size(); ++host) {
            if (bed_->stale_ratio(host) == 0) excluded[host] = true;
        }
        std::vector<bool> not_sources = excluded, not_targets = excluded;
        while (const auto source = least_used(cluster, not_sources)) {
            not_sources[*source] = not_targets[*source] = true;
            const auto vms = bed_->movable_on(*source);
            std::vector<Transfer> planned;
            for (const auto vm : by_demand(vms)) {
                const auto host = find_host(vm, not_targets);
                if (!host) break;
                bed_->put(vm, *host);
                planned.push_back({vm, *host});
            }
            if (planned.size() < vms.size()) {
                for (const auto& move : planned) bed_->take(move.vm, move.target);
                continue;
            }
            for (const auto& move : planned) not_sources[move.target] = true;
            moves.insert(moves.end(), planned.begin(), planned.end());
        }
    }

    std::optional<HostIndex> least_used(const Cluster& cluster, const std::vector<bool>& excluded) const {
        std::optional<HostIndex> least;
        double lowest = 1;
        for (HostIndex host = 0; host < excluded.size(); ++host) {
            const double ratio = bed_->stale_ratio(host);
            if (excluded[host] || ratio <= 0 || ratio >= lowest || !cluster.hosts()[host].incoming.empty()) continue;
            lowest = ratio;
            least = host;
        }
        return least;
    }

    /// Least increase of power; the first of equals.
    std::optional<HostIndex> find_host(VmIndex vm, const std::vector<bool>& excluded) const {
        std::optional<HostIndex> best;
        double lowest = std::numeric_limits<double>::max();
        for (HostIndex host = 0; host < excluded.size(); ++host) {
            if (excluded[host] || !bed_->fits(vm, host)) continue;
            const bool loaded =
                options_.release == Release::v3_0_0 ? bed_->stale_used(host) != 0 : bed_->used(host) != 0;
            if (loaded && is_over_with(host, vm)) continue;
            const double increase = power_increase(vm, host);
            if (increase >= lowest) continue;
            lowest = increase;
            best = host;
        }
        return best;
    }

    /// Against the power of the last measurement, which does not know of VMs planned since. Releases up to 3.0.1 do not
    /// know of them in the first term either.
    double power_increase(VmIndex vm, HostIndex host) const {
        const double total = bed_->type(host).mips();
        const double stale = bed_->stale_ratio(host);
        const double load = options_.release == Release::v3_0_0 ? bed_->stale_used(host) : bed_->used(host);
        const auto& table = bed_->type(host).watts;
        return watts_at(table, (load + bed_->demand(vm)) / total) - watts_at(table, stale);
    }

    PeerOptions options_;
    double parameter_;
    std::vector<double> none_;
    std::vector<std::vector<double>> history_;  // of each VM, newest first
    std::optional<PlannerBed> bed_;
};

}  // namespace

std::optional<Peer> peer_from(const std::string& name) {
    for (const auto& [peer, text] : names) {
        if (name == text) return peer;
    }
    return {};
}

std::string to_string(Peer peer) {
    return std::ranges::find(names, peer, &std::pair<Peer, const char*>::first)->second;
}

double parameter_of(const PeerOptions& options) {
    if (options.parameter) return *options.parameter;
    switch (options.peer) {
        case Peer::thr: return 0.8;
        case Peer::iqr: return 1.5;
        case Peer::mad: return 2.5;
        case Peer::lr:
        case Peer::lrr: return 1.2;
        case Peer::npa:
        case Peer::dvfs: break;
    }
    return 0;
}

std::unique_ptr<Decider> make_peer(const PeerOptions& options) {
    if (options.peer == Peer::npa || options.peer == Peer::dvfs)
        return std::make_unique<Unmanaged>(options.peer == Peer::npa);
    return std::make_unique<Consolidating>(options);
}

}  // namespace ballast::sim::trace
