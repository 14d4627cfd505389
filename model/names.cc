// The stable text forms of the model's enumerations.
#include "model/health.h"
#include "model/host.h"
#include "model/migration.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/power.h"
#include "model/vm.h"

namespace ballast {

std::string to_string(Connection connection) {
    switch (connection) {
        case Connection::connecting: return "connecting";
        case Connection::up: return "up";
        case Connection::down: return "down";
    }
    return "down";
}

std::string to_string(PowerState state) {
    switch (state) {
        case PowerState::on: return "on";
        case PowerState::switching_off: return "switching_off";
        case PowerState::off: return "off";
        case PowerState::switching_on: return "switching_on";
        case PowerState::fencing: return "fencing";
        case PowerState::lost: return "lost";
    }
    return "on";
}

std::optional<PowerState> power_state_from(const std::string& name) {
    for (const PowerState state : all_power_states)
        if (to_string(state) == name) return state;
    return std::nullopt;
}

std::string to_string(HealthSource source) {
    switch (source) {
        case HealthSource::memory_uncorrected: return "memory_uncorrected";
        case HealthSource::memory_corrected: return "memory_corrected";
        case HealthSource::machine_check: return "machine_check";
        case HealthSource::temperature: return "temperature";
        case HealthSource::disk: return "disk";
        case HealthSource::network: return "network";
        case HealthSource::link: return "link";
        case HealthSource::storage: return "storage";
        case HealthSource::units: return "units";
        case HealthSource::pressure: return "pressure";
        case HealthSource::libvirt: return "libvirt";
        case HealthSource::clock: return "clock";
        case HealthSource::check: return "check";
        case HealthSource::unread: return "unread";
    }
    return "unread";
}

std::optional<HealthSource> health_source_from(const std::string& name) {
    for (const HealthSource source : all_health_sources)
        if (to_string(source) == name) return source;
    return std::nullopt;
}

std::string to_string(VmState state) {
    switch (state) {
        case VmState::running: return "running";
        case VmState::paused: return "paused";
        case VmState::shut_off: return "shut off";
        case VmState::crashed: return "crashed";
        case VmState::other: return "other";
    }
    return "other";
}

std::string to_string(CpuRequirement::Mode mode) {
    switch (mode) {
        case CpuRequirement::Mode::custom: return "custom";
        case CpuRequirement::Mode::host_passthrough: return "host_passthrough";
        case CpuRequirement::Mode::maximum: return "maximum";
    }
    return "custom";
}

std::string to_string(Trigger trigger) {
    switch (trigger) {
        case Trigger::overload: return "overload";
        case Trigger::maintenance: return "maintenance";
        case Trigger::degraded: return "degraded";
        case Trigger::rule_violation: return "rule_violation";
        case Trigger::return_home: return "return_home";
        case Trigger::balance: return "balance";
        case Trigger::host_loss: return "host_loss";
        case Trigger::manual: return "manual";
        case Trigger::consolidation: return "consolidation";
    }
    return "manual";
}

namespace {
constexpr std::pair<OperationState, const char*> operation_states[] = {
    {OperationState::waiting, "waiting"},         {OperationState::planned, "planned"},
    {OperationState::prepared, "prepared"},       {OperationState::running, "running"},
    {OperationState::verifying, "verifying"},     {OperationState::done, "done"},
    {OperationState::rolled_back, "rolled_back"}, {OperationState::cancelled, "cancelled"},
    {OperationState::failed, "failed"},
};
}  // namespace

std::string to_string(OperationState state) {
    for (const auto& [value, name] : operation_states)
        if (value == state) return name;
    return "failed";
}

std::optional<OperationState> operation_state_from(const std::string& name) {
    for (const auto& [value, text] : operation_states)
        if (name == text) return value;
    return std::nullopt;
}

bool is_final(OperationState state) {
    return state >= OperationState::done;
}

namespace {
const char* text(Presence::PauseReason reason) {
    switch (reason) {
        case Presence::PauseReason::none: return "";
        case Presence::PauseReason::migration: return " (by a migration)";
        case Presence::PauseReason::starting_up: return " (starting up)";
        case Presence::PauseReason::post_copy: return " (in post-copy)";
        case Presence::PauseReason::post_copy_failed: return " (post-copy failed)";
        case Presence::PauseReason::io_error: return " (by an IO error)";
        case Presence::PauseReason::user: return " (by a user)";
        case Presence::PauseReason::other: return "";
    }
    return "";
}
}  // namespace

std::string to_string(const Presence& presence) {
    switch (presence.state) {
        case Presence::State::absent: return "absent";
        case Presence::State::defined: return "shut off";
        case Presence::State::running: return std::string("running") + text(presence.pause_reason);
        case Presence::State::paused: return std::string("paused") + text(presence.pause_reason);
    }
    return "absent";
}

}  // namespace ballast
