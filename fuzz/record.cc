// Inventories and records. What is accepted is written and read again as the same, and the policy plans from it
// whatever its figures are.
#include "interchange/record.h"

#include "fuzz/fuzz.h"

using namespace ballast;

namespace {

// Beyond this a plan takes long, and nothing new is found.
constexpr std::size_t most_planned = 64;

void plan_from(const interchange::Record& record) {
    if (record.inventory.hosts.size() > most_planned || record.inventory.vms.size() > most_planned) return;
    const auto memory =
        policy::observe(record.memory.value_or(policy::Memory{}), record.inventory, record.options, record.now);
    const auto plan = policy::plan(record.inventory, memory, record.options, record.now);
    const auto again = policy::plan(record.inventory, memory, record.options, record.now);
    BALLAST_ASSERT(interchange::to_text(plan) == interchange::to_text(again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto record = interchange::parse_record(fuzz::text_of(data, size));
    if (!record) return 0;
    const std::string text = interchange::to_text(*record);
    const auto again = interchange::parse_record(text);
    BALLAST_ASSERT(again.has_value());
    BALLAST_ASSERT(interchange::to_text(*again) == text);
    plan_from(*record);
    return 0;
}
