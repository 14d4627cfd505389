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

bool in_progress(OperationState state) {
    return state == OperationState::prepared || state == OperationState::running || state == OperationState::verifying;
}

MetricFamilies operation_metrics(const std::vector<Operation>& active) {
    double waiting = 0, planned = 0, running = 0, alarms = 0;
    for (const Operation& operation : active) {
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

}  // namespace

Metrics::Metrics(const config::DaemonOptions& options, const Clock& clock, std::function<MetricsView()> look)
    : clock_(clock), per_vm_(options.metrics_per_vm), started_(clock.wall_now()), look_(std::move(look)) {
    // Zeros from the start: the first failure is an increase then, which alerts look for.
    for (const config::HostOptions& host : options.hosts) events_.failures_of(host.id, "libvirt");
}

void Metrics::cycle_ended(const Cycle& cycle) {
    any_cycle_ = true;
    set_mode(cycle.mode);
    set_paused(cycle.paused);
    events_.cycle_ended(cycle);
}

// Whatever was not told: hosts that are gone, operations taken over from before a restart or withdrawn.
void Metrics::put_right(const MetricsView& view) {
    events_.keep_hosts(view.inventory);
    std::erase_if(sources_, [&](const auto& entry) { return !view.inventory.hosts.contains(entry.first.first); });
    std::erase_if(alarmed_, [&](const OperationId& id) {
        return std::none_of(view.active.begin(), view.active.end(),
                            [&](const Operation& operation) { return operation.id == id; });
    });
    for (const Operation& operation : view.active) count_alarm(operation);
}

MetricFamilies Metrics::view_metrics(const MetricsView& view) const {
    const auto ahead = clock_.wall_now().time_since_epoch() - clock_.now().time_since_epoch();
    const auto wall_time_of = [ahead](Instant instant) { return WallTime(instant.time_since_epoch() + ahead); };
    MetricFamilies families = host_metrics(view.cycle, view.inventory, view.memory, wall_time_of);
    append(families, power_metrics(view.inventory, view.power, view.energy, view.broker_problem));
    append(families, failover_metrics(view.vms_down, view.fencing_frozen));
    append(families, rolling_metrics(view.rolling));
    append(families, store_metrics(view.store_size));
    if (any_cycle_) append(families, decision_metrics(view.cycle, view.inventory));
    if (per_vm_) append(families, vm_metrics(view.inventory));
    return families;
}

void Metrics::operation_changed(const Operation& operation) {
    count_alarm(operation);
    if (!is_final(operation.state)) return;
    alarmed_.erase(operation.id);
    events_.operation_ended(operation);
}

void Metrics::count_alarm(const Operation& operation) {
    if (operation.alarm && alarmed_.insert(operation.id).second) events_.alarm_raised();
}

void Metrics::source_read(const HostId& host, const std::string& source, bool ok) {
    sources_[{host, source}] = ok;
    auto& failures = events_.failures_of(host, source);
    if (!ok) failures.Increment();
}

MetricFamilies Metrics::state_metrics() const {
    MetricFamilies families = {mode_family(mode_), metric_family("ballast_collector_success")};
    for (const auto& [key, ok] : sources_)
        add_gauge(families[1], {{"host", key.first.value}, {"source", key.second}}, ok);
    append(families, daemon_metrics(leader_));
    add_single(families, "ballast_paused", paused_);
    add_single(families, "ballast_double_running_vms", double_running_);
    add_single(families, "ballast_stuck_vms", stuck_);
    return families;
}

std::string Metrics::text() {
    const MetricsView view = look_();
    put_right(view);
    MetricFamilies families = state_metrics();
    append(families, operation_metrics(view.active));
    append(families, events_.collect());
    append(families, view_metrics(view));
    append(families, process_metrics(started_));
    if (beside_) append(families, beside_());
    return metrics_text(std::move(families));
}

MetricFamilies daemon_metrics(std::optional<bool> leader) {
    MetricFamilies families = {metric_family("ballast_build_info")};
    add_gauge(families[0], {{"version", BALLAST_VERSION}}, 1);
    add_single(families, "ballast_leader", leader);
    return families;
}

MetricFamilies process_metrics(WallTime started) {
    MetricFamilies families = {cpu_family()};
    add_single(families, "process_start_time_seconds", seconds_of(started));
    add_single(families, "process_resident_memory_bytes", resident_bytes());
    add_single(families, "process_open_fds", open_descriptors());
    return families;
}

std::string metrics_text(MetricFamilies families) {
    std::erase_if(families, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace ballast::daemon
