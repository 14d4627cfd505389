// Inventory files and records: everything one decision was made from, and the decision. Written without loss, read
// strictly, so that the same plan can be made again from the file, on any machine. See docs/interchange.md. Pure; any
// thread.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "model/inventory.h"
#include "model/plan.h"
#include "model/result.h"
#include "policy/policy.h"

namespace ballast::interchange {

inline constexpr const char* record_format = "ballast-inventory/1";

struct Record {
    std::string format = record_format;
    std::string written_by;  // "ballastd 0.1.0"
    std::string cycle;       // the planning cycle it is of; empty in an inventory
    std::string taken_at;    // RFC 3339, for people
    Instant now{};           // what "now" was to the policy; all other instants count from the same boot
    Inventory inventory;
    std::optional<policy::Memory> memory;  // absent: nothing was observed before this inventory
    policy::Options options;
    std::optional<Plan> plan;  // what was decided from it; absent in an inventory
};

/// Error invalid: the subject is the place as "line:column", the message the path in the document and what is wrong
/// there. Beyond the schema it is checked that ids are unique and that each VM's host exists.
Result<Record> parse_record(std::string_view text);

boost::json::object as_json(const Record& record);
/// One line a host, VM or move: a file that people can look through with grep and diff. Ends with a newline.
std::string to_text(const Record& record);
/// Every bit of the plan: two plans are the same when these are.
std::string to_text(const Plan& plan);

/// JSON text of the value, its containers broken into lines down to this depth.
std::string to_text(const boost::json::value& value, int depth);

/// The JSON schema (draft 2020-12) of what parse_record() takes.
std::string schema_text();

}  // namespace ballast::interchange
