// What travels in calls and their answers, as JSON: one line a field (interchange/fields.h).
#pragma once

#include "interchange/json_text.h"
#include "interchange/tables.h"
#include "model/counters.h"
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
        field("compression", &T::compression),
        field("bandwidth_mib_per_s", &T::bandwidth_mib_per_s),
        field("max_downtime_ms", &T::max_downtime),
        field("give_up_after_ms", &T::give_up_after),
        field("disks", &T::disks),
        field("resume_post_copy", &T::resume_post_copy),
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
        field("at_home", &T::at_home),
    };
};
inline constexpr Range counted{0, 0x1p64};  // nanoseconds and the like, since a boot
template <>
struct Described<VcpuCounters> {
    using T = VcpuCounters;
    static constexpr auto fields =
        std::tuple{field("time_ns", &T::time_ns, counted), field("delay_ns", &T::delay_ns, counted),
                   field("wait_ns", &T::wait_ns, counted)};
};
template <>
struct Described<VmCounters> {
    using T = VmCounters;
    static constexpr auto fields = std::tuple{
        required("id", &T::id),
        field("name", &T::name),
        field("libvirt_id", &T::libvirt_id, {-1, 0x1p31}),
        field("state", &T::state),
        field("cpu_time_ns", &T::cpu_time_ns, counted),
        field("vcpus", &T::vcpus),
        field("vcpus_current", &T::vcpus_current),
        field("balloon_current_bytes", &T::balloon_current),
        field("balloon_maximum_bytes", &T::balloon_maximum),
        field("balloon_rss_bytes", &T::balloon_rss),
        field("balloon_unused_bytes", &T::balloon_unused),
        field("balloon_usable_bytes", &T::balloon_usable),
        field("balloon_available_bytes", &T::balloon_available),
        field("swap_in_bytes", &T::swap_in),
        field("swap_out_bytes", &T::swap_out),
        field("major_faults", &T::major_faults, counted),
        field("block_read_bytes", &T::block_read),
        field("block_written_bytes", &T::block_written),
        field("net_received_bytes", &T::net_received),
        field("net_sent_bytes", &T::net_sent),
        field("dirty_rate_mib_per_s", &T::dirty_rate_mib_per_s),
        field("block_job", &T::block_job),
    };
};
template <>
struct Described<HostCounters> {
    using T = HostCounters;
    static constexpr auto fields = std::tuple{
        field("cpu_busy_ns", &T::cpu_busy_ns, counted),
        field("cpu_idle_ns", &T::cpu_idle_ns, counted),
        field("memory_total_bytes", &T::memory_total),
        field("memory_available_bytes", &T::memory_available),
        field("swap_in_bytes", &T::swap_in),
        field("free_huge_pages", &T::free_huge_pages, most_pages),
    };
};
template <>
struct Described<HostReading> {
    using T = HostReading;
    static constexpr auto fields =
        std::tuple{required("at_ms", &T::at), required("host", &T::host), field("vms", &T::vms)};
};
template <>
struct Described<HypervisorEvent> {
    using T = HypervisorEvent;
    static constexpr auto fields = std::tuple{required("kind", &T::kind), field("host", &T::host), field("vm", &T::vm),
                                              field("detail", &T::detail)};
};

}  // namespace interchange

namespace cluster {

enum class Unknown { passed_over, refused };

/// What tells something, from whichever version: fields of later ones are passed over. Error corrupt: it is no such
/// thing.
template <class T>
Result<T> read_as(const boost::json::value& value, Unknown fields = Unknown::passed_over) {
    const std::string text = boost::json::serialize(value);
    const auto node = interchange::parse_json(text);
    if (!node) return Error{ErrorCode::corrupt, "call", node.error().message};
    T out{};
    interchange::Reader reader;
    reader.passes_over_unknown = fields == Unknown::passed_over;
    if (interchange::from_json(*node, out, {}, interchange::Path{}, reader)) return out;
    return Error{ErrorCode::corrupt, "call", reader.message};
}

/// What asks for a change: whoever does not understand all of it does none of it. Error invalid.
template <class T>
Result<T> read_order(const boost::json::value& value) {
    auto order = read_as<T>(value, Unknown::refused);
    if (!order)
        return Error{ErrorCode::invalid, "call", order.error().message + ": is this agent of an older version?"};
    return order;
}

}  // namespace cluster
}  // namespace ballast
