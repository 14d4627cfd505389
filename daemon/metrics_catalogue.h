// Every metric of the daemon in one table: name, type, labels and help. Families are made from it and docs/metrics.md
// is checked against it, so that no name is spelled twice. Pure; any thread.
#pragma once

#include <optional>
#include <prometheus/metric_family.h>
#include <string>
#include <vector>

namespace ballast::daemon {

struct MetricRow {
    const char* name;
    prometheus::MetricType type;
    const char* labels;  // comma-separated, in the order of the documentation; empty for none
    const char* help;    // one sentence without its full stop; no line break or backslash: HELP lines are not escaped
    bool per_vm = false;
};

/// In the order of the documentation.
const std::vector<MetricRow>& metric_catalogue();

/// The row of a metric. Requires: there is one.
const MetricRow& metric_row(const std::string& name);

/// A family without series yet. Requires: the name is in the catalogue.
prometheus::MetricFamily metric_family(const std::string& name);

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

/// Adds one series of a gauge. Unknown or not finite: the series is left out, never zero. The values of labels may be
/// anything: see label_text.
void add_gauge(prometheus::MetricFamily& family, MetricLabels labels, std::optional<double> value);
void add_counter(prometheus::MetricFamily& family, MetricLabels labels, double value);

/// The text with everything that is not UTF-8 and every control character replaced by U+FFFD: one bad label would
/// make Prometheus refuse the whole scrape. Quotes and backslashes stay; the serialiser escapes them.
std::string label_text(const std::string& text);

}  // namespace ballast::daemon
