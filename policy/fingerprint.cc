// Each struct is taken apart by a structured binding: a member that is added later does not compile before it was
// decided here whether a plan depends on it.
#include "policy/fingerprint.h"

#include <algorithm>
#include <bit>
#include <type_traits>

#include "policy/estimators.h"
#include "policy/return_home.h"

namespace ballast::policy {

namespace {

class Hash : public WordHash {
public:
    template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
    void add(T value) { word(static_cast<std::uint64_t>(value)); }
    void add(double value) { word(std::bit_cast<std::uint64_t>(value)); }
    void add(Bytes bytes) { word(bytes.count); }
    void add(const std::string& text) {
        word(text.size());
        words(text);
    }
    template <class Tag>
    void add(const Id<Tag>& id) {
        add(id.value);
    }
    template <class A, class B>
    void add(const std::pair<A, B>& pair) {
        add(pair.first);
        add(pair.second);
    }
    template <class T>
    void add(const std::optional<T>& value) {
        add(value.has_value());
        if (value) add(*value);
    }
    template <class T>
    void add(const std::vector<T>& values) {
        add_all(values);
    }
    template <class T>
    void add(const std::set<T>& values) {
        add_all(values);
    }
    template <class K, class V>
    void add(const std::map<K, V>& values) {
        add_all(values);
    }
    template <class... Ts>
    requires(sizeof...(Ts) > 1) void add(const Ts&... values) { (add(values), ...); }

    void add(const Blocker& blocker) {
        const auto& [reason, detail] = blocker;
        add(reason, detail);
    }
    void add(const CpuSupport& cpu) {
        const auto& [models, features, host_model, machines] = cpu;
        add(models, features, host_model, machines);
    }
    void add(const NumaCell& cell) {
        const auto& [cpus, memory, huge_pages] = cell;
        add(cpus, memory, huge_pages);
    }
    void add(const HealthProblem& problem) {
        const auto& [source, subject, text] = problem;
        add(source, subject, text);
    }
    void add(const VmDisk& disk) {
        const auto& [target, type, source, format, read_only, shareable, has_backing, capacity, allocated] = disk;
        add(target, type, source, format, read_only, shareable, has_backing, capacity, allocated);
    }
    void add(const CpuRequirement& cpu) {
        const auto& [mode, model, required] = cpu;
        add(mode, model, required);
    }

private:
    template <class Range>
    void add_all(const Range& values) {
        add(values.size());
        for (const auto& value : values) add(value);
    }
};

void add(Hash& hash, const HostFacts& facts) {
    const auto& [uuid, hostname, cpus, memory_total, arch, cpu_by_virt_type, networks, bridges, pools, pool_free,
                 shared_paths, stretched_paths, cells, libvirt_version, hypervisor_version] = facts;
    hash.add(uuid, hostname, cpus, memory_total, arch, cpu_by_virt_type, networks, bridges, pools, pool_free,
             shared_paths, stretched_paths, cells, libvirt_version, hypervisor_version);
}

void add(Hash& hash, const HostLoad& load) {
    const auto& [cpu_used_cores, memory_available, swap_in_mib_per_s, pressure, free_huge_pages] = load;
    const auto& [cpu_some, memory_some, memory_full, io_some, io_full] = pressure;
    hash.add(cpu_used_cores, memory_available, swap_in_mib_per_s, free_huge_pages);
    hash.add(cpu_some, memory_some, memory_full, io_some, io_full);
}

void add(Hash& hash, const Host& host) {
    const auto& [id, facts, load, connection, sampled_at, stale, maintenance, to_site, lost, accepts_vms, site, labels,
                 problem, power, power_since, power_managed, went_off, came_back, health, revision] = host;
    hash.add(id, connection, stale, maintenance, to_site, lost, accepts_vms, site, labels, problem, power,
             power_managed, health, revision);
    (void)power_since, (void)went_off, (void)came_back;  // for consolidation, see fingerprint_of()
    hash.add(sampled_at.has_value());                    // when: see add_past()
    if (revision == 0) add(hash, facts);
    add(hash, load);
}

void add(Hash& hash, const VmRequirements& needs) {
    const auto& [virt_type, arch, machine, cpu, networks, bridges, pools, files, huge_pages, pinned_cpus, strict_cells,
                 disks] = needs;
    hash.add(virt_type, arch, machine, cpu, networks, bridges, pools, files, huge_pages, pinned_cpus, strict_cells,
             disks);
}

void add(Hash& hash, const VmWishes& wishes) {
    const auto& [no_migrate, only_on, keep_apart, keep_together, reserved_cpus, reserved_memory, priority, post_copy,
                 no_post_copy, problem] = wishes;
    hash.add(no_migrate, only_on, keep_apart, keep_together, reserved_cpus, reserved_memory, priority, post_copy,
             no_post_copy, problem);
}

void add(Hash& hash, const VmFacts& facts) {
    const auto& [name, vcpus, memory, persistent, autostart, requirements, wishes, blockers] = facts;
    hash.add(name, vcpus, memory, persistent, autostart, blockers);
    add(hash, requirements);
    add(hash, wishes);
}

// Most of what is measured reaches a plan through what observe() makes of it, which is in the memory.
void add(Hash& hash, const VmLoad& load) {
    const auto& [cpu, ready, rss, balloon, usable, swap, faults, block_read, block_write, net_rx, net_tx, dirty] = load;
    hash.add(rss, dirty);
    (void)cpu, (void)ready, (void)balloon, (void)usable, (void)swap, (void)faults;
    (void)block_read, (void)block_write, (void)net_rx, (void)net_tx;
}

void add(Hash& hash, const Vm& vm) {
    const auto& [id, host, state, facts_known, revision, load, facts, started_at, start_after] = vm;
    hash.add(host, state, facts_known, revision, start_after);
    (void)started_at;  // no plan asks since when
    if (revision == 0) {
        hash.add(id);  // else the revision is this VM's alone
        add(hash, facts);
    }
    add(hash, load);
}

// A detector's times matter to observe() alone.
void add(Hash& hash, const DetectorState& detector) {
    const auto& [above_since, set, last_value] = detector;
    hash.add(above_since.has_value(), set);
    (void)last_value;
}

void add(Hash& hash, const HostMemory& memory) {
    const auto& [cpu, ready, ram, pressure, demand, ready_ratio, last_sample, other, other_known, unattributed,
                 cpu_known, cpu_limit, cpu_expected, swap, swap_in, outlook] = memory;
    for (const DetectorState* detector : {&cpu, &ready, &ram, &pressure, &swap}) add(hash, *detector);
    hash.add(demand, ready_ratio, other, other_known, unattributed, cpu_known, cpu_limit, cpu_expected, swap_in);
    hash.add(last_sample.has_value());  // when: see add_past()
    hash.add(outlook.has_value());
    if (!outlook) return;
    const auto& [hour, cores, most_cores, days, above, overload] = *outlook;
    hash.add(hour, cores, most_cores, days, above, overload);
}

void add(Hash& hash, const VmMemory& memory) {
    const auto& [demand, dirty, last_sample, ready_ratio, dirty_known, duration_factor, downtime_factor, history,
                 planned] = memory;
    hash.add(demand, dirty, last_sample.has_value(), ready_ratio, dirty_known, duration_factor, downtime_factor,
             planned);
    (void)history;  // for observe(), and for consolidation, see fingerprint_of()
}

// The entries of a large map lie all over the memory. So that none has to be waited for, each is fetched while those
// before it are hashed.
template <class Map, class Use>
void for_each_fetched(const Map& map, std::size_t bytes, Use use) {
    constexpr std::size_t line = 64;  // bytes of a processor's cache
    constexpr int lead = 8;           // entries ahead of the one that is used
    const auto fetch = [bytes](const auto& entry) {
        const char* at = reinterpret_cast<const char*>(&entry);
        for (std::size_t i = 0; i < std::min(bytes, sizeof entry); i += line) __builtin_prefetch(at + i);
        __builtin_prefetch(entry.first.value.data());
    };
    auto ahead = map.begin();
    for (int i = 0; i < lead && ahead != map.end(); ++i) fetch(*ahead++);
    for (const auto& [id, value] : map) {
        if (ahead != map.end()) fetch(*ahead++);
        use(id, value);
    }
}

// What is hashed of VMs and of what is remembered of them lies in their first bytes, where facts have a revision.
constexpr std::size_t fetched_bytes = 320;

void add(Hash& hash, const Memory& memory) {
    const auto& [hosts, vms, seasons, imbalance, audit, learned_until] = memory;
    for (const auto& [id, host] : hosts) hash.add(id), add(hash, host);
    for_each_fetched(vms, fetched_bytes, [&](const VmId& id, const VmMemory& vm) { hash.add(id), add(hash, vm); });
    add(hash, imbalance);
    const auto& [open, effect, audited, brake, until, holds] = audit;
    hash.add(effect, audited, brake, holds, open.empty());
    (void)until, (void)learned_until, (void)seasons;  // for observe()
}

class Past {
public:
    Past(const Inventory& inventory, const Memory& memory, const Options& options, Instant now)
        : inventory_(inventory),
          memory_(memory),
          now_(now),
          settling_(2 * smoothing_time(options.overload)),
          waits_{options.cooldown.vm, options.cooldown.no_return, options.cooldown.after_failure,
                 options.cooldown.by_hand} {}

    void add(Hash& hash, const PastMove& move) const {
        const auto& [vm, from, to, ended, succeeded, by_hand, experience] = move;
        (void)experience;  // for observe()
        hash.add(vm, from, to, succeeded, by_hand);
        const Duration age = now_ - ended;
        for (const Duration wait : waits_) hash.add(age < wait);
        if (age < *std::max_element(std::begin(waits_), std::end(waits_))) hash.add(to_string(age));
        hash.add(unseen(from, ended), unseen(to, ended), settles(from, ended));
    }

private:
    // Was the host sampled after the move ended? [ClusterView::correct_for]
    bool unseen(const HostId& host, Instant ended) const {
        const auto found = inventory_.hosts.find(host);
        return found != inventory_.hosts.end() && found->second.sampled_at <= ended;
    }
    // And long after it? [goal_of]
    bool settles(const HostId& host, Instant ended) const {
        const auto found = memory_.hosts.find(host);
        return found == memory_.hosts.end() || !found->second.last_sample ||
               *found->second.last_sample < ended + settling_;
    }

    const Inventory& inventory_;
    const Memory& memory_;
    Instant now_;
    Duration settling_;
    Duration waits_[4];
};

}  // namespace

Fingerprint fingerprint_of(const Inventory& inventory, const Memory& memory, const Options& options, Instant now) {
    Hash hash;
    const auto& [hosts, vms, in_flight, past_moves, homes, wall_time] = inventory;
    hash.add(hosts.size(), vms.size(), in_flight.size(), past_moves.size(), memory.hosts.size(), memory.vms.size());
    for (const auto& [id, host] : hosts) add(hash, host);
    for_each_fetched(vms, fetched_bytes, [&](const VmId&, const Vm& vm) { add(hash, vm); });
    for (const auto& [operation, vm, from, to] : in_flight) hash.add(operation, vm, from, to);
    const Past past(inventory, memory, options, now);
    for (const PastMove& move : past_moves) past.add(hash, move);
    if (options.maintenance.return_home)
        for (const Home& home : homes) hash.add(home.vm, home.host, is_due(home, options.maintenance, now));
    // Windows open and close at full minutes.
    hash.add(wall_time.has_value());
    if (wall_time && !options.windows.empty())
        hash.add(std::chrono::floor<std::chrono::minutes>(*wall_time).time_since_epoch().count());
    // Consolidation asks how long ago nearly everything was: with it, time that passes is a change.
    if (options.consolidation.enabled) hash.add(now.time_since_epoch().count());
    add(hash, memory);
    return hash.value();
}

}  // namespace ballast::policy
