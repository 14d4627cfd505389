// What is counted while the daemon runs: cycles, refusals that come up, readings that fail, migrations that end.
// Zeros are there from the start. One io_context thread.
#pragma once

#include <map>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <set>
#include <tuple>

#include "daemon/controller.h"

namespace ballast::daemon {

class EventMetrics {
public:
    EventMetrics();

    void cycle_ended(const Cycle& cycle);
    /// Its counter of failures, at zero when it is new.
    prometheus::Counter& failures_of(const HostId& host, const std::string& source);
    void operation_ended(const Operation& operation);
    void alarm_raised() { alarms_.Increment(); }
    /// Drops what is kept of hosts that are not in this inventory.
    void keep_hosts(const Inventory& inventory);

    std::vector<prometheus::MetricFamily> collect() const { return registry_.Collect(); }

private:
    using Counters = prometheus::Family<prometheus::Counter>;
    using Histograms = prometheus::Family<prometheus::Histogram>;
    using Buckets = prometheus::Histogram::BucketBoundaries;
    using Refusal = std::tuple<VmId, std::optional<HostId>, Reason>;

    Counters& counters(const std::string& name);
    Histograms& histograms(const std::string& name);
    prometheus::Histogram& histogram(const std::string& name, const Buckets& buckets);
    std::map<std::string, prometheus::Histogram*> histograms_by(const std::string& name, const std::string& label,
                                                                const std::vector<std::string>& values,
                                                                const Buckets& buckets);
    void count_new_refusals(const Plan& plan);
    void measure(const Operation& operation);

    prometheus::Registry registry_;
    prometheus::Counter& cycles_;
    std::map<std::string, prometheus::Histogram*> phases_;
    Counters& rejections_;
    Counters& failures_;
    Counters& migrations_;
    prometheus::Counter& alarms_;
    prometheus::Histogram& duration_;
    prometheus::Histogram& predicted_duration_;
    prometheus::Histogram& downtime_;
    prometheus::Histogram& predicted_downtime_;
    prometheus::Histogram& transferred_;
    std::map<std::string, prometheus::Histogram*> prediction_;
    std::set<Refusal> refusals_;  // of the last cycle
    std::map<std::pair<HostId, std::string>, prometheus::Counter*> failures_by_source_;
};

/// How an operation ended, as the label `result` says it: done, rolled_back, cancelled, failed, not_started (the last
/// check refused it), withdrawn (ended on request before it began). Requires: it has ended.
std::string result_of(const Operation& operation);

}  // namespace ballast::daemon
