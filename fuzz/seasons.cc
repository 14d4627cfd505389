// The daemon's file of what VMs wanted at which hour. What is accepted is written and read again as the same, and a
// forecast can be made from it whatever its figures are.
#include "interchange/seasons.h"

#include <cmath>

#include "fuzz/fuzz.h"
#include "policy/policy.h"

using namespace ballast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto seasons = interchange::parse_seasons(fuzz::text_of(data, size));
    if (!seasons) return 0;
    const std::string text = interchange::seasons_text(*seasons);
    const auto again = interchange::parse_seasons(text);
    BALLAST_ASSERT(again.has_value());
    BALLAST_ASSERT(interchange::seasons_text(*again) == text);
    policy::Memory memory;
    memory.seasons = *seasons;
    Inventory inventory;
    inventory.wall_time = seasons->learned_at.value_or(WallTime{});
    for (const auto& [id, hours] : seasons->vms) inventory.vms[id].id = id;
    std::vector<const Vm*> vms;
    for (const auto& [id, vm] : inventory.vms) vms.push_back(&vm);
    const policy::TimeZone zone{seasons->zone, {}};
    const auto expected = policy::expected_demand(vms, memory, inventory, zone, 0.8, std::chrono::hours{3});
    BALLAST_ASSERT(!expected || (std::isfinite(expected->cores) && expected->by_vm.size() == vms.size()));
    return 0;
}
