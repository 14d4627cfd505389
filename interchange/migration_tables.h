// Part of tables.h: what a migration costs, and the disks that it may take along.
#pragma once

#include "interchange/fields.h"
#include "model/plan.h"
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
template <>
struct Described<policy::MigrationOptions> {
    using T = policy::MigrationOptions;
    static constexpr auto fields = std::tuple{
        field("bandwidth_mib_per_s", &T::bandwidth_mib_per_s),
        field("assumed_link_mib_per_s", &T::assumed_link_mib_per_s),
        field("downtime_steps_ms", &T::downtime_steps),
        field("auto_converge", &T::auto_converge),
        field("post_copy", &T::post_copy),
        field("tls", &T::tls),
        field("parallel_connections", &T::parallel_connections),
        field("compression", &T::compression),
        field("post_copy_passes", &T::post_copy_passes),
        field("post_copy_after_ms", &T::post_copy_after),
        field("copy_disks", &T::copy_disks),
        field("deadline_min_ms", &T::deadline_min),
        field("deadline_per_gib_ms", &T::deadline_per_gib),
        field("attempts", &T::attempts),
        field("retry_delay_ms", &T::retry_delay),
        field("between_sites", &T::between_sites),
    };
};
template <>
struct Described<Prediction> {
    using T = Prediction;
    static constexpr auto fields = std::tuple{field("duration_ms", &T::duration), field("downtime_ms", &T::downtime),
                                              field("transferred_bytes", &T::transferred),
                                              field("converges", &T::converges), field("disk_bytes", &T::disk)};
};

}  // namespace ballast::interchange
