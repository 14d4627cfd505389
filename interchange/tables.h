// Every field of what Ballast writes into inventory files and records, one line each (docs/interchange.md). A field
// added to one of these types does not compile before it has its line here; the schema is then made anew
// (tests/interchange).
#pragma once

#include "interchange/fields.h"
#include "interchange/health_tables.h"
#include "interchange/migration_tables.h"
#include "interchange/record.h"
#include "interchange/time_tables.h"

namespace ballast::interchange {

template <>
struct Described<CpuSupport> {
    using T = CpuSupport;
    static constexpr auto fields = std::tuple{field("models", &T::models), field("features", &T::features),
                                              field("host_model", &T::host_model), field("machines", &T::machines)};
};
template <>
struct Described<NumaCell> {
    using T = NumaCell;
    static constexpr auto fields = std::tuple{field("cpus", &T::cpus), field("memory_bytes", &T::memory),
                                              field("huge_pages", &T::huge_pages, most_pages)};
};
template <>
struct Described<HostFacts> {
    using T = HostFacts;
    static constexpr auto fields = std::tuple{
        field("uuid", &T::uuid),
        field("hostname", &T::hostname),
        required("cpus", &T::cpus, most_cpus),
        required("memory_total_bytes", &T::memory_total),
        field("arch", &T::arch),
        field("cpu_by_virt_type", &T::cpu_by_virt_type),
        field("networks", &T::networks),
        field("bridges", &T::bridges),
        field("pools", &T::pools),
        field("pool_free_bytes", &T::pool_free),
        field("shared_paths", &T::shared_paths),
        field("stretched_paths", &T::stretched_paths),
        field("cells", &T::cells),
        field("libvirt_version", &T::libvirt_version),
        field("hypervisor_version", &T::hypervisor_version),
    };
};
template <>
struct Described<Pressure> {
    using T = Pressure;
    static constexpr auto fields = std::tuple{
        field("cpu_some_ratio", &T::cpu_some, {0, 1}),       field("memory_some_ratio", &T::memory_some, {0, 1}),
        field("memory_full_ratio", &T::memory_full, {0, 1}), field("io_some_ratio", &T::io_some, {0, 1}),
        field("io_full_ratio", &T::io_full, {0, 1}),
    };
};
template <>
struct Described<HostLoad> {
    using T = HostLoad;
    static constexpr auto fields = std::tuple{
        field("cpu_used_cores", &T::cpu_used_cores),
        field("memory_available_bytes", &T::memory_available),
        field("swap_in_mib_per_s", &T::swap_in_mib_per_s),
        field("pressure", &T::pressure),
        field("free_huge_pages", &T::free_huge_pages, most_pages),
    };
};
template <>
struct Described<Host> {
    using T = Host;
    static constexpr auto fields = std::tuple{
        required("id", &T::id),
        required("facts", &T::facts),
        field("load", &T::load),
        field("connection", &T::connection),
        field("sampled_at_ms", &T::sampled_at),
        field("stale", &T::stale),
        field("maintenance", &T::maintenance),
        field("to_site", &T::to_site),
        field("lost", &T::lost),
        field("accepts_vms", &T::accepts_vms),
        field("site", &T::site),
        field("labels", &T::labels),
        field("problem", &T::problem),
        field("power", &T::power),
        field("power_since_ms", &T::power_since),
        field("power_managed", &T::power_managed),
        field("went_off_ms", &T::went_off),
        field("came_back_ms", &T::came_back),
        field("health", &T::health),
    };
    static constexpr std::size_t not_written = 1;  // facts_revision
};
template <>
struct Described<Blocker> {
    using T = Blocker;
    static constexpr auto fields = std::tuple{required("reason", &T::reason), field("detail", &T::detail)};
};
template <>
struct Described<CpuRequirement> {
    using T = CpuRequirement;
    static constexpr auto fields =
        std::tuple{field("mode", &T::mode), field("model", &T::model), field("required", &T::required)};
};
template <>
struct Described<VmRequirements> {
    using T = VmRequirements;
    static constexpr auto fields = std::tuple{
        field("virt_type", &T::virt_type),
        field("arch", &T::arch),
        field("machine", &T::machine),
        field("cpu", &T::cpu),
        field("networks", &T::networks),
        field("bridges", &T::bridges),
        field("pools", &T::pools),
        field("files", &T::files),
        field("huge_pages", &T::huge_pages),
        field("pinned_cpus", &T::pinned_cpus),
        field("strict_cells", &T::strict_cells),
        field("disks", &T::disks),
    };
};
template <>
struct Described<VmWishes> {
    using T = VmWishes;
    static constexpr auto fields = std::tuple{
        field("no_migrate", &T::no_migrate),
        field("only_on", &T::only_on),
        field("keep_apart", &T::keep_apart),
        field("keep_together", &T::keep_together),
        field("reserved_cpus", &T::reserved_cpus, most_cpus),
        field("reserved_memory_bytes", &T::reserved_memory),
        field("priority", &T::priority, {-1000, 1000}),
        field("post_copy", &T::post_copy),
        field("no_post_copy", &T::no_post_copy),
        field("problem", &T::problem),
    };
};
template <>
struct Described<VmFacts> {
    using T = VmFacts;
    static constexpr auto fields = std::tuple{
        field("name", &T::name),
        required("vcpus", &T::vcpus, most_cpus),
        required("memory_bytes", &T::memory),
        field("persistent", &T::persistent),
        field("autostart", &T::autostart),
        field("requirements", &T::requirements),
        field("wishes", &T::wishes),
        field("blockers", &T::blockers),
    };
};
template <>
struct Described<VmLoad> {
    using T = VmLoad;
    static constexpr auto fields = std::tuple{
        field("cpu_used_cores", &T::cpu_used_cores),
        field("ready_ratio", &T::ready_ratio),
        field("memory_rss_bytes", &T::memory_rss),
        field("memory_balloon_bytes", &T::memory_balloon),
        field("memory_usable_bytes", &T::memory_usable),
        field("swap_in_mib_per_s", &T::swap_in_mib_per_s),
        field("major_faults_per_s", &T::major_faults_per_s),
        field("block_read_mib_per_s", &T::block_read_mib_per_s),
        field("block_write_mib_per_s", &T::block_write_mib_per_s),
        field("net_rx_mib_per_s", &T::net_rx_mib_per_s),
        field("net_tx_mib_per_s", &T::net_tx_mib_per_s),
        field("dirty_rate_mib_per_s", &T::dirty_rate_mib_per_s),
    };
};
template <>
struct Described<Vm> {
    using T = Vm;
    static constexpr auto fields = std::tuple{
        required("id", &T::id),
        required("host", &T::host),
        required("state", &T::state),
        field("facts_known", &T::facts_known),
        required("facts", &T::facts),
        field("load", &T::load),
        field("started_at_ms", &T::started_at),
        field("start_after", &T::start_after),
    };
    static constexpr std::size_t not_written = 1;  // facts_revision
};
template <>
struct Described<InFlight> {
    using T = InFlight;
    static constexpr auto fields = std::tuple{required("operation", &T::operation), required("vm", &T::vm),
                                              required("from", &T::from), required("to", &T::to)};
};
template <>
struct Described<Experience> {
    using T = Experience;
    static constexpr auto fields =
        std::tuple{field("duration_factor", &T::duration), field("downtime_factor", &T::downtime)};
};
template <>
struct Described<PastMove> {
    using T = PastMove;
    static constexpr auto fields = std::tuple{
        required("vm", &T::vm),
        required("from", &T::from),
        required("to", &T::to),
        required("ended_ms", &T::ended),
        field("succeeded", &T::succeeded),
        field("by_hand", &T::by_hand),
        field("experience", &T::experience),
    };
};
template <>
struct Described<Home> {
    using T = Home;
    static constexpr auto fields = std::tuple{required("vm", &T::vm), required("host", &T::host),
                                              field("maintenance_ended_ms", &T::maintenance_ended)};
};
template <>
struct Described<Inventory> {
    using T = Inventory;
    static constexpr auto fields = std::tuple{required("hosts", &T::hosts),      required("vms", &T::vms),
                                              field("in_flight", &T::in_flight), field("past_moves", &T::past_moves),
                                              field("homes", &T::homes),         field("wall_time_ms", &T::wall_time)};
};

inline constexpr Range local_hours{-farthest_ms / 3.6e6, farthest_ms / 3.6e6};

template <>
struct Described<policy::DetectorState> {
    using T = policy::DetectorState;
    static constexpr auto fields = std::tuple{field("above_since_ms", &T::above_since), field("set", &T::set),
                                              field("last_value_ms", &T::last_value)};
};
template <>
struct Described<policy::Outlook> {
    using T = policy::Outlook;
    static constexpr auto fields = std::tuple{field("hour", &T::hour, local_hours),
                                              field("cores", &T::cores),
                                              field("most_cores", &T::most_cores),
                                              field("days", &T::days),
                                              field("above", &T::above),
                                              field("overload", &T::overload)};
};
template <>
struct Described<policy::HourlyDemand> {
    using T = policy::HourlyDemand;
    static constexpr auto fields = std::tuple{field("hours", &T::hours), field("hour", &T::hour, local_hours),
                                              field("core_minutes", &T::core_minutes), field("minutes", &T::minutes)};
};
template <>
struct Described<policy::Seasons> {
    using T = policy::Seasons;
    static constexpr auto fields =
        std::tuple{field("zone", &T::zone), field("learned_at_ms", &T::learned_at), field("vms", &T::vms)};
};
template <>
struct Described<policy::HostMemory> {
    using T = policy::HostMemory;
    static constexpr auto fields = std::tuple{
        field("cpu", &T::cpu),
        field("ready", &T::ready),
        field("memory", &T::memory),
        field("memory_pressure", &T::memory_pressure),
        field("cpu_demand_cores", &T::cpu_demand_cores),
        field("ready_ratio", &T::ready_ratio),
        field("last_sample_ms", &T::last_sample),
        field("other_cpu_cores", &T::other_cpu_cores),
        field("other_known", &T::other_known),
        field("unattributed_cpu_cores", &T::unattributed_cpu_cores),
        field("cpu_known", &T::cpu_known),
        field("cpu_limit_ratio", &T::cpu_limit),
        field("cpu_expected_ratio", &T::cpu_expected),
        field("swap", &T::swap),
        field("swap_in_mib_per_s", &T::swap_in_mib_per_s),
        field("outlook", &T::outlook),
    };
};
template <>
struct Described<policy::DemandHistory> {
    using T = policy::DemandHistory;
    static constexpr auto fields = std::tuple{field("means_cores", &T::means), field("slot_ms", &T::slot),
                                              field("sum_cores", &T::sum_cores), field("samples", &T::samples)};
};
template <>
struct Described<policy::VmMemory> {
    using T = policy::VmMemory;
    static constexpr auto fields = std::tuple{
        field("cpu_demand_cores", &T::cpu_demand_cores),
        field("dirty_mib_per_s", &T::dirty_mib_per_s),
        field("last_sample_ms", &T::last_sample),
        field("ready_ratio", &T::ready_ratio),
        field("dirty_known", &T::dirty_known),
        field("duration_factor", &T::duration_factor),
        field("downtime_factor", &T::downtime_factor),
        field("history", &T::history),
        field("planned_cpu_cores", &T::planned_cpu_cores),
    };
};
template <>
struct Described<policy::OpenAudit> {
    using T = policy::OpenAudit;
    static constexpr auto fields = std::tuple{field("before_cores", &T::before_cores), field("was_full", &T::was_full),
                                              required("last_move_ms", &T::last_move), field("moved", &T::moved)};
};
template <>
struct Described<policy::Audit> {
    using T = policy::Audit;
    static constexpr auto fields = std::tuple{field("open", &T::open),       field("effect", &T::effect, {-1e9, 1e9}),
                                              field("audited", &T::audited), field("brake", &T::brake),
                                              field("until_ms", &T::until),  field("holds", &T::holds)};
};
template <>
struct Described<policy::Memory> {
    using T = policy::Memory;
    static constexpr auto fields = std::tuple{
        field("hosts", &T::hosts),         field("vms", &T::vms),     field("seasons", &T::seasons),
        field("imbalance", &T::imbalance), field("audit", &T::audit), field("learned_until_ms", &T::learned_until)};
};

template <>
struct Described<policy::Threshold> {
    using T = policy::Threshold;
    static constexpr auto fields =
        std::tuple{field("above", &T::above), field("below", &T::below), field("persistence_ms", &T::persistence)};
};
template <>
struct Described<policy::OverloadOptions> {
    using T = policy::OverloadOptions;
    static constexpr auto fields = std::tuple{
        field("enabled", &T::enabled),
        field("cpu", &T::cpu),
        field("cpu_method", &T::cpu_method),
        field("cpu_safety", &T::cpu_safety),
        field("cpu_floor_ratio", &T::cpu_floor),
        field("ready", &T::ready),
        field("memory", &T::memory),
        field("memory_pressure", &T::memory_pressure),
        field("swap_mib_per_s", &T::swap),
        field("max_moves_per_cycle", &T::max_moves_per_cycle),
    };
};
template <>
struct Described<policy::RepairOptions> {
    using T = policy::RepairOptions;
    static constexpr auto fields =
        std::tuple{field("enabled", &T::enabled), field("soft", &T::soft), field("soft_cost_ms", &T::soft_cost),
                   field("max_moves_per_cycle", &T::max_moves_per_cycle)};
};
template <>
struct Described<policy::EstimatorOptions> {
    using T = policy::EstimatorOptions;
    static constexpr auto fields = std::tuple{field("method", &T::method), field("percentile", &T::percentile, {0, 1}),
                                              field("window_ms", &T::window)};
};
template <>
struct Described<policy::ForecastOptions> {
    using T = policy::ForecastOptions;
    static constexpr auto fields = std::tuple{field("enabled", &T::enabled), field("horizon_ms", &T::horizon),
                                              field("confidence", &T::confidence, {0, 1}), field("zone", &T::zone)};
};
template <>
struct Described<policy::BalanceOptions> {
    using T = policy::BalanceOptions;
    static constexpr auto fields =
        std::tuple{field("enabled", &T::enabled),       field("objective", &T::objective),
                   field("cpu_weight", &T::cpu_weight), field("memory_weight", &T::memory_weight),
                   field("imbalance", &T::imbalance),   field("min_gain", &T::min_gain),
                   field("payback_ms", &T::payback),    field("max_moves_per_cycle", &T::max_moves_per_cycle)};
};
template <>
struct Described<policy::ReserveOptions> {
    using T = policy::ReserveOptions;
    static constexpr auto fields =
        std::tuple{field("cpu_ratio", &T::cpu, {0, 1}), field("memory_ratio", &T::memory, {0, 1}),
                   field("memory_min_bytes", &T::memory_min)};
};
template <>
struct Described<policy::OvercommitOptions> {
    using T = policy::OvercommitOptions;
    static constexpr auto fields = std::tuple{field("cpu_ratio", &T::cpu), field("memory_ratio", &T::memory)};
};
template <>
struct Described<policy::AdmissionOptions> {
    using T = policy::AdmissionOptions;
    static constexpr auto fields =
        std::tuple{field("host_failures", &T::host_failures), field("largest_vm", &T::largest_vm)};
};
template <>
struct Described<policy::MaintenanceOptions> {
    using T = policy::MaintenanceOptions;
    static constexpr auto fields = std::tuple{field("return_home", &T::return_home), field("within_ms", &T::within)};
};
template <>
struct Described<policy::LimitOptions> {
    using T = policy::LimitOptions;
    static constexpr auto fields =
        std::tuple{field("outgoing_per_host", &T::outgoing_per_host), field("incoming_per_host", &T::incoming_per_host),
                   field("cluster", &T::cluster)};
};
template <>
struct Described<policy::CooldownOptions> {
    using T = policy::CooldownOptions;
    static constexpr auto fields =
        std::tuple{field("vm_ms", &T::vm), field("no_return_ms", &T::no_return),
                   field("after_failure_ms", &T::after_failure), field("by_hand_ms", &T::by_hand)};
};
template <>
struct Described<policy::Rule> {
    using T = policy::Rule;
    static constexpr auto fields =
        std::tuple{required("kind", &T::kind), required("name", &T::name),  field("vms", &T::vms),
                   field("hosts", &T::hosts),  field("origin", &T::origin), field("column", &T::column),
                   field("hard", &T::hard),    field("over", &T::over),     field("at_most", &T::at_most)};
};
template <>
struct Described<policy::NamedGroup> {
    using T = policy::NamedGroup;
    static constexpr auto fields =
        std::tuple{required("name", &T::name), field("vms", &T::vms), field("hosts", &T::hosts)};
};
template <>
struct Described<policy::ConsolidationOptions> {
    using T = policy::ConsolidationOptions;
    static constexpr auto fields = std::tuple{
        field("enabled", &T::enabled),
        field("windows", &T::windows),
        field("aggressiveness", &T::aggressiveness, {0, 1}),
        field("min_hosts_on", &T::min_hosts_on),
        field("spare_hosts", &T::spare_hosts),
        field("never_off", &T::never_off),
        field("min_time_on_ms", &T::min_time_on),
        field("min_time_off_ms", &T::min_time_off),
        field("rotation_cost", &T::rotation_cost, {0, 1}),
        field("max_time_off_ms", &T::max_time_off),
        field("watch_ms", &T::watch),
        field("boot_time_ms", &T::boot_time),
        field("max_moves_per_cycle", &T::max_moves_per_cycle),
    };
    static constexpr std::size_t not_written = 2;  // where a file names the hosts in never_off
};
template <>
struct Described<policy::FailoverOptions> {
    using T = policy::FailoverOptions;
    static constexpr auto fields = std::tuple{field("across_sites", &T::across_sites)};
    static constexpr std::size_t not_written = 5;  // no plan depends on them
};
template <>
struct Described<policy::Options> {
    using T = policy::Options;
    static constexpr auto fields = std::tuple{
        field("mode", &T::mode),
        field("overload", &T::overload),
        field("repair", &T::repair),
        field("balance", &T::balance),
        field("estimator", &T::estimator),
        field("forecast", &T::forecast),
        field("reserve", &T::reserve),
        field("limits", &T::limits),
        field("cooldown", &T::cooldown),
        field("migration", &T::migration),
        field("overcommit", &T::overcommit),
        field("admission", &T::admission),
        field("maintenance", &T::maintenance),
        field("groups", &T::groups),
        field("rules", &T::rules),
        field("windows", &T::windows),
        field("holidays", &T::holidays),
        field("consolidation", &T::consolidation),
        field("failover", &T::failover),
        field("health", &T::health),
    };
};

template <>
struct Described<Rejection> {
    using T = Rejection;
    static constexpr auto fields = std::tuple{required("vm", &T::vm), field("target", &T::target),
                                              required("reason", &T::reason), field("detail", &T::detail)};
};
template <>
struct Described<Effect> {
    using T = Effect;
    static constexpr auto fields = std::tuple{
        field("source_cpu_before_ratio", &T::source_cpu_before),
        field("source_cpu_after_ratio", &T::source_cpu_after),
        field("target_cpu_before_ratio", &T::target_cpu_before),
        field("target_cpu_after_ratio", &T::target_cpu_after),
        field("source_memory_before_ratio", &T::source_memory_before),
        field("source_memory_after_ratio", &T::source_memory_after),
        field("target_memory_before_ratio", &T::target_memory_before),
        field("target_memory_after_ratio", &T::target_memory_after),
    };
};
template <>
struct Described<Move> {
    using T = Move;
    static constexpr auto fields = std::tuple{
        required("vm", &T::vm),
        required("from", &T::from),
        required("to", &T::to),
        field("trigger", &T::trigger),
        field("wave", &T::wave),
        field("reason", &T::reason),
        field("prediction", &T::prediction),
        field("effect", &T::effect),
        field("refused_targets", &T::refused_targets),
        field("disks", &T::disks),
    };
};
template <>
struct Described<Restart> {
    using T = Restart;
    static constexpr auto fields =
        std::tuple{required("vm", &T::vm),  required("from", &T::from),  required("to", &T::to),
                   field("wave", &T::wave), field("reason", &T::reason), field("refused_targets", &T::refused_targets)};
};
template <>
struct Described<Finding> {
    using T = Finding;
    static constexpr auto fields = std::tuple{required("host", &T::host), field("trigger", &T::trigger),
                                              field("text", &T::text), field("resolved_by_plan", &T::resolved_by_plan)};
};
template <>
struct Described<HostView> {
    using T = HostView;
    static constexpr auto fields =
        std::tuple{field("cpu_demand_ratio", &T::cpu_demand), field("memory_demand_ratio", &T::memory_demand),
                   field("ready_ratio", &T::ready), field("overloaded", &T::overloaded), field("state", &T::state)};
};
template <>
struct Described<PowerChange> {
    using T = PowerChange;
    static constexpr auto fields = std::tuple{required("host", &T::host), required("on", &T::on),
                                              field("wave", &T::wave), field("reason", &T::reason)};
};
template <>
struct Described<Plan> {
    using T = Plan;
    static constexpr auto fields = std::tuple{
        field("findings", &T::findings),
        field("restarts", &T::restarts),
        field("moves", &T::moves),
        field("power", &T::power),
        field("immovable", &T::immovable),
        field("rejections", &T::rejections),
        field("hosts", &T::hosts),
        field("warnings", &T::warnings),
        field("brake", &T::brake),
        field("score_before", &T::score_before),
        field("score_after", &T::score_after),
    };
};

template <>
struct Described<Record> {
    using T = Record;
    static constexpr auto fields = std::tuple{
        required("format", &T::format), field("written_by", &T::written_by),
        field("cycle", &T::cycle),      field("taken_at", &T::taken_at),
        field("now_ms", &T::now),       required("inventory", &T::inventory),
        field("memory", &T::memory),    field("options", &T::options),
        field("plan", &T::plan),
    };
};

}  // namespace ballast::interchange
