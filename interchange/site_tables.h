// Fields of what concerns sites in inventory files and records: see tables.h.
#pragma once

#include "interchange/fields.h"
#include "model/vm.h"
#include "policy/options.h"

namespace ballast::interchange {

template <>
struct Described<VmDisk> {
    using T = VmDisk;
    static constexpr auto fields = std::tuple{
        required("target", &T::target),
        required("type", &T::type),
        field("source", &T::source),
        field("format", &T::format),
        field("read_only", &T::read_only),
        field("shareable", &T::shareable),
        field("has_backing", &T::has_backing),
        field("capacity_bytes", &T::capacity),
        field("allocated_bytes", &T::allocated),
    };
};
template <>
struct Described<policy::BetweenSitesOptions> {
    using T = policy::BetweenSitesOptions;
    static constexpr auto fields =
        std::tuple{field("bandwidth_mib_per_s", &T::bandwidth_mib_per_s), field("slots", &T::slots),
                   field("copy_disks", &T::copy_disks), field("network_disks", &T::network_disks)};
};

}  // namespace ballast::interchange
