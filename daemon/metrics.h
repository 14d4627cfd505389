// The daemon's metrics for Prometheus: told what happens, gives the text of a scrape. docs/metrics.md lists them.
// One io_context thread, scrapes included: every scrape is of one moment.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "daemon/controller.h"
#include "daemon/metrics_events.h"
#include "daemon/metrics_snapshot.h"
#include "ports/clock.h"

namespace ballast::daemon {

class Metrics {
public:
    /// The clock has to outlive it.
    Metrics(const config::DaemonOptions& options, const Clock& clock);

    /// `active`: every operation that has not ended (Controller::active).
    void cycle_ended(const Cycle& cycle, const Inventory& inventory, const policy::Memory& memory,
                     const std::vector<Operation>& active);
    /// Every new state, the last one included.
    void operation_changed(const Operation& operation);
    void source_read(const HostId& host, const std::string& source, bool ok);
    /// What is never said has no series. Mode and pause also come with every cycle.
    void set_leader(bool leader) { leader_ = leader; }
    void set_mode(policy::Mode mode) { mode_ = mode; }
    void set_paused(bool paused) { paused_ = paused; }
    void set_double_running(std::size_t vms) { double_running_ = vms; }

    /// Everything in Prometheus' text format 0.0.4.
    std::string text() const;

private:
    struct Active {
        OperationState state;
        bool alarm = false;
    };

    void track(const Operation& operation);
    MetricFamilies state_metrics() const;
    MetricFamilies operation_metrics() const;

    const Clock& clock_;
    const bool per_vm_;
    const WallTime started_;
    EventMetrics events_;
    MetricFamilies of_cycle_;
    std::map<OperationId, Active> active_;
    std::map<std::pair<HostId, std::string>, bool> sources_;  // did the last reading succeed?
    std::optional<bool> leader_;
    std::optional<policy::Mode> mode_;
    std::optional<bool> paused_;
    std::optional<std::size_t> double_running_;
};

}  // namespace ballast::daemon
