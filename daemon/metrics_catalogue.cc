#include "daemon/metrics_catalogue.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "model/result.h"

namespace ballast::daemon {

namespace {

using prometheus::MetricType;
constexpr auto gauge = MetricType::Gauge;
constexpr auto counter = MetricType::Counter;
constexpr auto histogram = MetricType::Histogram;

const std::vector<MetricRow> rows = {
    // the daemon
    {"ballast_build_info", gauge, "version", "Always 1; the version of this ballastd"},
    {"ballast_leader", gauge, "", "1 on the daemon that decides; with the embedded store there is only one"},
    {"ballast_mode", gauge, "mode", "1 for the mode in force, 0 for the others"},
    {"ballast_paused", gauge, "", "1 while an operator holds all action"},
    {"ballast_cycles_total", counter, "", "Planning cycles that ended"},
    {"ballast_cycle_duration_seconds", histogram, "phase", "Time a planning cycle spent in each phase"},
    {"ballast_last_cycle_timestamp_seconds", gauge, "", "When the last planning cycle began; absent before the first"},
    {"ballast_collector_success", gauge, "host,source", "1 when the last reading of this source of the host succeeded"},
    {"ballast_collector_failures_total", counter, "host,source", "Readings of this source of the host that failed"},
    {"ballast_store_size_bytes", gauge, "", "What etcd's database occupies; absent with the embedded store"},
    {"process_start_time_seconds", gauge, "", "When this process started"},
    {"process_cpu_seconds_total", counter, "", "CPU time this process used, user and system"},
    {"process_resident_memory_bytes", gauge, "", "Memory this process occupies"},
    {"process_open_fds", gauge, "", "File descriptors this process holds"},
    // one of several daemons
    {"ballast_own_host_info", gauge, "host", "Always 1; the host that this daemon runs on"},
    {"ballast_cluster_registered", gauge, "", "1 while this daemon is registered as the agent of its host"},
    {"ballast_cluster_term", gauge, "", "The term of the leader that this daemon sees; absent while it sees none"},
    {"ballast_cluster_registration_left_seconds", gauge, "",
     "For how long this registration is certain if no beat is answered any more; absent while there is none"},
    {"ballast_cluster_time_to_live_seconds", gauge, "",
     "cluster.time_to_live: for how long one that was just kept is certain"},
    {"ballast_store_call_duration_seconds", histogram, "", "Time from a call of the store to its answer or failure"},
    {"ballast_store_failures_total", counter, "", "Calls that the store did not answer or carry out"},
    {"ballast_own_health_problems", gauge, "source", "Problems of the health of the host that this daemon runs on"},
    {"ballast_own_pressure_ratio", gauge, "resource,kind", "Pressure stall information of that host, 10 s average"},
    {"ballast_own_cpu_busy_seconds_total", counter, "", "CPU time that host used, all CPUs, since its boot"},
    {"ballast_own_memory_bytes", gauge, "", "Memory of that host"},
    {"ballast_own_memory_available_bytes", gauge, "", "Memory of that host that is free or reclaimable"},
    // decisions
    {"ballast_hosts", gauge, "state", "Hosts by the state the last cycle saw"},
    {"ballast_planned_moves", gauge, "trigger", "Moves in the plan of the last cycle, all waves"},
    {"ballast_immovable_vms", gauge, "", "VMs that have to leave their host but cannot, in the last cycle"},
    {"ballast_rejections", gauge, "reason", "Refusals in the last cycle: of a VM, or of a VM on one target"},
    {"ballast_rejections_total", counter, "reason",
     "Refusals that the cycle before did not have: one that stays counts once"},
    {"ballast_imbalance_ratio", gauge, "",
     "Standard deviation of the hosts' CPU demand ratios; absent while no host reports"},
    {"ballast_planned_imbalance_ratio", gauge, "", "The same once every move of the plan is done"},
    {"ballast_braked", gauge, "",
     "1 while moves are held back because earlier ones did not bring the relief they promised"},
    {"ballast_double_running_vms", gauge, "", "VMs that two hosts report running at once"},
    {"ballast_stuck_vms", gauge, "",
     "VMs that have stood still for minutes by an IO error or an interrupted migration, while nobody moves them"},
    // migrations
    {"ballast_operations_waiting", gauge, "", "Proposed migrations that wait for an operator's approval"},
    {"ballast_operations_planned", gauge, "", "Accepted migrations that wait for a slot or for their next attempt"},
    {"ballast_migrations_in_progress", gauge, "", "Migrations that run or whose end is being verified"},
    {"ballast_alarms", gauge, "", "Migrations under way that a person has to look at"},
    {"ballast_alarms_total", counter, "", "Migrations that raised an alarm, each counted once"},
    {"ballast_migrations_total", counter, "result,trigger", "Migrations that ended"},
    {"ballast_migration_duration_seconds", histogram, "", "Time from the call to the verified end, of those done"},
    {"ballast_migration_predicted_duration_seconds", histogram, "", "What was predicted for the same migrations"},
    {"ballast_migration_downtime_seconds", histogram, "",
     "Time the guest stood still, of those done where libvirt reported it"},
    {"ballast_migration_predicted_downtime_seconds", histogram, "", "What was predicted for the same migrations"},
    {"ballast_migration_transferred_bytes", histogram, "", "Data sent, of those done where libvirt reported it"},
    {"ballast_migration_measured_to_predicted_ratio", histogram, "quantity",
     "Measured over predicted, of those done; 1 is a perfect prediction"},
    // hosts
    {"ballast_host_info", gauge, "host,hostname,libvirt,hypervisor", "Always 1; what the host says it is"},
    {"ballast_host_up", gauge, "host", "1 while there is a libvirt connection to the host"},
    {"ballast_host_stale", gauge, "host", "1 while there is no sample recent enough to act on"},
    {"ballast_host_maintenance", gauge, "host", "1 while the host is in or enters maintenance"},
    {"ballast_host_degraded", gauge, "host", "1 while the host fails, though it answers, so that it takes no VMs"},
    {"ballast_host_health_problems", gauge, "host,source", "Problems of the host's health, by where they were seen"},
    {"ballast_host_stranded_vms", gauge, "host",
     "VMs that would have to leave the host because it is degraded, but cannot"},
    {"ballast_host_last_sample_timestamp_seconds", gauge, "host", "When the last complete sample of the host ended"},
    {"ballast_host_cpus", gauge, "host", "CPUs of the host that guests may use"},
    {"ballast_host_memory_bytes", gauge, "host", "Memory of the host"},
    {"ballast_host_memory_available_bytes", gauge, "host", "Memory of the host that is free or reclaimable"},
    {"ballast_host_cpu_used_cores", gauge, "host", "CPUs of the host that were busy, for guests or itself"},
    {"ballast_host_cpu_demand_ratio", gauge, "host",
     "Smoothed CPU demand over usable CPUs; 1 is full, more is possible"},
    {"ballast_host_memory_demand_ratio", gauge, "host",
     "Memory in use (allocated to VMs where that is not measured) over all memory of the host"},
    {"ballast_host_ready_ratio", gauge, "host", "Share of time its vCPUs waited for a CPU, smoothed"},
    {"ballast_host_pressure_ratio", gauge, "host,resource,kind",
     "Pressure stall information, 10 s average; only of hosts that a daemon runs on"},
    {"ballast_host_overloaded", gauge, "host,detector", "1 while this detector holds the host overloaded"},
    {"ballast_host_unrelieved", gauge, "host", "1 while the host is overloaded and the plan does not resolve it"},
    {"ballast_host_power", gauge, "host,state", "1 for the state of the host's power, 0 for the others"},
    {"ballast_host_switchable", gauge, "host",
     "1 while Ballast may switch the host's power: a broker knows its BMC and no operator holds it"},
    {"ballast_power_broker_problem", gauge, "",
     "1 while the power broker, which was there or is needed, does not answer"},
    {"ballast_host_power_alarm", gauge, "host", "1 while a person has to look at how its power was switched"},
    {"ballast_host_watts", gauge, "host,source",
     "Power the host draws; source: bmc, rapl_psys, rapl (processors and memory only), or table where none tells"},
    {"ballast_host_energy_used_joules_total", counter, "host", "Energy the host drew"},
    {"ballast_host_energy_saved_joules_total", counter, "host", "Energy it would have drawn idle while it was off"},
    {"ballast_vms_down", gauge, "", "VMs that ran when their host was lost and have not been started again"},
    {"ballast_fencing_frozen", gauge, "", "1 while so many hosts are silent that none is cut off"},
    {"ballast_host_vms", gauge, "host", "VMs on the host that are not shut off"},
    // rolling reboots
    {"ballast_rolling_hosts", gauge, "state", "Hosts of the last rolling run: done, at (the one it has got to), left"},
    {"ballast_rolling_running", gauge, "", "1 while a rolling run is under way"},
    {"ballast_rolling_stopped", gauge, "", "1 when the last rolling run has stopped before its end"},
    // VMs
    {"ballast_vm_info", gauge, "uuid,name,host", "Always 1; joins a VM's UUID with its name and its host", true},
    {"ballast_vm_cpu_used_cores", gauge, "uuid", "CPUs the VM used", true},
    {"ballast_vm_ready_ratio", gauge, "uuid", "Share of time its vCPUs waited for a CPU, mean over vCPUs", true},
    {"ballast_vm_memory_bytes", gauge, "uuid", "The VM's maximum memory", true},
    {"ballast_vm_memory_rss_bytes", gauge, "uuid", "Memory the VM occupies on its host", true},
    {"ballast_vm_memory_usable_bytes", gauge, "uuid", "Memory the guest could still use without swapping", true},
    {"ballast_vm_block_read_bytes_per_second", gauge, "uuid", "Data read from its disks", true},
    {"ballast_vm_block_written_bytes_per_second", gauge, "uuid", "Data written to its disks", true},
    {"ballast_vm_network_received_bytes_per_second", gauge, "uuid", "Data received by its network cards", true},
    {"ballast_vm_network_sent_bytes_per_second", gauge, "uuid", "Data sent by its network cards", true},
    {"ballast_vm_dirtied_bytes_per_second", gauge, "uuid", "Memory the guest changes, as last measured", true},
};

constexpr std::string_view replacement = "\xEF\xBF\xBD";

struct Sequence {
    std::size_t length;
    unsigned char least_second, most_second;  // bounds of the second byte [Unicode 15, table 3-7]
};

Sequence sequence_of(unsigned char first) {
    if (first >= 0xC2 && first <= 0xDF) return {2, 0x80, 0xBF};
    if (first == 0xE0) return {3, 0xA0, 0xBF};
    if (first == 0xED) return {3, 0x80, 0x9F};
    if (first >= 0xE1 && first <= 0xEF) return {3, 0x80, 0xBF};
    if (first == 0xF0) return {4, 0x90, 0xBF};
    if (first == 0xF4) return {4, 0x80, 0x8F};
    if (first >= 0xF1 && first <= 0xF3) return {4, 0x80, 0xBF};
    return {0, 0, 0};
}

// How many bytes the character at the beginning has; 0 when it is to be replaced.
std::size_t good_length(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) return first >= 0x20 && first != 0x7F;
    const Sequence sequence = sequence_of(first);
    if (sequence.length == 0 || text.size() < sequence.length) return 0;
    const auto second = static_cast<unsigned char>(text[1]);
    if (second < sequence.least_second || second > sequence.most_second) return 0;
    for (std::size_t i = 2; i < sequence.length; ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
    return sequence.length;
}

}  // namespace

const std::vector<MetricRow>& metric_catalogue() {
    return rows;
}

const MetricRow& metric_row(const std::string& name) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const MetricRow& row) { return name == row.name; });
    BALLAST_ASSERT(found != rows.end());
    return *found;
}

prometheus::MetricFamily metric_family(const std::string& name) {
    const MetricRow& row = metric_row(name);
    prometheus::MetricFamily family;
    family.name = row.name;
    family.help = row.help;
    family.type = row.type;
    return family;
}

void add_gauge(prometheus::MetricFamily& family, MetricLabels labels, std::optional<double> value) {
    if (!value || !std::isfinite(*value)) return;
    prometheus::ClientMetric series;
    for (auto& label : labels) label.value = label_text(label.value);
    series.label = std::move(labels);
    series.gauge.value = *value;
    family.metric.push_back(std::move(series));
}

void add_counter(prometheus::MetricFamily& family, MetricLabels labels, double value) {
    prometheus::ClientMetric series;
    for (auto& label : labels) label.value = label_text(label.value);
    series.label = std::move(labels);
    series.counter.value = value;
    family.metric.push_back(std::move(series));
}

std::string label_text(const std::string& text) {
    std::string good;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t length = good_length(rest);
        good += length > 0 ? rest.substr(0, length) : replacement;
        rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return good;
}

}  // namespace ballast::daemon
