#include "sim/fault.h"

#include <utility>

namespace ballast::sim {

namespace {
constexpr std::pair<Fault, const char*> names[] = {
    {Fault::none, "none"},
    {Fault::source_libvirtd_restarts_in_perform, "source_libvirtd_restarts_in_perform"},
    {Fault::source_libvirtd_restarts_after_perform, "source_libvirtd_restarts_after_perform"},
    {Fault::source_libvirtd_restarts_arrival_waits, "source_libvirtd_restarts_arrival_waits"},
    {Fault::source_libvirtd_restarts_arrival_runs, "source_libvirtd_restarts_arrival_runs"},
    {Fault::target_libvirtd_restarts_in_prepare, "target_libvirtd_restarts_in_prepare"},
    {Fault::target_libvirtd_restarts_in_finish, "target_libvirtd_restarts_in_finish"},
    {Fault::target_libvirtd_restarts_after_start, "target_libvirtd_restarts_after_start"},
    {Fault::target_silent, "target_silent"},
    {Fault::target_silent_in_finish, "target_silent_in_finish"},
    {Fault::target_dies, "target_dies"},
    {Fault::finish_lost, "finish_lost"},
    {Fault::target_qemu_killed_before_pause, "target_qemu_killed_before_pause"},
    {Fault::target_qemu_killed_after_pause, "target_qemu_killed_after_pause"},
    {Fault::target_qemu_killed_after_start, "target_qemu_killed_after_start"},
    {Fault::source_dies, "source_dies"},
    {Fault::source_dies_after_success, "source_dies_after_success"},
    {Fault::source_cut_off, "source_cut_off"},
    {Fault::reply_lost, "reply_lost"},
    {Fault::contact_lost, "contact_lost"},
    {Fault::calls_time_out, "calls_time_out"},
    {Fault::never_converges, "never_converges"},
    {Fault::never_converges_abort_unanswered, "never_converges_abort_unanswered"},
    {Fault::guest_shuts_down, "guest_shuts_down"},
    {Fault::guest_crashes, "guest_crashes"},
    {Fault::io_error, "io_error"},
    {Fault::memory_gone, "memory_gone"},
    {Fault::name_taken, "name_taken"},
    {Fault::leftover_definition, "leftover_definition"},
    {Fault::post_copy_cut, "post_copy_cut"},
};
}  // namespace

std::string to_string(Fault fault) {
    for (const auto& [value, name] : names)
        if (value == fault) return name;
    return "unknown";
}

std::vector<Fault> all_faults() {
    std::vector<Fault> faults;
    for (const auto& [value, name] : names) faults.push_back(value);
    return faults;
}

bool may_run_twice(Fault fault) {
    return fault == Fault::finish_lost || fault == Fault::target_silent_in_finish ||
           fault == Fault::target_libvirtd_restarts_after_start || fault == Fault::source_dies_after_success;
}

}  // namespace ballast::sim
