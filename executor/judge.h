// What two hosts' answers about one VM mean, as a table [safety.md, Protocol, step 7]. Pure.
#pragma once

#include <optional>

#include "model/migration.h"

namespace ballast::executor {

/// Both hosts asked just now; nothing: cannot be asked.
struct Picture {
    std::optional<Presence> source = {};
    std::optional<Presence> target = {};
    bool guest_shut_down = false;   // heard, or seen on a host where we did not stop it ourselves
    bool post_copy = false;         // the switch to post-copy was asked for
    bool target_may_run_it = true;  // false: it is certain that the source never paused the guest
    bool ran_on_target = false;     // so that what waits on the source is of the past
};

enum class Verdict {
    under_way,           // a migration runs on the source
    moved,               // runs on the target only, or is paused there by its user or an IO error
    stayed,              // the same on the source
    stayed_target_lost,  // runs on the source and never stopped there; the target cannot be asked
    shut_down,           // runs nowhere because the guest ended
    lost,                // runs on neither host, and nothing says why
    both_run,
    stop_source,    // the target runs it, or ran it to its end; the source keeps a paused copy
    stop_target,    // both paused by the migration: the source's copy is the one to go on with
    resume_source,  // paused by the migration, and nowhere else
    resume_target,
    drop_arrival,           // the target keeps a paused copy nobody feeds any more
    hands_off,              // in post-copy: its memory is on both hosts
    post_copy_interrupted,  // the same, and both hold their half: the rest can be sent over a network that works again
    unclear,                // a host cannot be asked, or the picture is none of the above: look again
};

Verdict judge(const Picture& picture);

/// True when the guest's user stopped it there during this migration, not an older definition's past.
bool shut_down_seen(const std::optional<Presence>& source, const std::optional<Presence>& target, bool persistent,
                    bool source_was_stopped_by_us);

}  // namespace ballast::executor
