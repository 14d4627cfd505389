// What libvirt says of a host, and of what it offers guests: capabilities, and after a line "%%" domain capabilities, a
// CPU, a pool or a volume. What is taken from it can be written into a record and is read again as the same.
#include <boost/json.hpp>

#include "fuzz/fuzz.h"
#include "hypervisor/host_facts.h"
#include "hypervisor/preflight.h"
#include "interchange/record.h"

using namespace ballast;

namespace {

// libvirt's XML always is: libxml2 takes nothing else.
bool is_utf8(std::string_view text) {
    boost::system::error_code failure;
    boost::json::parse(boost::json::serialize(boost::json::string(text)), failure);
    return !failure;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (!is_utf8(fuzz::text_of(data, size))) return 0;
    const auto [first, second] = fuzz::halves(fuzz::text_of(data, size));
    const std::string capabilities(first), other(second);
    (void)hypervisor::host_uuid_from(capabilities);
    (void)hypervisor::host_cpu_from(capabilities);
    (void)hypervisor::host_model_cpu_from(other);
    (void)hypervisor::features_from_cpu_xml(other);
    (void)hypervisor::pool_from_xml(other);
    (void)hypervisor::volume_from_xml(other);

    interchange::Record record;
    Host& host = record.inventory.hosts[HostId{"host1"}];
    host.id = HostId{"host1"};
    host.facts.cpus = 1;
    host.facts.memory_total = gib(1);
    host.facts.cells = hypervisor::cells_from(capabilities);
    host.facts.cpu_by_virt_type["kvm"] = hypervisor::cpu_support_from(other, capabilities);
    const std::string text = interchange::to_text(record);
    const auto again = interchange::parse_record(text);
    BALLAST_ASSERT(again.has_value());
    BALLAST_ASSERT(interchange::to_text(*again) == text);
    return 0;
}
