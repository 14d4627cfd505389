// What can go wrong with a simulated migration [docs: safety.md, "Faults to survive"]. Values only.
#pragma once

#include <string>
#include <vector>

namespace ballast::sim {

enum class Fault {
    none,
    // the source's libvirtd
    source_libvirtd_restarts_in_perform,     // recovery cancels the job; the guest runs on
    source_libvirtd_restarts_after_perform,  // guest left paused, job forgotten; the arrival is dropped at once
    source_libvirtd_restarts_arrival_waits,  // the same; the arrival stays, paused
    source_libvirtd_restarts_arrival_runs,   // the same; the target had been told to run it
    // the target's libvirtd
    target_libvirtd_restarts_in_prepare,
    target_libvirtd_restarts_in_finish,    // before the guest was started there
    target_libvirtd_restarts_after_start,  // after it was, and the source resumes it too: runs twice
    target_silent,                         // in mid-copy, for a minute
    target_silent_in_finish,               // it runs the guest, the source waits, then resumes: runs twice
    target_dies,                           // in mid-copy; comes back only when told to
    finish_lost,                           // only the answer is lost: runs twice
    target_qemu_killed_before_pause,
    target_qemu_killed_after_pause,
    target_qemu_killed_after_start,  // the guest is gone
    // the source's host
    source_dies,                // in mid-copy; comes back only when told to, the guest shut off
    source_dies_after_success,  // before the old definition was removed
    source_cut_off,             // unreachable for ten minutes; the migration goes on
    // the call and what is said about it
    reply_lost,      // all went well, but the call never returns
    contact_lost,    // the call fails at once, the migration goes on
    calls_time_out,  // every call to the source for half a minute; half of them act
    never_converges,
    never_converges_abort_unanswered,  // for twenty minutes
    // the guest and its surroundings
    guest_shuts_down,
    guest_crashes,  // the source's QEMU dies
    io_error,       // pauses the guest; the migration is given up
    memory_gone,    // the target refuses at the last moment
    name_taken,
    leftover_definition,  // fails and leaves a definition on the target
    post_copy_cut,        // both halves wait for each other
};

std::string to_string(Fault fault);
std::vector<Fault> all_faults();
/// After this one the guest may run on both hosts through no fault of who moves it.
bool may_run_twice(Fault fault);

}  // namespace ballast::sim
