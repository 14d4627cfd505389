#include "daemon/metrics_events.h"

#include "daemon/metrics_catalogue.h"

namespace ballast::daemon {

namespace {

using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

constexpr const char* results[] = {"done", "rolled_back", "cancelled", "failed", "not_started", "withdrawn"};

// A cycle over a few hosts takes a millisecond; one that waits for the store's disk up to a second.
const Buckets cycle_buckets = {0.001, 0.005, 0.02, 0.1, 0.5, 1, 5};
// From a small idle guest on 10 Gbit/s to 1 TiB on 1 Gbit/s.
const Buckets duration_buckets = {1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 10800};
// The steps of the downtime ladder (0.1 to 0.5 s) and what users begin to notice (1 s) and to report (5 s).
const Buckets downtime_buckets = {0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 15, 60};
const Buckets bytes_buckets = {0x1p26, 0x1p28, 0x1p30, 0x1p32, 0x1p34, 0x1p36, 0x1p38, 0x1p40};  // 64 MiB to 1 TiB
const Buckets ratio_buckets = {0.1, 0.25, 0.5, 0.8, 1, 1.25, 2, 4, 10};

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}
double count_of(Bytes bytes) {
    return static_cast<double>(bytes.count);
}

}  // namespace

std::string result_of(const Operation& operation) {
    if (operation.state == OperationState::rolled_back && !operation.started) return "not_started";
    if (operation.state == OperationState::cancelled && !operation.started) return "withdrawn";
    return to_string(operation.state);
}

EventMetrics::EventMetrics()
    : cycles_(counters("ballast_cycles_total").Add({})),
      phases_(histograms_by("ballast_cycle_duration_seconds", "phase", {"observe", "plan", "act"}, cycle_buckets)),
      rejections_(counters("ballast_rejections_total")),
      failures_(counters("ballast_collector_failures_total")),
      migrations_(counters("ballast_migrations_total")),
      alarms_(counters("ballast_alarms_total").Add({})),
      duration_(histogram("ballast_migration_duration_seconds", duration_buckets)),
      predicted_duration_(histogram("ballast_migration_predicted_duration_seconds", duration_buckets)),
      downtime_(histogram("ballast_migration_downtime_seconds", downtime_buckets)),
      predicted_downtime_(histogram("ballast_migration_predicted_downtime_seconds", downtime_buckets)),
      transferred_(histogram("ballast_migration_transferred_bytes", bytes_buckets)),
      prediction_(histograms_by("ballast_migration_measured_to_predicted_ratio", "quantity",
                                {"duration", "downtime", "transferred"}, ratio_buckets)) {
    for (const Reason reason : all_reasons()) rejections_.Add({{"reason", to_string(reason)}});
    for (const char* result : results)
        for (const Trigger trigger : all_triggers)
            migrations_.Add({{"result", result}, {"trigger", to_string(trigger)}});
}

EventMetrics::Counters& EventMetrics::counters(const std::string& name) {
    return prometheus::BuildCounter().Name(name).Help(metric_row(name).help).Register(registry_);
}

EventMetrics::Histograms& EventMetrics::histograms(const std::string& name) {
    return prometheus::BuildHistogram().Name(name).Help(metric_row(name).help).Register(registry_);
}

Histogram& EventMetrics::histogram(const std::string& name, const Buckets& buckets) {
    return histograms(name).Add({}, buckets);
}

std::map<std::string, Histogram*> EventMetrics::histograms_by(const std::string& name, const std::string& label,
                                                              const std::vector<std::string>& values,
                                                              const Buckets& buckets) {
    std::map<std::string, Histogram*> all;
    for (const std::string& value : values) all[value] = &histograms(name).Add({{label, value}}, buckets);
    return all;
}

void EventMetrics::cycle_ended(const Cycle& cycle) {
    cycles_.Increment();
    phases_.at("observe")->Observe(seconds(cycle.observe_time));
    phases_.at("plan")->Observe(seconds(cycle.plan_time));
    phases_.at("act")->Observe(seconds(cycle.act_time));
    count_new_refusals(cycle.plan);
}

// The same refusal comes back with every cycle until something changes: counting cycles would say nothing.
void EventMetrics::count_new_refusals(const Plan& plan) {
    std::set<Refusal> now;
    for (const auto* list : {&plan.immovable, &plan.rejections})
        for (const Rejection& rejection : *list) now.emplace(rejection.vm, rejection.target, rejection.reason);
    for (const Refusal& refusal : now)
        if (!refusals_.contains(refusal))
            rejections_.Add({{"reason", to_string(std::get<Reason>(refusal))}}).Increment();
    refusals_ = std::move(now);
}

prometheus::Counter& EventMetrics::failures_of(const HostId& host, const std::string& source) {
    auto& counter = failures_by_source_[{host, source}];
    if (!counter) counter = &failures_.Add({{"host", label_text(host.value)}, {"source", source}});
    return *counter;
}

void EventMetrics::keep_hosts(const Inventory& inventory) {
    std::erase_if(failures_by_source_, [&](const auto& entry) {
        const bool gone = !inventory.hosts.contains(entry.first.first);
        if (gone) failures_.Remove(entry.second);
        return gone;
    });
}

void EventMetrics::operation_ended(const Operation& operation) {
    const auto trigger = to_string(operation.trigger);
    migrations_.Add({{"result", result_of(operation)}, {"trigger", trigger}}).Increment();
    if (operation.state == OperationState::done && operation.outcome) measure(operation);
}

void EventMetrics::measure(const Operation& operation) {
    const Outcome& outcome = *operation.outcome;
    const Prediction& predicted = operation.prediction;
    const auto compare = [&](const char* quantity, double measured, double prediction) {
        if (prediction > 0) prediction_.at(quantity)->Observe(measured / prediction);
    };
    if (operation.trigger == Trigger::host_loss) return;  // a start is no migration
    duration_.Observe(seconds(outcome.duration));
    predicted_duration_.Observe(seconds(predicted.duration));
    compare("duration", seconds(outcome.duration), seconds(predicted.duration));
    if (outcome.downtime) {
        downtime_.Observe(seconds(*outcome.downtime));
        predicted_downtime_.Observe(seconds(predicted.downtime));
        compare("downtime", seconds(*outcome.downtime), seconds(predicted.downtime));
    }
    if (outcome.transferred) {
        transferred_.Observe(count_of(*outcome.transferred));
        compare("transferred", count_of(*outcome.transferred), count_of(predicted.transferred));
    }
}

}  // namespace ballast::daemon
