// Suppositions in words, about a cluster of three hosts. What is understood is supposed and planned.
#include "policy/what_if.h"

#include "fuzz/fuzz.h"

using namespace ballast;

namespace {

Inventory three_hosts() {
    Inventory inventory;
    for (const char* name : {"host1", "host2", "host3"}) {
        Host host;
        host.id = {name};
        host.facts.cpus = 16;
        host.facts.memory_total = gib(64);
        host.connection = Connection::up;
        host.stale = false;
        host.sampled_at = Instant{};
        host.load.memory_available = gib(32);
        inventory.hosts[host.id] = host;
        for (const char* suffix : {"a", "b"}) {
            Vm vm;
            vm.id = {std::string(name) + suffix};
            vm.host = host.id;
            vm.state = VmState::running;
            vm.facts_known = true;
            vm.facts.vcpus = 4;
            vm.facts.memory = gib(16);
            vm.load.cpu_used_cores = 2;
            inventory.vms[vm.id] = vm;
        }
    }
    return inventory;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto suppositions = policy::parse_what_if(fuzz::text_of(data, size));
    if (!suppositions) return 0;
    static const Inventory inventory = three_hosts();
    const policy::Options options;
    const Instant now = Instant{} + std::chrono::minutes{1};
    const auto memory = policy::observe({}, inventory, options, now);
    const auto supposed = policy::suppose(*suppositions, inventory, memory, now);
    if (!supposed) return 0;
    (void)policy::plan(supposed->inventory, supposed->memory, options, now);
    return 0;
}
