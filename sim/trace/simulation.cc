#include "sim/trace/simulation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/result.h"

namespace ballast::sim::trace {
namespace {

constexpr double day_s = 86400;
// CloudSim's cloudlets are submitted a tenth of a second after the VMs, and its ticks count from there.
constexpr double first_tick_s = 0.1 + sample_interval_s;
constexpr double never = std::numeric_limits<double>::infinity();
// Transfers on shared links end at sums of fractions: what ends within this is one instant.
constexpr double same_instant_s = 1e-6;

/// Migrations under way. Without shared links each has the whole bandwidth; with them a transfer has what its busier
/// end can give: the bandwidth of the source over those leaving it, of the target over those coming.
class Transfers {
public:
    Transfers(Cluster& cluster) : cluster_(&cluster) {}

    void start(const Transfer& move) {
        const auto& rules = cluster_->setting().rules;
        auto& host = cluster_->hosts()[move.target];
        const double start = rules.idle_power ? std::max(cluster_->now(), host.boots_until) : cluster_->now();
        under_way_.push_back({move, cluster_->vms()[move.vm].host, cluster_->vms()[move.vm].ram_mb, start, never});
        cluster_->start_transfer(move.vm, move.target);
        cluster_->count_migration();
    }

    /// When the next one ends.
    double next_end() const {
        double next = never;
        for (const auto& one : under_way_) next = std::min(next, one.ends);
        return next;
    }

    /// Ends all of this instant.
    void finish(double time_s) {
        progress(time_s);
        std::erase_if(under_way_, [&](const UnderWay& one) {
            if (one.ends > time_s + same_instant_s) return false;
            cluster_->finish_transfer(one.move.vm, one.move.target);
            return true;
        });
    }

    /// New ends after transfers began or ended.
    void reschedule(double time_s) {
        progress(time_s);
        for (auto& one : under_way_) {
            if (!cluster_->setting().rules.shared_link && one.ends != never) continue;
            one.ends = std::max(one.starts, time_s) + one.left_mb / rate_of(one);
        }
    }

private:
    struct UnderWay {
        Transfer move;
        HostIndex source;
        double left_mb, starts, ends;
    };

    double rate_of(const UnderWay& one) const {
        const auto& rules = cluster_->setting().rules;
        if (!rules.shared_link) return rules.migration_mb_s;
        std::size_t out = 0, in = 0;
        for (const auto& other : under_way_) {
            out += other.source == one.source;
            in += other.move.target == one.move.target;
        }
        return rules.migration_mb_s / static_cast<double>(std::max(out, in));
    }

    void progress(double time_s) {
        for (auto& one : under_way_) {
            if (one.ends == never) continue;
            const double share = (one.ends - time_s) / std::max(same_instant_s, one.ends - std::max(one.starts, last_));
            if (time_s > one.starts) one.left_mb *= std::clamp(share, 0.0, 1.0);
        }
        last_ = time_s;
    }

    Cluster* cluster_;
    std::vector<UnderWay> under_way_;
    double last_ = 0;
};

bool has_room(const Cluster& cluster, const Transfer& move) {
    if (cluster.setting().rules.free_memory) return true;
    return cluster.ram_used(move.target) + cluster.vms()[move.vm].ram_mb <= cluster.type(move.target).ram_mb;
}

void switch_hosts(Cluster& cluster, const Decision& decision) {
    for (HostIndex host = 0; host < cluster.hosts().size(); ++host) {
        const bool wanted = !cluster.hosts()[host].vms.empty() || (!decision.keep_on.empty() && decision.keep_on[host]);
        wanted ? cluster.power_on(host) : cluster.power_off(host);
    }
}

void begin(Cluster& cluster, Transfers& transfers, const Decision& decision) {
    const auto& rules = cluster.setting().rules;
    for (const auto& move : decision.moves) {
        if (!cluster.vms()[move.vm].alive || cluster.vms()[move.vm].host == move.target) continue;
        if (!has_room(cluster, move)) {
            cluster.count_refused_move();
            continue;
        }
        if (rules.idle_power) cluster.power_on(move.target);
        transfers.start(move);
    }
    if (rules.idle_power) switch_hosts(cluster, decision);
    transfers.reschedule(cluster.now());
}

void run_transfers_until(Cluster& cluster, Transfers& transfers, double time_s) {
    for (double end = transfers.next_end(); end < time_s; end = transfers.next_end()) {
        if (end > cluster.now()) cluster.update(end);
        transfers.finish(end);
        cluster.update(end);
        transfers.reschedule(end);
    }
}

}  // namespace

bool fits_nominally(const Cluster& cluster, const std::vector<HostIndex>& placement) {
    if (placement.size() != cluster.vms().size()) return false;
    std::vector<double> mips(cluster.hosts().size()), ram(cluster.hosts().size());
    for (VmIndex vm = 0; vm < placement.size(); ++vm) {
        const auto host = placement[vm];
        if (host >= mips.size() || cluster.vms()[vm].mips > cluster.type(host).core_mips) return false;
        mips[host] += cluster.vms()[vm].mips;
        ram[host] += cluster.vms()[vm].ram_mb;
    }
    for (HostIndex host = 0; host < mips.size(); ++host) {
        if (mips[host] > cluster.type(host).mips() || ram[host] > cluster.type(host).ram_mb) return false;
    }
    return true;
}

Metrics simulate_day(const Setting& setting, const Workload& workload, Decider& decider, const Watch& watch) {
    Cluster cluster(setting, workload);
    if (decider.draws_maximum_power()) cluster.charge_maximum_power();
    const auto placement = decider.place(cluster);
    BALLAST_ASSERT(fits_nominally(cluster, placement));
    for (VmIndex vm = 0; vm < placement.size(); ++vm) cluster.place(vm, placement[vm]);
    Transfers transfers(cluster);
    for (double tick = first_tick_s; tick < day_s; tick += sample_interval_s) {
        run_transfers_until(cluster, transfers, tick);
        cluster.update(tick);
        const auto decision = decider.decide(cluster);
        begin(cluster, transfers, decision);
        if (watch) watch(cluster, decision);
    }
    run_transfers_until(cluster, transfers, day_s);
    return cluster.metrics();
}

}  // namespace ballast::sim::trace
