// The executor's own memory of one operation under way; the part that matters after a crash is in `op` and `notes`,
// journalled.
#pragma once

#include "executor/executor.h"
#include "executor/judge.h"
#include "executor/pause.h"

namespace ballast::executor {

/// What ends a coroutine by an exception is a bug: its operation would stay under way for ever.
inline void expect_no_bug(std::exception_ptr bug) {
    BALLAST_ASSERT(!bug);
}

/// Lost on the way: the other side may have done it all the same, and trying again makes sense.
inline bool contact_lost(const Error& error) {
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::timed_out;
}

/// What went wrong with this VM, for people: they know it by its name, not by the UUID that its errors are about.
inline std::string said_of(const VmId& vm, const Error& error) {
    return error.subject == vm.value ? error.message : to_string(error);
}

/// What is known of one call of the hypervisor, from just before it until both hosts were looked at.
struct Attempt {
    Result<void> call = Result<void>();  // what the migration call returned
    bool call_returned = false;
    /// Nobody waits for the call any more (its daemon died, or contact to the source was lost): only looking tells.
    bool unattended = false;
    bool job_seen = false;                  // on the source
    std::optional<Instant> job_gone_since;  // it had been seen, and the call has not returned
    bool guest_shut_down = false;           // heard from either host
    /// False while it is certain that the source never paused the guest: no switchover event, no gap in the events
    /// and no look that found it paused or failed.
    bool target_may_run_it = false;
    bool in_post_copy = false;
    std::optional<Bytes> post_copy_seen;  // sent when it was last looked at after an interruption
    std::optional<Instant> next_resume;   // of what was interrupted
    bool interruption_told = false;
    unsigned resumes = 0;
    std::string abort_reason;  // not empty: an abort was sent
    std::optional<Instant> first_abort;
    Instant next_abort{};
    std::optional<Instant> deadline;  // abort then
    Instant started{};
    std::size_t downtime_step = 0;
    unsigned last_iteration = 0;
    std::optional<HostId> unasked;  // it may run there, so that what waits is not let go on
    bool alarmed = false;           // a person was told: it is not tried again behind their back
};

/// Where a VM was found. `target` is nothing when the target could not be asked.
struct Executor::Whereabouts {
    std::optional<HostId> elsewhere;
    std::optional<Presence> target;
    std::optional<HostId> starts;   // somebody else is starting it there
    std::optional<HostId> half;     // as it came, or is about to leave, by a migration that is not ours
    std::optional<HostId> unasked;  // it may be there, and nobody can tell
};

struct Executor::Run {
    Run(const boost::asio::any_io_executor& executor, Record record, const Settings& wanted)
        : op(std::move(record.op)),
          notes(std::move(record.notes)),
          settings(wanted),
          pause(executor),
          written(executor, boost::asio::steady_timer::time_point::max()) {}

    Operation op;
    Notes notes;
    Settings settings;  // as they were when it was accepted
    Attempt attempt;
    std::vector<DiskCopy> disks;   // those of op.disks, as found before this attempt
    bool writing = false;          // one write of the record at a time, so that the newest comes last
    std::string journal_problem;   // not empty: the record lags behind
    bool slot_in_journal = false;  // whoever leads next counts by that
    Pause pause;
    boost::asio::steady_timer written;  // cancelled when a write has ended

    bool cancelled() const { return !notes.cancelled_by.empty(); }
};

}  // namespace ballast::executor
