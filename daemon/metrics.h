// The daemon's metrics for Prometheus: told what happens, and looks at what is the case when it is scraped, because
// cycles may come ten times a second and scrapes do not. docs/metrics.md lists them.
// One io_context thread, scrapes included: every scrape is of one moment.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "daemon/controller.h"
#include "daemon/metrics_events.h"
#include "daemon/metrics_snapshot.h"
#include "model/rolling.h"
#include "ports/clock.h"

namespace ballast::daemon {

/// What a scrape looks at.
struct MetricsView {
    const Cycle& cycle;  // the last one
    Inventory inventory;
    const policy::Memory& memory;
    std::vector<Operation> active;  // every operation that has not ended
    std::vector<PowerRecord> power{};
    std::vector<HostEnergy> energy{};
    std::size_t vms_down = 0;     // they ran when their host was lost, and have not been started again
    bool fencing_frozen = false;  // too many hosts are silent for any of them to be cut off
    std::optional<RollingRun> rolling{};
    std::optional<Bytes> store_size{};  // nothing: not known
    bool broker_problem = false;        // the power broker is wanted and does not answer
};

class Metrics {
public:
    /// `look` is called by text() only. It and the clock have to stay valid as long as text() is called.
    Metrics(const config::DaemonOptions& options, const Clock& clock, std::function<MetricsView()> look);

    void cycle_ended(const Cycle& cycle);
    /// Every new state, the last one included.
    void operation_changed(const Operation& operation);
    void source_read(const HostId& host, const std::string& source, bool ok);
    /// What is never said has no series. Mode and pause also come with every cycle.
    void set_leader(bool leader) { leader_ = leader; }
    void set_mode(policy::Mode mode) { mode_ = mode; }
    void set_paused(bool paused) { paused_ = paused; }
    void set_double_running(std::size_t vms) { double_running_ = vms; }
    void set_stuck(std::size_t vms) { stuck_ = vms; }

    /// Everything in Prometheus' text format 0.0.4. Some 2 us a series: with series for every VM of a large cluster,
    /// call it no more often than needed (MetricsListener keeps the text).
    std::string text();

    /// What else is served, made anew with every text().
    void beside(std::function<MetricFamilies()> more) { beside_ = std::move(more); }

private:
    void count_alarm(const Operation& operation);
    void put_right(const MetricsView& view);
    MetricFamilies view_metrics(const MetricsView& view) const;
    MetricFamilies state_metrics() const;

    const Clock& clock_;
    const bool per_vm_;
    const WallTime started_;
    const std::function<MetricsView()> look_;
    EventMetrics events_;
    bool any_cycle_ = false;
    std::set<OperationId> alarmed_;                           // under way, and counted
    std::map<std::pair<HostId, std::string>, bool> sources_;  // did the last reading succeed?
    std::optional<bool> leader_;
    std::optional<policy::Mode> mode_;
    std::optional<bool> paused_;
    std::optional<std::size_t> double_running_, stuck_;
    std::function<MetricFamilies()> beside_;
};

/// Of any daemon: its version, and whether it decides.
MetricFamilies daemon_metrics(std::optional<bool> leader);
/// Of this process, which was started then.
MetricFamilies process_metrics(WallTime started);
/// Prometheus' text format 0.0.4; families without series are left out.
std::string metrics_text(MetricFamilies families);

}  // namespace ballast::daemon
