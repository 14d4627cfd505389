#include "daemon/metrics_snapshot.h"

#include <algorithm>
#include <set>

#include "daemon/metrics_catalogue.h"
#include "policy/estimators.h"
#include "policy/health.h"

namespace ballast::daemon {

namespace {

// Every state of HostView: those without a host are exported as zero.
constexpr const char* host_states[] = {
    "ok",       "hot",      "overloaded", "stale",         "down",         "lost",   "maintenance",
    "draining", "degraded", "off",        "switching_off", "switching_on", "fencing"};
// An operator's own move is in no plan, and what a lost host asks for are no moves.
constexpr Trigger planned_triggers[] = {Trigger::overload,    Trigger::maintenance, Trigger::rule_violation,
                                        Trigger::return_home, Trigger::balance,     Trigger::consolidation,
                                        Trigger::degraded};

prometheus::MetricFamily single(const char* name, std::optional<double> value) {
    auto family = metric_family(name);
    add_gauge(family, {}, value);
    return family;
}

prometheus::MetricFamily counted(const char* name, const char* label, const std::map<std::string, double>& counts) {
    auto family = metric_family(name);
    for (const auto& [value, count] : counts) add_gauge(family, {{label, value}}, count);
    return family;
}

std::map<std::string, double> hosts_by_state(const Plan& plan) {
    std::map<std::string, double> counts;
    for (const char* state : host_states) counts[state] = 0;
    for (const auto& [host, view] : plan.hosts) ++counts[view.state];
    return counts;
}

std::map<std::string, double> moves_by_trigger(const Plan& plan) {
    std::map<std::string, double> counts;
    for (const Trigger trigger : planned_triggers) counts[to_string(trigger)] = 0;
    for (const Move& move : plan.moves) ++counts[to_string(move.trigger)];
    return counts;
}

std::map<std::string, double> rejections_by_reason(const Plan& plan) {
    std::map<std::string, double> counts;
    for (const Reason reason : all_reasons()) counts[to_string(reason)] = 0;
    for (const auto* list : {&plan.immovable, &plan.rejections})
        for (const Rejection& rejection : *list) ++counts[to_string(rejection.reason)];
    return counts;
}

bool any_fresh(const Inventory& inventory) {
    for (const auto& [id, host] : inventory.hosts)
        if (policy::is_fresh(host)) return true;
    return false;
}

struct SeenHost {
    const Host& host;
    const policy::HostMemory& memory;
    const HostView& view;
    double vms = 0;
    bool unrelieved = false;
    std::optional<double> sampled;  // seconds since 1970
    double stranded = 0;
};

std::optional<double> positive(double value) {
    return value > 0 ? std::optional(value) : std::nullopt;
}

std::optional<double> fresh(const SeenHost& seen, std::optional<double> value) {
    return policy::is_fresh(seen.host) ? value : std::nullopt;
}

std::optional<double> count_of(const std::optional<Bytes>& bytes) {
    return bytes ? std::optional(static_cast<double>(bytes->count)) : std::nullopt;
}

std::optional<double> cpu_demand(const SeenHost& seen) {
    const bool known = seen.memory.cpu_known && seen.host.facts.cpus > 0;
    return fresh(seen, known ? std::optional(seen.view.cpu_demand) : std::nullopt);
}

std::optional<double> ready(const SeenHost& seen) {
    const auto& last = seen.memory.ready.last_value;  // the last sample in which it was measured
    return fresh(seen, last && last == seen.memory.last_sample ? std::optional(seen.view.ready) : std::nullopt);
}

std::optional<double> memory_demand(const SeenHost& seen) {
    return fresh(seen, seen.host.facts.memory_total.count > 0 ? std::optional(seen.view.memory_demand) : std::nullopt);
}

struct HostRow {
    const char* name;
    std::optional<double> (*value)(const SeenHost&);
};

const HostRow host_rows[] = {
    {"ballast_host_up", [](const SeenHost& s) { return std::optional<double>(s.host.connection == Connection::up); }},
    {"ballast_host_stale", [](const SeenHost& s) { return std::optional<double>(s.host.stale); }},
    {"ballast_host_maintenance", [](const SeenHost& s) { return std::optional<double>(s.host.maintenance); }},
    {"ballast_host_degraded", [](const SeenHost& s) { return std::optional<double>(s.view.state == "degraded"); }},
    {"ballast_host_switchable", [](const SeenHost& s) { return std::optional<double>(s.host.power_managed); }},
    {"ballast_host_stranded_vms", [](const SeenHost& s) { return std::optional(s.stranded); }},
    {"ballast_host_last_sample_timestamp_seconds", [](const SeenHost& s) { return s.sampled; }},
    {"ballast_host_cpus", [](const SeenHost& s) { return positive(s.host.facts.cpus); }},
    {"ballast_host_memory_bytes",
     [](const SeenHost& s) { return positive(static_cast<double>(s.host.facts.memory_total.count)); }},
    {"ballast_host_memory_available_bytes",
     [](const SeenHost& s) { return fresh(s, count_of(s.host.load.memory_available)); }},
    {"ballast_host_cpu_used_cores",
     [](const SeenHost& s) { return fresh(s, policy::known(s.host.load.cpu_used_cores)); }},
    {"ballast_host_cpu_demand_ratio", cpu_demand},
    {"ballast_host_memory_demand_ratio", memory_demand},
    {"ballast_host_ready_ratio", ready},
    {"ballast_host_unrelieved", [](const SeenHost& s) { return std::optional<double>(s.unrelieved); }},
    {"ballast_host_vms", [](const SeenHost& s) { return fresh(s, s.vms); }},
};

prometheus::MetricFamily info_of(const std::vector<SeenHost>& hosts) {
    auto family = metric_family("ballast_host_info");
    for (const SeenHost& seen : hosts) {
        const HostFacts& facts = seen.host.facts;
        if (facts.hostname.empty()) continue;  // not read yet
        add_gauge(family,
                  {{"host", seen.host.id.value},
                   {"hostname", facts.hostname},
                   {"libvirt", facts.libvirt_version},
                   {"hypervisor", facts.hypervisor_version}},
                  1);
    }
    return family;
}

prometheus::MetricFamily pressure_of(const std::vector<SeenHost>& hosts) {
    auto family = metric_family("ballast_host_pressure_ratio");
    for (const SeenHost& seen : hosts) {
        const auto add = [&](const char* resource, const char* kind, const std::optional<double>& value) {
            const auto labels = MetricLabels{{"host", seen.host.id.value}, {"resource", resource}, {"kind", kind}};
            add_gauge(family, labels, fresh(seen, value));
        };
        const Pressure& pressure = seen.host.load.pressure;
        add("cpu", "some", pressure.cpu_some);
        add("memory", "some", pressure.memory_some);
        add("memory", "full", pressure.memory_full);
        add("io", "some", pressure.io_some);
        add("io", "full", pressure.io_full);
    }
    return family;
}

prometheus::MetricFamily health_of(const std::vector<SeenHost>& hosts) {
    auto family = metric_family("ballast_host_health_problems");
    for (const SeenHost& seen : hosts)
        for (const HealthSource source : all_health_sources) {
            const auto is_of_it = [&](const HealthProblem& problem) { return problem.source == source; };
            const auto count = std::count_if(seen.host.health.begin(), seen.host.health.end(), is_of_it);
            add_gauge(family, {{"host", seen.host.id.value}, {"source", to_string(source)}},
                      static_cast<double>(count));
        }
    return family;
}

prometheus::MetricFamily detectors_of(const std::vector<SeenHost>& hosts) {
    auto family = metric_family("ballast_host_overloaded");
    for (const SeenHost& seen : hosts) {
        const auto add = [&](const char* detector, const policy::DetectorState& state) {
            if (!state.last_value) return;  // never fed: this host does not report it
            add_gauge(family, {{"host", seen.host.id.value}, {"detector", detector}}, state.set);
        };
        add("cpu", seen.memory.cpu);
        add("ready", seen.memory.ready);
        add("memory", seen.memory.memory);
        add("memory_pressure", seen.memory.memory_pressure);
    }
    return family;
}

std::map<HostId, double> vms_by_host(const Inventory& inventory) {
    std::map<HostId, double> counts;
    for (const auto& [id, vm] : inventory.vms)
        if (policy::occupies_host(vm)) ++counts[vm.host];
    return counts;
}

std::set<HostId> unrelieved_hosts(const Plan& plan) {
    std::set<HostId> hosts;
    for (const Finding& finding : plan.findings)
        if (finding.trigger == Trigger::overload && !finding.resolved_by_plan) hosts.insert(finding.host);
    return hosts;
}

template <class Map>
const typename Map::mapped_type& at_or_empty(const Map& map, const HostId& host) {
    static const typename Map::mapped_type empty{};
    const auto found = map.find(host);
    return found == map.end() ? empty : found->second;
}

std::vector<SeenHost> seen_hosts(const Cycle& cycle, const Inventory& inventory, const policy::Memory& memory,
                                 const std::function<WallTime(Instant)>& wall_time_of) {
    const auto vms = vms_by_host(inventory);
    const auto unrelieved = unrelieved_hosts(cycle.plan);
    const auto stranded = policy::stranded_vms(cycle.plan, inventory);
    std::vector<SeenHost> hosts;
    for (const auto& [id, host] : inventory.hosts) {
        std::optional<double> sampled;
        if (host.sampled_at) sampled = seconds_of(wall_time_of(*host.sampled_at));
        hosts.push_back({host, at_or_empty(memory.hosts, id), at_or_empty(cycle.plan.hosts, id), at_or_empty(vms, id),
                         unrelieved.contains(id), sampled, static_cast<double>(at_or_empty(stranded, id).size())});
    }
    return hosts;
}

std::optional<double> bytes_per_second(const std::optional<double>& mib_per_second) {
    constexpr double bytes_in_mib = 1024.0 * 1024.0;
    const auto known = policy::known(mib_per_second);
    return known ? std::optional(*known * bytes_in_mib) : std::nullopt;
}

struct VmRow {
    const char* name;
    std::optional<double> (*value)(const Vm&);
};

const VmRow vm_rows[] = {
    {"ballast_vm_cpu_used_cores", [](const Vm& vm) { return policy::known(vm.load.cpu_used_cores); }},
    {"ballast_vm_ready_ratio", [](const Vm& vm) { return policy::known(vm.load.ready_ratio); }},
    {"ballast_vm_memory_bytes", [](const Vm& vm) { return positive(static_cast<double>(vm.facts.memory.count)); }},
    {"ballast_vm_memory_rss_bytes", [](const Vm& vm) { return count_of(vm.load.memory_rss); }},
    {"ballast_vm_memory_usable_bytes", [](const Vm& vm) { return count_of(vm.load.memory_usable); }},
    {"ballast_vm_block_read_bytes_per_second",
     [](const Vm& vm) { return bytes_per_second(vm.load.block_read_mib_per_s); }},
    {"ballast_vm_block_written_bytes_per_second",
     [](const Vm& vm) { return bytes_per_second(vm.load.block_write_mib_per_s); }},
    {"ballast_vm_network_received_bytes_per_second",
     [](const Vm& vm) { return bytes_per_second(vm.load.net_rx_mib_per_s); }},
    {"ballast_vm_network_sent_bytes_per_second",
     [](const Vm& vm) { return bytes_per_second(vm.load.net_tx_mib_per_s); }},
    {"ballast_vm_dirtied_bytes_per_second",
     [](const Vm& vm) { return bytes_per_second(vm.load.dirty_rate_mib_per_s); }},
};

// The last load of a host that no longer reports is not the VM's load now.
bool reported(const Vm& vm, const Inventory& inventory) {
    const auto host = inventory.hosts.find(vm.host);
    return policy::occupies_host(vm) && host != inventory.hosts.end() && policy::is_fresh(host->second);
}

}  // namespace

double seconds_of(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

MetricFamilies decision_metrics(const Cycle& cycle, const Inventory& inventory) {
    const Plan& plan = cycle.plan;
    const bool balance_known = any_fresh(inventory);
    return {
        counted("ballast_hosts", "state", hosts_by_state(plan)),
        counted("ballast_planned_moves", "trigger", moves_by_trigger(plan)),
        single("ballast_immovable_vms", static_cast<double>(vms_in(plan.immovable))),
        counted("ballast_rejections", "reason", rejections_by_reason(plan)),
        single("ballast_imbalance_ratio", balance_known ? std::optional(plan.score_before) : std::nullopt),
        single("ballast_planned_imbalance_ratio", balance_known ? std::optional(plan.score_after) : std::nullopt),
        single("ballast_braked", plan.brake.empty() ? 0.0 : 1.0),
        single("ballast_last_cycle_timestamp_seconds", seconds_of(cycle.at)),
    };
}

MetricFamilies host_metrics(const Cycle& cycle, const Inventory& inventory, const policy::Memory& memory,
                            const std::function<WallTime(Instant)>& wall_time_of) {
    const auto hosts = seen_hosts(cycle, inventory, memory, wall_time_of);
    MetricFamilies families = {info_of(hosts), pressure_of(hosts), health_of(hosts), detectors_of(hosts)};
    for (const HostRow& row : host_rows) {
        auto family = metric_family(row.name);
        for (const SeenHost& seen : hosts) add_gauge(family, {{"host", seen.host.id.value}}, row.value(seen));
        families.push_back(std::move(family));
    }
    return families;
}

MetricFamilies power_metrics(const Inventory& inventory, const std::vector<PowerRecord>& power,
                             const std::vector<HostEnergy>& energy, bool broker_problem) {
    constexpr double joules_per_wh = 3600;
    auto states = metric_family("ballast_host_power"), alarms = metric_family("ballast_host_power_alarm"),
         watts = metric_family("ballast_host_watts"), used = metric_family("ballast_host_energy_used_joules_total"),
         saved = metric_family("ballast_host_energy_saved_joules_total");
    for (const auto& [id, host] : inventory.hosts)
        for (const PowerState state : all_power_states)
            add_gauge(states, {{"host", id.value}, {"state", to_string(state)}}, host.power == state);
    for (const PowerRecord& record : power)
        if (inventory.hosts.contains(record.host)) add_gauge(alarms, {{"host", record.host.value}}, record.alarm);
    for (const HostEnergy& account : energy) {
        if (!inventory.hosts.contains(account.host)) continue;
        const MetricLabels host = {{"host", account.host.value}};
        add_gauge(watts, {host.front(), {"source", to_string(account.source)}}, account.watts);
        add_counter(used, host, joules_per_wh * account.used_wh);
        add_counter(saved, host, joules_per_wh * account.saved_wh);
    }
    return {std::move(states), std::move(alarms), std::move(watts),
            std::move(used),   std::move(saved),  single("ballast_power_broker_problem", broker_problem)};
}

MetricFamilies failover_metrics(std::size_t vms_down, bool fencing_frozen) {
    return {single("ballast_vms_down", static_cast<double>(vms_down)),
            single("ballast_fencing_frozen", fencing_frozen)};
}

MetricFamilies rolling_metrics(const std::optional<RollingRun>& run) {
    if (!run) return {};
    const bool ended = run->state == RollingState::done;
    const auto done = static_cast<double>(run->at), all = static_cast<double>(run->hosts.size());
    return {counted("ballast_rolling_hosts", "state",
                    {{"done", done}, {"at", ended ? 0 : 1}, {"left", ended ? 0 : all - done - 1}}),
            single("ballast_rolling_running", run->state == RollingState::running),
            single("ballast_rolling_stopped", run->state == RollingState::stopped)};
}

MetricFamilies store_metrics(std::optional<Bytes> size) {
    if (!size) return {};
    return {single("ballast_store_size_bytes", static_cast<double>(size->count))};
}

MetricFamilies vm_metrics(const Inventory& inventory) {
    MetricFamilies families = {metric_family("ballast_vm_info")};
    for (const auto& [id, vm] : inventory.vms)
        if (policy::occupies_host(vm))
            add_gauge(families[0], {{"uuid", id.value}, {"name", vm.facts.name}, {"host", vm.host.value}}, 1);
    for (const VmRow& row : vm_rows) {
        auto family = metric_family(row.name);
        for (const auto& [id, vm] : inventory.vms)
            if (reported(vm, inventory)) add_gauge(family, {{"uuid", id.value}}, row.value(vm));
        families.push_back(std::move(family));
    }
    return families;
}

}  // namespace ballast::daemon
