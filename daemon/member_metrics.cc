#include "daemon/member_metrics.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "collectors/pressure.h"
#include "daemon/metrics_catalogue.h"

namespace ballast::daemon {

namespace {

// "cpu  user nice system idle iowait irq softirq steal guest guest_nice", in ticks; guests are part of user and nice.
std::optional<double> busy_seconds(const std::string& proc_path) {
    std::ifstream stat(proc_path + "/stat");
    std::string name;
    double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
    if (!(stat >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal) || name != "cpu")
        return std::nullopt;
    return (user + nice + system + irq + softirq + steal) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// "MemTotal:       16384 kB"
std::optional<Bytes> memory_figure(const std::string& proc_path, const std::string& wanted) {
    std::ifstream meminfo(proc_path + "/meminfo");
    std::string name;
    for (std::string line; std::getline(meminfo, line);) {
        std::istringstream words(line);
        std::uint64_t number = 0;
        if (words >> name >> number && name == wanted + ":") return kib(number);
    }
    return std::nullopt;
}

std::optional<double> bytes_of(const std::optional<Bytes>& bytes) {
    return bytes ? std::optional(static_cast<double>(bytes->count)) : std::nullopt;
}

prometheus::MetricFamily single(const char* name, std::optional<double> value) {
    auto family = metric_family(name);
    add_gauge(family, {}, value);
    return family;
}

prometheus::MetricFamily counter(const char* name, std::optional<double> value) {
    auto family = metric_family(name);
    if (value) add_counter(family, {}, *value);
    return family;
}

prometheus::MetricFamily durations_family(const prometheus::ClientMetric& calls) {
    auto family = metric_family("ballast_store_call_duration_seconds");
    family.metric.push_back(calls);
    return family;
}

std::optional<double> seconds_of(const std::optional<Duration>& duration) {
    return duration ? std::optional(std::chrono::duration<double>(*duration).count()) : std::nullopt;
}

prometheus::MetricFamily pressure_family(const Pressure& pressure) {
    auto family = metric_family("ballast_own_pressure_ratio");
    const auto add = [&](const char* resource, const char* kind, const std::optional<double>& value) {
        add_gauge(family, {{"resource", resource}, {"kind", kind}}, value);
    };
    add("cpu", "some", pressure.cpu_some);
    add("memory", "some", pressure.memory_some);
    add("memory", "full", pressure.memory_full);
    add("io", "some", pressure.io_some);
    add("io", "full", pressure.io_full);
    return family;
}

prometheus::MetricFamily problems_family(const std::vector<HealthProblem>& problems) {
    auto family = metric_family("ballast_own_health_problems");
    for (const HealthSource source : all_health_sources) {
        const auto is_of_it = [&](const HealthProblem& problem) { return problem.source == source; };
        const auto count = std::count_if(problems.begin(), problems.end(), is_of_it);
        add_gauge(family, {{"source", to_string(source)}}, static_cast<double>(count));
    }
    return family;
}

}  // namespace

OwnFigures own_figures(const std::string& proc_path) {
    OwnFigures figures;
    if (const auto pressure = collectors::read_pressure(proc_path)) figures.pressure = *pressure;
    figures.cpu_busy_s = busy_seconds(proc_path);
    figures.memory = memory_figure(proc_path, "MemTotal");
    figures.memory_available = memory_figure(proc_path, "MemAvailable");
    return figures;
}

MetricFamilies member_metrics(const MemberState& state) {
    MetricFamilies families;
    auto info = metric_family("ballast_own_host_info");
    add_gauge(info, {{"host", state.host.value}}, 1);
    families.push_back(std::move(info));
    families.push_back(single("ballast_cluster_registered", state.registered));
    std::optional<double> term;
    if (state.term) term = static_cast<double>(*state.term);
    families.push_back(single("ballast_cluster_term", term));
    families.push_back(single("ballast_cluster_registration_left_seconds", seconds_of(state.registration_left)));
    families.push_back(single("ballast_cluster_time_to_live_seconds", seconds_of(state.time_to_live)));
    families.push_back(counter("ballast_store_failures_total", static_cast<double>(state.store_failures)));
    families.push_back(durations_family(state.store_calls));
    families.push_back(problems_family(state.problems));
    families.push_back(pressure_family(state.own.pressure));
    families.push_back(counter("ballast_own_cpu_busy_seconds_total", state.own.cpu_busy_s));
    families.push_back(single("ballast_own_memory_bytes", bytes_of(state.own.memory)));
    families.push_back(single("ballast_own_memory_available_bytes", bytes_of(state.own.memory_available)));
    return families;
}

std::string follower_text(const MemberState& state, WallTime started) {
    MetricFamilies families = daemon_metrics(state.leads);
    for (const MetricFamilies& more : {member_metrics(state), process_metrics(started)})
        families.insert(families.end(), more.begin(), more.end());
    return metrics_text(std::move(families));
}

}  // namespace ballast::daemon
