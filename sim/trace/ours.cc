#include "sim/trace/ours.h"

#include "policy/consolidation/consolidate.h"

namespace ballast::sim::trace {
namespace {

namespace consolidation = policy::consolidation;

class Ours : public Decider {
public:
    explicit Ours(const consolidation::Options& options) : options_(options) {}

    std::vector<HostIndex> place(const Cluster& cluster) override {
        consolidation::Problem problem;
        problem.hosts = host_slots(cluster);
        for (HostIndex host = 0; host < problem.hosts.size(); ++host)
            problem.hosts[host].memory = cluster.type(host).ram_mb;
        for (const auto& vm : cluster.vms()) {
            consolidation::VmSlot slot;
            slot.size = vm.mips;
            slot.memory = vm.ram_mb;
            problem.vms.push_back(slot);
        }
        return consolidation::initial_placement(problem);
    }

    Decision decide(const Cluster& cluster) override {
        remember(cluster);
        consolidation::Problem problem;
        problem.hosts = host_slots(cluster);
        std::vector<VmIndex> names;
        for (VmIndex vm = 0; vm < cluster.vms().size(); ++vm) {
            if (!cluster.vms()[vm].alive) continue;
            names.push_back(vm);
            problem.vms.push_back(vm_slot(cluster, vm));
        }
        const auto decided = consolidation::consolidate(problem, options_);
        Decision decision;
        for (const auto& move : decided.moves) {
            decision.moves.push_back({names[move.vm], move.to});
            moved_at_[names[move.vm]] = cluster.now();
        }
        decision.keep_on = decided.on;
        return decision;
    }

private:
    void remember(const Cluster& cluster) {
        history_.resize(cluster.vms().size());
        moved_at_.resize(cluster.vms().size(), -consolidation::unlimited);
        for (VmIndex vm = 0; vm < history_.size(); ++vm) {
            if (cluster.vms()[vm].alive) history_[vm].push_back(cluster.vms()[vm].request);
        }
    }

    static std::vector<consolidation::HostSlot> host_slots(const Cluster& cluster) {
        std::vector<consolidation::HostSlot> slots;
        for (HostIndex host = 0; host < cluster.hosts().size(); ++host) {
            const auto& type = cluster.type(host);
            consolidation::HostSlot slot;
            slot.cpu = type.mips();
            slot.core = type.core_mips;
            slot.memory = cluster.setting().rules.free_memory ? consolidation::unlimited : type.ram_mb;
            slot.full_watts = type.watts.back();
            slot.on = !cluster.hosts()[host].vms.empty();
            slots.push_back(slot);
        }
        return slots;
    }

    /// A VM under way counts where it is going, as does its memory.
    consolidation::VmSlot vm_slot(const Cluster& cluster, VmIndex vm) const {
        const auto& its = cluster.vms()[vm];
        consolidation::VmSlot slot;
        slot.home = its.in_migration ? its.target : its.host;
        slot.size = its.mips;
        slot.memory = its.ram_mb;
        slot.now = its.request;
        slot.history = history_[vm];
        slot.since_move_s = cluster.now() - moved_at_[vm];
        slot.movable = !its.in_migration;
        return slot;
    }

    consolidation::Options options_;
    std::vector<std::vector<double>> history_;  // MIPS wanted at each decision
    std::vector<double> moved_at_;
};

}  // namespace

std::unique_ptr<Decider> make_ours(const consolidation::Options& options) {
    return std::make_unique<Ours>(options);
}

}  // namespace ballast::sim::trace
