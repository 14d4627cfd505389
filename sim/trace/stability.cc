#include "sim/trace/stability.h"

#include <algorithm>

#include "policy/capacity.h"
#include "policy/fleet.h"

namespace ballast::sim::trace {
namespace {

constexpr Duration interval = std::chrono::minutes{1};
constexpr Duration hour = std::chrono::hours{1};
constexpr WallTime first_monday = std::chrono::sys_days{std::chrono::year{2026} / 1 / 5};
// The inventory's keeper forgets moves after a while as well; nothing in the policy looks further back than a cooldown.
constexpr Duration remembered = std::chrono::hours{24};

// An idle server draws half of what it draws at full load [Fan, Weber, Barroso, ISCA 2007], in between it grows with
// the load; what waits for a wake-up draws 5 W.
constexpr double idle_share = 0.5;
constexpr double standby_watts = 5;

double watts(const Host& host, double load) {
    return policy::assumed_watts(host) * (idle_share + (1 - idle_share) * std::min(1.0, load));
}

class Lab {
public:
    Lab(const SyntheticOptions& options, const policy::Options& policy)
        : options_(options), policy_(policy), load_(options), inventory_(balanced_inventory(options, load_)) {
        for (auto& [id, host] : inventory_.hosts) host.power_managed = policy.consolidation.enabled;
        found_.fewest_on = inventory_.hosts.size();
    }

    Stability run() {
        const unsigned minutes = options_.days * 24 * 60;
        for (unsigned minute = 0; minute < minutes; ++minute) cycle(minute);
        found_.cycles = minutes;
        found_.moves_per_vm_and_day = static_cast<double>(found_.moves) / options_.vms / options_.days;
        const double host_minutes = static_cast<double>(minutes) * options_.hosts;
        found_.overload /= host_minutes;
        found_.above_limit /= host_minutes;
        found_.mean_cpu /= host_minutes;
        found_.last_on = hosts_on();
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
        finish_power_changes();
        sample(minute);
        count_power();
        memory_ = policy::observe(std::move(memory_), inventory_, policy_, now_);
        const auto plan = policy::plan(inventory_, memory_, policy_, now_);
        found_.braked_minutes += !plan.brake.empty();
        for (const auto& move : plan.moves) {
            if (move.wave == 0) start(move);  // later waves are planned anew once these are done
        }
        for (const auto& change : plan.power) {
            if (change.wave == 0) begin(change);
        }
    }

    bool is_on(const Host& host) const { return host.power == PowerState::on; }
    std::size_t hosts_on() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            inventory_.hosts, [](const auto& entry) { return entry.second.power == PowerState::on; }));
    }

    void become(Host& host, PowerState state) {
        if (state == PowerState::off) host.went_off = now_;
        if (state == PowerState::on) host.came_back = now_;
        host.power = state;
        host.power_since = now_;
        host.connection = is_on(host) ? Connection::up : Connection::down;
        host.stale = !is_on(host);
        if (!is_on(host)) host.load = {};
    }

    void begin(const PowerChange& change) {
        auto& host = inventory_.hosts.at(change.host);
        if (change.on == is_on(host)) return;
        const auto woken = woken_.find(change.host);
        if (!change.on && woken != woken_.end() && now_ - woken->second < policy_.consolidation.min_time_on)
            ++found_.flaps;
        ++(change.on ? found_.wakes : found_.switched_off);
        become(host, change.on ? PowerState::switching_on : PowerState::switching_off);
    }

    void finish_power_changes() {
        for (auto& [id, host] : inventory_.hosts) {
            const Duration lasted = host.power_since ? now_ - *host.power_since : Duration{};
            if (host.power == PowerState::switching_off && lasted >= options_.shutdown) become(host, PowerState::off);
            if (host.power == PowerState::switching_on && lasted >= options_.boot) {
                become(host, PowerState::on);
                woken_[id] = now_;
            }
        }
    }

    void count_power() {
        const double hours = std::chrono::duration<double, std::ratio<3600>>(interval).count();
        for (const auto& [id, host] : inventory_.hosts) {
            found_.host_hours_off += host.power == PowerState::off ? hours : 0;
            // Starting and stopping machines are busy.
            const double load = is_on(host) ? *host.load.cpu_used_cores / host.facts.cpus : 1;
            found_.energy_kwh += (host.power == PowerState::off ? standby_watts : watts(host, load)) * hours / 1000;
        }
        found_.fewest_on = std::min(found_.fewest_on, hosts_on());
    }

    // What each VM leaves behind where it was, of what it wants there.
    void leave_behind(const InFlight& migration) {
        auto& left = left_behind_[migration.vm];
        double own = 1;
        for (const auto& [host, share] : left) own -= share;
        left[migration.from] += options_.stays * own;
        left.erase(migration.to);
    }

    // To the VMs on each host in equal parts; what nobody is there for follows its VM.
    void hand_out(std::map<VmId, double>& by_vm) const {
        std::map<HostId, std::vector<VmId>> there;
        for (const auto& [id, vm] : inventory_.vms) there[vm.host].push_back(id);
        const auto wanted = by_vm;
        for (const auto& [id, left] : left_behind_) {
            for (const auto& [host, share] : left) {
                const auto found = there.find(host);
                if (found == there.end()) continue;
                by_vm[id] -= share * wanted.at(id);
                for (const VmId& other : found->second)
                    by_vm[other] += share * wanted.at(id) / static_cast<double>(found->second.size());
            }
        }
    }

    /// What libvirt would report: a full host gives each VM the same share of what it wants.
    void sample(unsigned minute) {
        std::map<HostId, double> wanted;
        std::map<VmId, double> by_vm;
        unsigned number = 0;
        for (const auto& [id, vm] : inventory_.vms) by_vm[id] = load_.wanted(number++, minute);
        if (options_.stays > 0) hand_out(by_vm);
        for (const auto& [id, vm] : inventory_.vms) wanted[vm.host] += by_vm[id];
        for (auto& [id, vm] : inventory_.vms) {
            const double share =
                std::min(1.0, inventory_.hosts.at(vm.host).facts.cpus / std::max(wanted[vm.host], 1e-9));
            vm.load.cpu_used_cores = by_vm[id] * share;
            vm.load.ready_ratio = by_vm[id] * (1 - share) / vm.facts.vcpus;
        }
        const double overloads = found_.overload;
        for (auto& [id, host] : inventory_.hosts) measure(host, wanted[id]);
        found_.overload_minutes += found_.overload > overloads;
        found_.overload_minutes_later += found_.overload > overloads && minute >= policy::minutes_per_day;
        for (const auto& [id, vm] : inventory_.vms) found_.stranded += !is_on(inventory_.hosts.at(vm.host));
        count_all_on(by_vm);
    }

    // Spread evenly over all hosts, which are alike: power grows with the load in a straight line.
    void count_all_on(const std::map<VmId, double>& by_vm) {
        double sum = 0, cpus = 0, full_watts = 0;
        for (const auto& [id, cpu] : by_vm) sum += cpu;
        for (const auto& [id, host] : inventory_.hosts) {
            cpus += host.facts.cpus;
            full_watts += policy::assumed_watts(host);
        }
        const double hours = std::chrono::duration<double, std::ratio<3600>>(interval).count();
        found_.energy_all_on_kwh +=
            full_watts * (idle_share + (1 - idle_share) * std::min(1.0, sum / cpus)) * hours / 1000;
    }

    void measure(Host& host, double wanted) {
        if (!is_on(host)) return;
        host.sampled_at = now_;
        host.load.cpu_used_cores = std::min(wanted, host.facts.cpus);
        Bytes used;
        for (const auto& [id, vm] : inventory_.vms) {
            if (vm.host == host.id) used += vm.facts.memory;
        }
        host.load.memory_available = host.facts.memory_total - used;
        found_.overload += wanted > host.facts.cpus;
        found_.above_limit += wanted > policy_.overload.cpu.above * policy::usable_cpus(host, policy_);
        found_.mean_cpu += wanted / host.facts.cpus;  // of a cluster of equal hosts: those that are off add nothing
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
            if (options_.stays > 0) leave_behind(migration);
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
    std::map<HostId, Instant> woken_;
    std::map<VmId, std::map<HostId, double>> left_behind_;  // shares of its load
    unsigned operations_ = 0;
    Stability found_;
};

}  // namespace

Stability measure_stability(const SyntheticOptions& options, const policy::Options& policy) {
    return Lab(options, policy).run();
}

}  // namespace ballast::sim::trace
