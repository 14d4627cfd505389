// What happens to a simulated cluster in one run: its size, and what goes wrong when. Drawn from a seed, and made
// smaller by whoever looks for the fewest faults that still break it. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/units.h"
#include "sim/fault.h"

namespace ballast::sim::vopr {

struct Event {
    enum class Kind {
        // orders, to whoever leads
        migrate,       // `vm` to `host`, with `fault`
        maintenance,   // `host` on for `lasts`
        confirm_lost,  // a person looks: of every host without power that is being cut off
        ask,           // `vm` to `host`, as far as the rules allow it
        maintenance_begins,
        maintenance_ends,
        cancel,      // the operation on `vm`
        approve,     // the operation on `vm`
        forget,      // `vm`, that is down
        hold,        // nothing is done any more
        go_on,       // it is again
        mode,        // `word`
        switch_off,  // `host`, whatever the policy says when `count` is odd
        switch_on,
        fence,
        release,
        // a member's process
        kill,
        kill_at,          // at its `count`-th call
        pause,            // for `lasts`
        pause_at,         // at its `count`-th call, for `lasts`
        pause_leader,     // whoever leads, for `lasts`
        kill_leader_at,   // whoever leads, at its `count`-th call
        pause_leader_at,  // whoever leads, at its `count`-th call, for `lasts`
        pause_fencing,    // whoever leads, `late` after it begins to cut a host off, for `lasts`
        // a host
        power_cut,  // for `lasts`
        cut_off,    // from every network, for `lasts`
        separate,   // `host` and `other`, for `lasts`
        libvirtd_restart,
        libvirtd_down,    // for `lasts`
        calls_time_out,   // for `lasts`
        starts_fail,      // of guests, for `lasts`
        starts_slow,      // of guests: each takes `late`, for `lasts`
        unwell,           // `word` is reported of it, for `lasts`
        step_wall_clock,  // by `lasts`, which may be negative
        // one member's way to the store, for `lasts`
        link_cut,
        link_cut_fencing,  // of whoever leads, `late` after it begins to cut a host off
        link_deaf,
        link_loses_replies,  // of `count` commits, which come `late`
        link_stale,          // reads are up to `late` old
        link_lies,           // keepalives of leases that are gone succeed
        watches_silent,
        watches_doubled,  // `count` times
        watches_lost,     // `count` times
        watches_late,     // by `late`
        // the store
        compact,
        revoke_leader,      // its lease, before its time
        revoke_agent,       // of `host`
        leases_late,        // by at most `late`, for `lasts`
        store_unavailable,  // for `lasts`
        store_full,         // for `lasts`
        store_loses_replies,
        store_restored,  // from a backup that is `late` old; no daemon runs for `lasts`
        // BMCs, for `lasts`
        bmc_dead,
        bmc_lies,     // `count` readings
        bmc_ignores,  // `count` orders to switch on
        bmc_of_another,
        button_ignored,
        // guests
        moved_by_hand,  // `vm` to `host`
        guest_shuts_down,
        guest_killed,      // its QEMU
        guest_wants,       // `count` CPUs, from now on
        migration_meets,   // the next one of `vm`: `fault`
        events_disturbed,  // some are lost and some doubled, for `lasts`
    };

    Kind kind = Kind::kill;
    Duration at{};
    HostId host{}, other{};
    VmId vm{};
    Duration lasts{}, late{};
    unsigned count = 0;
    Fault fault = Fault::none;
    std::string word{};
};
std::string to_string(const Event& event);

/// How an event is told: $h is its host, $o the other host, $v the VM, $f the fault, $l how long, $d the delay, $n the
/// count, $w the word.
struct Sentence {
    Event::Kind kind;
    const char* says;
};
std::vector<Sentence> sentences();

/// In the place of a host: whichever leads when it happens.
inline constexpr const char* whoever_leads = "the leader";

struct Guest {
    VmId vm;
    HostId on;
    std::uint64_t memory_gib = 1;
    double dirty_mib_per_s = 0;
    bool persistent = true;
    bool autostart = false;
    bool post_copy = false;
    double cpus = 0;  // that it wants
};

struct Scenario {
    std::uint64_t seed = 0;
    std::vector<HostId> hosts;
    std::optional<Bytes> host_memory;  // of each; nothing: 64 GiB
    std::vector<Guest> guests;
    Duration length{};          // then everything is healed
    bool consolidates = false;  // until then hosts are emptied and switched off
    std::vector<Event> events;
};
std::string to_string(const Scenario& scenario);

/// The same for the same seed, on every machine.
Scenario draw(std::uint64_t seed);

}  // namespace ballast::sim::vopr
