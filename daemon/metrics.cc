#include "daemon/metrics.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/metrics_catalogue.h"

namespace ballast::daemon {

namespace {

void append(MetricFamilies& all, MetricFamilies more) {
    std::move(more.begin(), more.end(), std::back_inserter(all));
}

void add_single(MetricFamilies& all, const char* name, std::optional<double> value) {
    all.push_back(metric_family(name));
    add_gauge(all.back(), {}, value);
}

prometheus::MetricFamily mode_family(std::optional<policy::Mode> mode) {
    auto family = metric_family("ballast_mode");
    if (!mode) return family;
    for (const auto each : {policy::Mode::observe, policy::Mode::confirm, policy::Mode::automatic})
        add_gauge(family, {{"mode", policy::to_string(each)}}, each == *mode);
    return family;
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The second figure of /proc/self/statm is what is resident, in pages [proc(5)].
std::optional<double> resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double all = 0, resident = 0;
    if (!(statm >> all >> resident)) return std::nullopt;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

std::optional<double> open_descriptors() {
    std::error_code error;
    std::filesystem::directory_iterator entries("/proc/self/fd", error);
    if (error) return std::nullopt;
    return static_cast<double>(std::distance(entries, {}) - 1);  // without the one that is reading
}

prometheus::MetricFamily cpu_family() {
    auto family = metric_family("process_cpu_seconds_total");
    family.metric.emplace_back().counter.value = cpu_seconds();
    return family;
}

MetricFamilies process_metrics(WallTime started) {
    MetricFamilies families = {cpu_family()};
    add_single(families, "process_start_time_seconds", seconds_of(started));
    add_single(families, "process_resident_memory_bytes", resident_bytes());
    add_single(families, "process_open_fds", open_descriptors());
    return families;
}

bool in_progress(OperationState state) {
    return state == OperationState::prepared || state == OperationState::running || state == OperationState::verifying;
}

}  // namespace

Metrics::Metrics(const config::DaemonOptions& options, const Clock& clock)
    : clock_(clock), per_vm_(options.metrics_per_vm), started_(clock.wall_now()) {
    // Zeros from the start: the first failure is an increase then, which alerts look for.
    for (const config::HostOptions& host : options.hosts) events_.failures_of(host.id, "libvirt");
}

void Metrics::cycle_ended(const Cycle& cycle, const Inventory& inventory, const policy::Memory& memory,
                          const std::vector<Operation>& active) {
    set_mode(cycle.mode);
    set_paused(cycle.paused);
    events_.cycle_ended(cycle);
    events_.keep_hosts(inventory);
    std::erase_if(sources_, [&](const auto& entry) { return !inventory.hosts.contains(entry.first.first); });
    // Whatever was not told in between is put right here.
    std::erase_if(active_, [&](const auto& entry) {
        return std::none_of(active.begin(), active.end(), [&](const Operation& op) { return op.id == entry.first; });
    });
    for (const Operation& operation : active) track(operation);
    of_cycle_ = decision_metrics(cycle, inventory);
    const auto ahead = clock_.wall_now().time_since_epoch() - clock_.now().time_since_epoch();
    const auto wall_time_of = [ahead](Instant instant) { return WallTime(instant.time_since_epoch() + ahead); };
    append(of_cycle_, host_metrics(cycle, inventory, memory, wall_time_of));
    if (per_vm_) append(of_cycle_, vm_metrics(inventory));
}

void Metrics::operation_changed(const Operation& operation) {
    track(operation);
    if (!is_final(operation.state)) return;
    active_.erase(operation.id);
    events_.operation_ended(operation);
}

void Metrics::track(const Operation& operation) {
    Active& known = active_[operation.id];
    if (operation.alarm && !known.alarm) events_.alarm_raised();
    known.state = operation.state;
    known.alarm = operation.alarm;
}

void Metrics::source_read(const HostId& host, const std::string& source, bool ok) {
    sources_[{host, source}] = ok;
    auto& failures = events_.failures_of(host, source);
    if (!ok) failures.Increment();
}

MetricFamilies Metrics::state_metrics() const {
    MetricFamilies families = {metric_family("ballast_build_info"), mode_family(mode_),
                               metric_family("ballast_collector_success")};
    add_gauge(families[0], {{"version", BALLAST_VERSION}}, 1);
    for (const auto& [key, ok] : sources_)
        add_gauge(families[2], {{"host", key.first.value}, {"source", key.second}}, ok);
    add_single(families, "ballast_leader", leader_);
    add_single(families, "ballast_paused", paused_);
    add_single(families, "ballast_double_running_vms", double_running_);
    return families;
}

MetricFamilies Metrics::operation_metrics() const {
    double waiting = 0, planned = 0, running = 0, alarms = 0;
    for (const auto& [id, operation] : active_) {
        waiting += operation.state == OperationState::waiting;
        planned += operation.state == OperationState::planned;
        running += in_progress(operation.state);
        alarms += operation.alarm;
    }
    MetricFamilies families;
    add_single(families, "ballast_operations_waiting", waiting);
    add_single(families, "ballast_operations_planned", planned);
    add_single(families, "ballast_migrations_in_progress", running);
    add_single(families, "ballast_alarms", alarms);
    return families;
}

std::string Metrics::text() const {
    MetricFamilies families = state_metrics();
    append(families, operation_metrics());
    append(families, events_.collect());
    append(families, of_cycle_);
    append(families, process_metrics(started_));
    std::erase_if(families, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace ballast::daemon
