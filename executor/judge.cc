#include "executor/judge.h"

namespace ballast::executor {

namespace {

using State = Presence::State;
using Reason = Presence::PauseReason;

bool not_running(const Presence& p) {
    return p.state == State::absent || p.state == State::defined;
}
bool running(const Presence& p) {
    return p.state == State::running;
}

// Of a target that runs as well: libvirt says so until the last of its memory has come.
bool in_post_copy(const Presence& p) {
    return (p.state == State::paused || running(p)) &&
           (p.pause_reason == Reason::post_copy || p.pause_reason == Reason::post_copy_failed);
}

// libvirt keeps the job of an outgoing post-copy that failed, so that it can be resumed: "under way" would be a lie.
bool interrupted(const Presence& source) {
    return source.state == State::paused && source.pause_reason == Reason::post_copy_failed;
}

// By the user's will or for its disks' sake: the migration did not do it and we do not undo it.
bool paused_on_its_own(const Presence& p) {
    return p.state == State::paused && (p.pause_reason == Reason::user || p.pause_reason == Reason::io_error);
}

bool by_migration(const Presence& p) {
    return p.state == State::paused && !paused_on_its_own(p);
}

Verdict with_source_running(const Presence& target) {
    if (not_running(target)) return Verdict::stayed;
    return running(target) ? Verdict::both_run : Verdict::drop_arrival;
}

Verdict with_source_paused_on_its_own(const Picture& picture) {
    const Presence& target = *picture.target;
    if (picture.ran_on_target && running(target) && !target.migration_under_way) return Verdict::stop_source;
    if (not_running(target)) return Verdict::stayed;
    return running(target) ? Verdict::unclear : Verdict::drop_arrival;
}

// Somebody died in the middle of the switch-over.
Verdict with_source_paused_by_migration(const Picture& picture) {
    const Presence& target = *picture.target;
    if (picture.ran_on_target && !running(target)) {
        const bool ended = not_running(target) && picture.guest_shut_down;
        return ended || paused_on_its_own(target) ? Verdict::stop_source : Verdict::hands_off;
    }
    if (not_running(target)) return Verdict::resume_source;
    if (!running(target)) return Verdict::stop_target;
    // A job on the target that runs: pages may still be missing (post-copy).
    return target.migration_under_way ? Verdict::unclear : Verdict::stop_source;
}

Verdict with_source_gone(const Presence& target, bool guest_shut_down) {
    if (running(target)) return Verdict::moved;
    if (not_running(target)) return guest_shut_down ? Verdict::shut_down : Verdict::lost;
    if (guest_shut_down) return Verdict::drop_arrival;
    if (paused_on_its_own(target)) return Verdict::moved;
    return target.migration_under_way ? Verdict::unclear : Verdict::resume_target;
}

Verdict without_target(const Picture& picture) {
    const bool never_left = running(*picture.source) && !picture.target_may_run_it;
    return never_left ? Verdict::stayed_target_lost : Verdict::unclear;
}

}  // namespace

Verdict judge(const Picture& picture) {
    if (!picture.source) return Verdict::unclear;
    if (interrupted(*picture.source) && picture.target)
        return in_post_copy(*picture.target) ? Verdict::post_copy_interrupted : Verdict::hands_off;
    if (picture.source->migration_under_way && !interrupted(*picture.source)) return Verdict::under_way;
    if (!picture.target) return without_target(picture);
    if (in_post_copy(*picture.source) || in_post_copy(*picture.target)) return Verdict::hands_off;
    // The target may have run it for a while and be gone: the source's copy is of the past then.
    if (picture.post_copy && by_migration(*picture.source) && !running(*picture.target)) return Verdict::hands_off;
    if (running(*picture.source)) return with_source_running(*picture.target);
    if (paused_on_its_own(*picture.source)) return with_source_paused_on_its_own(picture);
    if (!not_running(*picture.source)) return with_source_paused_by_migration(picture);
    return with_source_gone(*picture.target, picture.guest_shut_down);
}

bool shut_down_seen(const std::optional<Presence>& source, const std::optional<Presence>& target, bool persistent,
                    bool source_was_stopped_by_us) {
    if (source && source->shut_down_by_guest && !source_was_stopped_by_us) return true;
    // The target has a definition of its own from this migration only when that took the source's away.
    return persistent && source && source->state == State::absent && target && target->shut_down_by_guest;
}

}  // namespace ballast::executor
