#include "sim/trace/stability.h"

#include <algorithm>

#include "policy/capacity.h"

namespace ballast::sim::trace {
namespace {

constexpr Duration interval = std::chrono::minutes{1};
constexpr Duration hour = std::chrono::hours{1};
constexpr WallTime first_monday = std::chrono::sys_days{std::chrono::year{2026} / 1 / 5};
// The inventory's keeper forgets moves after a while as well; nothing in the policy looks further back than a cooldown.
constexpr Duration remembered = std::chrono::hours{24};

class Lab {
public:
    Lab(const SyntheticOptions& options, const policy::Options& policy)
        : options_(options), policy_(policy), load_(options), inventory_(balanced_inventory(options, load_)) {}

    Stability run() {
        const unsigned minutes = options_.days * 24 * 60;
        for (unsigned minute = 0; minute < minutes; ++minute) cycle(minute);
        found_.cycles = minutes;
        found_.moves_per_vm_and_day = static_cast<double>(found_.moves) / options_.vms / options_.days;
        const double host_minutes = static_cast<double>(minutes) * options_.hosts;
        found_.overload /= host_minutes;
        found_.above_limit /= host_minutes;
        found_.mean_cpu /= host_minutes;
        return found_;
    }

private:
    struct Running {
        InFlight migration;
        Instant ends;
    };

    void cycle(unsigned minute) {
        now_ += interval;
        inventory_.wall_time = first_monday + (now_ - Instant{});
        finish_migrations();
        sample(minute);
        memory_ = policy::observe(std::move(memory_), inventory_, policy_, now_);
        const auto plan = policy::plan(inventory_, memory_, policy_, now_);
        for (const auto& move : plan.moves) {
            if (move.wave == 0) start(move);  // later waves are planned anew once these are done
        }
    }

    /// What libvirt would report: a full host gives each VM the same share of what it wants.
    void sample(unsigned minute) {
        std::map<HostId, double> wanted;
        std::map<VmId, double> by_vm;
        unsigned number = 0;
        for (const auto& [id, vm] : inventory_.vms) {
            by_vm[id] = load_.wanted(number++, minute);
            wanted[vm.host] += by_vm[id];
        }
        for (auto& [id, vm] : inventory_.vms) {
            const double share =
                std::min(1.0, inventory_.hosts.at(vm.host).facts.cpus / std::max(wanted[vm.host], 1e-9));
            vm.load.cpu_used_cores = by_vm[id] * share;
            vm.load.ready_ratio = by_vm[id] * (1 - share) / vm.facts.vcpus;
        }
        for (auto& [id, host] : inventory_.hosts) measure(host, wanted[id]);
    }

    void measure(Host& host, double wanted) {
        host.sampled_at = now_;
        host.load.cpu_used_cores = std::min(wanted, host.facts.cpus);
        Bytes used;
        for (const auto& [id, vm] : inventory_.vms) {
            if (vm.host == host.id) used += vm.facts.memory;
        }
        host.load.memory_available = host.facts.memory_total - used;
        found_.overload += wanted > host.facts.cpus;
        found_.above_limit += wanted > policy_.overload.cpu.above * policy::usable_cpus(host, policy_);
        found_.mean_cpu += wanted / host.facts.cpus;
    }

    void start(const Move& move) {
        count(move);
        running_.push_back(
            {{{"op-" + std::to_string(++operations_)}, move.vm, move.from, move.to}, now_ + move.prediction.duration});
        inventory_.in_flight.push_back(running_.back().migration);
    }

    void finish_migrations() {
        std::erase_if(running_, [this](const Running& one) {
            if (one.ends > now_) return false;
            const auto& migration = one.migration;
            inventory_.vms.at(migration.vm).host = migration.to;
            inventory_.past_moves.push_back({migration.vm, migration.from, migration.to, now_});
            std::erase_if(inventory_.in_flight,
                          [&](const InFlight& other) { return other.operation == migration.operation; });
            return true;
        });
        std::erase_if(inventory_.past_moves, [this](const PastMove& move) { return now_ - move.ended > remembered; });
    }

    void count(const Move& move) {
        ++found_.moves;
        bool returned = false, again = false;
        for (const auto& past : inventory_.past_moves) {
            if (past.vm != move.vm) continue;
            returned = returned || (past.from == move.to && now_ - past.ended < hour);
            again = again || now_ - past.ended < policy_.cooldown.vm;
        }
        found_.returns += returned;
        found_.moved_twice += again;
    }

    SyntheticOptions options_;
    policy::Options policy_;
    SyntheticLoad load_;
    Inventory inventory_;
    policy::Memory memory_;
    Instant now_{};
    std::vector<Running> running_;
    unsigned operations_ = 0;
    Stability found_;
};

}  // namespace

Stability measure_stability(const SyntheticOptions& options, const policy::Options& policy) {
    return Lab(options, policy).run();
}

}  // namespace ballast::sim::trace
