// What a probe on another host prints. What is accepted is bounded, fit for a terminal, and read again as the same.
#include <string>

#include "fuzz/fuzz.h"
#include "health/report.h"

using namespace ballast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto report = health::report_from(std::string(fuzz::text_of(data, size)));
    if (!report) return 0;
    for (const HealthProblem& problem : report->problems) BALLAST_ASSERT(health::tidy(problem.text) == problem.text);
    report->time_s.reset();  // Boost.JSON reads numbers to within a unit in the last place
    const std::string text = health::to_json(*report);
    const auto again = health::report_from(text);
    BALLAST_ASSERT(again.has_value());
    BALLAST_ASSERT(health::to_json(*again) == text);
    return 0;
}
