// The documentation, the code and promtool agree on what the metrics are.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/member_metrics.h"
#include "daemon/metrics_catalogue.h"
#include "tests/daemon/metrics_samples.h"

using namespace ballast;
using namespace ballast::test;

namespace {

std::string type_name(prometheus::MetricType type) {
    if (type == prometheus::MetricType::Counter) return "counter";
    return type == prometheus::MetricType::Histogram ? "histogram" : "gauge";
}

std::string read(const std::filesystem::path& file) {
    std::ifstream in(file);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string documented_row(const daemon::MetricRow& row) {
    std::string labels = std::regex_replace(std::string(row.labels), std::regex("[^,]+"), "`$&`");
    labels = std::regex_replace(labels, std::regex(","), ", ");
    return "| `" + std::string(row.name) + "` | " + type_name(row.type) + " | " + labels + " | " + row.help + " |\n";
}

std::filesystem::path source_file(const char* path) {
    return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / path;
}

/// A scrape in which every metric has a series.
std::string full_scrape() {
    MetricsSample sample;
    sample.cycle.plan.rejections = {{VmId{"a"}, HostId{"host2"}, Reason::memory, ""}};
    const auto made = sample.metrics();
    daemon::Metrics& metrics = *made;
    metrics.operation_changed(ended_operation(OperationState::done));
    metrics.beside([] {
        daemon::MemberState state{{"host1"}, true, true, 42, 1,
                                  {},        7s,   10s,  {}, {{0.1, 0.2, 0.05, 0.3, 0.15}, 12.5, gib(16), gib(8)}};
        return daemon::member_metrics(state);
    });
    return metrics.text();
}

/// Names of the labels of the first series of a metric.
std::string labels_in(const std::string& text, const std::string& name) {
    const std::regex series("(?:^|\n)" + name + R"((?:_count)?(?:\{(.*)\})? [^\n]*)");
    std::smatch found;
    if (!std::regex_search(text, found, series)) return "no series";
    const std::string inner = found[1];
    std::string labels;
    const std::regex label(R"((\w+)="(?:[^"\\]|\\.)*")");
    for (std::sregex_iterator at(inner.begin(), inner.end(), label), end; at != end; ++at)
        labels += (labels.empty() ? "" : ",") + (*at)[1].str();
    return labels;
}

}  // namespace

TEST_CASE("docs/metrics.md has every metric in a row of its own, and no other") {
    const std::string document = read(source_file("docs/metrics.md"));
    for (const daemon::MetricRow& row : daemon::metric_catalogue()) {
        INFO("expected row: " << documented_row(row));
        CHECK(document.find(documented_row(row)) != std::string::npos);
    }
    const std::regex first_column(R"(\n\| `(\w+)` \| (?:gauge|counter|histogram))");
    std::size_t rows = 0;
    for (std::sregex_iterator at(document.begin(), document.end(), first_column), end; at != end; ++at) ++rows;
    CHECK(rows == daemon::metric_catalogue().size());
}

TEST_CASE("Every metric in the catalogue is exported with its type and its labels, and no other") {
    const std::string text = full_scrape();
    auto families = families_in(text);
    for (const daemon::MetricRow& row : daemon::metric_catalogue()) {
        INFO(row.name);
        CHECK(families[row.name] == type_name(row.type));
        CHECK(labels_in(text, row.name) == row.labels);
    }
    CHECK(families.size() == daemon::metric_catalogue().size());
}

TEST_CASE("No series is exported twice") {
    std::istringstream lines(full_scrape());
    std::set<std::string> seen;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("#")) continue;
        INFO(line);
        CHECK(seen.insert(line.substr(0, line.rfind(' '))).second);
    }
    CHECK(seen.size() > 100);
}

TEST_CASE("promtool finds nothing to criticise in a scrape") {
    if (std::system("command -v promtool > /dev/null") != 0) {
        WARN("not checked: promtool is missing (Debian package prometheus)");
        return;
    }
    FILE* const promtool = ::popen("promtool check metrics", "w");
    REQUIRE(promtool);
    const std::string text = full_scrape();
    CHECK(std::fwrite(text.data(), 1, text.size(), promtool) == text.size());
    CHECK(::pclose(promtool) == 0);
}
