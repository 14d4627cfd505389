// What the store holds, by whichever version or hand wrote it: operations, owners, power states, rolling reboots; and
// what members write to each other. The first line names the kind. What is accepted is written and read again as the
// same.
#include <map>
#include <string>

#include "cluster/calls.h"
#include "cluster/registration.h"
#include "cluster/report.h"
#include "executor/journal.h"
#include "executor/power_journal.h"
#include "executor/rolling_journal.h"
#include "executor/vm_records.h"
#include "fuzz/fuzz.h"

using namespace ballast;

namespace {

// As long as our own values may be: what is longer is refused by the store.
constexpr std::size_t longest = 1024 * 1024;

/// `read` takes parsed JSON, and what it returns can be written.
template <class Read>
void try_json(const std::string& text, Read read) {
    boost::system::error_code failure;
    const auto value = boost::json::parse(text, failure);
    if (failure) return;
    const auto accepted = read(value);
    if (!accepted) return;
    const auto written = boost::json::serialize(executor::to_json(*accepted));
    const auto again = read(boost::json::parse(written));
    BALLAST_ASSERT(static_cast<bool>(again));
    BALLAST_ASSERT(boost::json::serialize(executor::to_json(*again)) == written);
}

template <class Read>
void try_text(const std::string& text, Read read) {
    const auto accepted = read(text);
    if (!accepted) return;
    const auto written = cluster::to_text(*accepted);
    const auto again = read(written);
    BALLAST_ASSERT(static_cast<bool>(again));
    BALLAST_ASSERT(cluster::to_text(*again) == written);
}

void try_answer(const std::string& text) {
    const auto written = cluster::to_text(cluster::answer_from(text));
    BALLAST_ASSERT(cluster::to_text(cluster::answer_from(written)) == written);
}

const std::map<std::string_view, void (*)(const std::string&)> kinds{
    {"operation", [](const std::string& text) { try_json(text, executor::record_from_json); }},
    {"owner", [](const std::string& text) { try_json(text, executor::vm_record_from_json); }},
    {"power", [](const std::string& text) { try_json(text, executor::power_record_from_json); }},
    {"rolling", [](const std::string& text) { try_json(text, executor::rolling_run_from_json); }},
    {"call", [](const std::string& text) { try_text(text, cluster::call_from); }},
    {"answer", try_answer},
    {"agent", [](const std::string& text) { try_text(text, cluster::identity_from); }},
    {"report", [](const std::string& text) { try_text(text, cluster::report_from); }},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    const auto end = text.find('\n');
    if (end == std::string_view::npos || size > longest) return 0;
    if (const auto kind = kinds.find(text.substr(0, end)); kind != kinds.end())
        kind->second(std::string(text.substr(end + 1)));
    return 0;
}
