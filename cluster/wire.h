// What travels in calls and their answers, as JSON: one line a field (interchange/fields.h).
#pragma once

#include "interchange/json_text.h"
#include "interchange/tables.h"
#include "model/migration.h"
#include "ports/hypervisor.h"

namespace ballast {

// Words of enumerations that nobody reads but the other side.
std::string to_string(Presence::State state);
std::string to_string(Presence::PauseReason reason);
std::string to_string(MigrationPhase phase);
std::string to_string(HypervisorEvent::Kind kind);

namespace interchange {

template <>
struct Described<Presence> {
    using T = Presence;
    static constexpr auto fields = std::tuple{
        required("state", &T::state),
        field("pause_reason", &T::pause_reason),
        field("persistent", &T::persistent),
        field("migration_under_way", &T::migration_under_way),
        field("shut_down_by_guest", &T::shut_down_by_guest),
        field("end_unknown", &T::end_unknown),
    };
};
template <>
struct Described<MigrationProgress> {
    using T = MigrationProgress;
    static constexpr auto fields = std::tuple{
        required("phase", &T::phase),
        field("elapsed_ms", &T::elapsed),
        field("total_bytes", &T::total),
        field("processed_bytes", &T::processed),
        field("remaining_bytes", &T::remaining),
        field("disk_total_bytes", &T::disk_total),
        field("disk_processed_bytes", &T::disk_processed),
        field("iteration", &T::iteration),
        field("downtime_ms", &T::downtime),
        field("dirty_rate_mib_per_s", &T::dirty_rate_mib_per_s),
        field("throughput_mib_per_s", &T::throughput_mib_per_s),
        field("auto_converge_percent", &T::auto_converge_percent),
    };
};
template <>
struct Described<DiskCopy> {
    using T = DiskCopy;
    static constexpr auto fields = std::tuple{
        required("target", &T::target),
        required("file", &T::file),
        field("format", &T::format),
        field("capacity_bytes", &T::capacity),
        field("allocated_bytes", &T::allocated),
        field("overwrite", &T::overwrite),
    };
};
template <>
struct Described<MigrationRequest> {
    using T = MigrationRequest;
    static constexpr auto fields = std::tuple{
        required("vm", &T::vm),
        required("from", &T::from),
        required("to", &T::to),
        field("persistent", &T::persistent),
        field("auto_converge", &T::auto_converge),
        field("post_copy", &T::post_copy),
        field("tls", &T::tls),
        field("parallel_connections", &T::parallel_connections),
        field("bandwidth_mib_per_s", &T::bandwidth_mib_per_s),
        field("max_downtime_ms", &T::max_downtime),
        field("give_up_after_ms", &T::give_up_after),
        field("disks", &T::disks),
    };
};
template <>
struct Described<StartRequest> {
    using T = StartRequest;
    static constexpr auto fields = std::tuple{
        required("vm", &T::vm),
        required("on", &T::on),
        required("definition", &T::definition),
        field("persistent", &T::persistent),
        field("give_up_after_ms", &T::give_up_after),
    };
};
template <>
struct Described<HypervisorEvent> {
    using T = HypervisorEvent;
    static constexpr auto fields = std::tuple{required("kind", &T::kind), field("host", &T::host), field("vm", &T::vm),
                                              field("detail", &T::detail)};
};

}  // namespace interchange

namespace cluster {

/// Error corrupt: it is no such thing.
template <class T>
Result<T> read_as(const boost::json::value& value) {
    const std::string text = boost::json::serialize(value);
    const auto node = interchange::parse_json(text);
    if (!node) return Error{ErrorCode::corrupt, "call", node.error().message};
    T out{};
    interchange::Reader reader;
    if (interchange::from_json(*node, out, {}, interchange::Path{}, reader)) return out;
    return Error{ErrorCode::corrupt, "call", reader.message};
}

}  // namespace cluster
}  // namespace ballast
