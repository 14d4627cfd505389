// The executor's own memory of one operation under way; the part that matters after a crash is in `op`, journalled.
#pragma once

#include "executor/executor.h"

namespace ballast::executor {

struct Executor::Run {
    Operation op;
    Settings settings;                      // as they were when it was accepted
    std::optional<Instant> deadline;        // abort then
    std::string cancelled_by;               // not empty: asked to end
    std::string abort_reason;               // not empty: an abort was sent
    Result<void> call = Result<void>();     // what the migration call returned
    bool call_returned = false;
    bool in_post_copy = false;
    bool adopted = false;                   // taken over from a daemon that died: nobody waits for the call
    bool guest_shut_down = false;           // heard from either host while it ran
    bool target_may_run_it = true;          // false while the source is known never to have paused the guest
    unsigned downtime_step = 0;
    unsigned last_iteration = 0;
    MigrationProgress last_progress;
    Instant started{};
    std::shared_ptr<boost::asio::steady_timer> returned;  // cancelled when the migration call returns
};

}  // namespace ballast::executor
