// A rolling run, as the control API shows it: a pure function. See docs/api.md.
#pragma once

#include <optional>

#include "interchange/views.h"
#include "model/rolling.h"

namespace ballast::views {

/// null: there was none.
json::value rolling(const std::optional<RollingRun>& run);

}  // namespace ballast::views
