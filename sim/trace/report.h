// Figures on paper: a list of named values as text for people or as one line of JSON for programs.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "sim/trace/metrics.h"

namespace ballast::sim::trace {

struct Figure {
    std::string key;    // of JSON: lower case with underscores, the unit last
    std::string label;  // for people
    std::variant<double, std::size_t, std::string> value;
    int decimals = 2;
    bool scientific = false;
    std::string unit = {};
};
using Figures = std::vector<Figure>;

/// Aligned, one line a figure.
std::string as_text(const Figures& figures);
/// One object on one line, numbers in full precision.
std::string as_json(const Figures& figures);

/// What a simulated day cost; `bound_kwh` is the least it could.
Figures figures_of(const Metrics& metrics, double bound_kwh);

}  // namespace ballast::sim::trace
