// One daemon's connection to the store, and what is wrong with it. Values only: whoever owns it sets them at any time,
// and they are in force from the next call, answer or event on.
#pragma once

#include "model/units.h"

namespace ballast::sim {

struct StoreLink {
    // Both ways, and one way only. Watches hear nothing meanwhile; then they go on from where they were.
    bool cut = false;   // calls: unavailable, after the time-out
    bool deaf = false;  // calls are carried out, but no answer comes: timed_out

    Duration request_takes{1};                   // less than the time-out; of commits, `late` is for more
    Duration reply_takes{};                      // an answer under way is lost when the connection is cut
    Duration timeout = std::chrono::seconds{5};  // the embedded store's default

    // Of the next commits: they are carried out, at once or `late`, but timed_out is the answer.
    unsigned lose_replies = 0;
    Duration late{};

    Duration stale{};             // reads may be answered from this long ago [etcd issue 20418]
    bool keepalive_lies = false;  // a lease that is gone is kept alive all the same [etcd issue 20813]

    // Watches.
    Duration watch_delay{};
    Instant watches_silent_until{};  // then they go on from where they were
    unsigned double_events = 0;      // the next batches are told twice
    unsigned lose_events = 0;        // the next batches are not told: etcd never does this, but events are only hints
    unsigned compact_watches = 0;    // in the place of the next batches: list again

    bool silent(Instant now) const { return cut || deaf || now < watches_silent_until; }
};

}  // namespace ballast::sim
