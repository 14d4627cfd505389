// Domain XML as libvirt hands it out. What is accepted has figures that the policy can add up.
#include "hypervisor/domain_xml.h"

#include "fuzz/fuzz.h"

using namespace ballast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string xml(fuzz::text_of(data, size));
    (void)hypervisor::cpu_element(xml);
    (void)hypervisor::emulator(xml);
    const auto facts = hypervisor::vm_facts_from_xml(xml);
    if (!facts) return 0;
    BALLAST_ASSERT(facts->wishes.priority >= -1000 && facts->wishes.priority <= 1000);
    if (facts->wishes.reserved_cpus) BALLAST_ASSERT(*facts->wishes.reserved_cpus >= 0);
    return 0;
}
