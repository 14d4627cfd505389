// Plans for suppositions and the room that is left, as the control API shows them: pure functions. See docs/api.md.
#pragma once

#include <boost/json.hpp>

#include "interchange/views_inventory.h"
#include "model/result.h"
#include "policy/capacity_report.h"

namespace ballast::views {

/// DryRun without its mode, of the cluster that the words suppose. Error invalid, not_found or conflict: the words are
/// wrong.
Result<json::object> plan_if(const std::string& what, const Seen& seen);

/// `most_questions`: see policy/capacity_report.h.
json::object capacity(const Seen& seen, double most_questions);

}  // namespace ballast::views
