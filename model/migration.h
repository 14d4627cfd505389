// What is asked of a hypervisor for one live migration, and what it says while it runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/units.h"

namespace ballast {

/// A disk whose content is copied to the target while the guest runs, into an image of the same path.
struct DiskCopy {
    std::string target;  // "vda"
    std::string file;    // absolute path
    std::string format;
    Bytes capacity, allocated;  // see VmDisk
    bool overwrite = false;     // the image there is what this VM left behind when it was copied away
};

struct MigrationRequest {
    VmId vm;
    HostId from;
    HostId to;
    bool persistent = false;  // PERSIST_DEST | UNDEFINE_SOURCE
    bool auto_converge = true;
    bool post_copy = false;                     // allow a later switch; never starts in post-copy
    bool tls = false;                           // encrypt the migration stream
    unsigned parallel_connections = 0;          // 0: one stream
    std::string compression{};                  // libvirt's name of the method; empty: none
    std::optional<double> bandwidth_mib_per_s;  // nothing: libvirt's default (unlimited)
    Duration max_downtime{};                    // the first step of the ladder
    Duration give_up_after{};                   // stop waiting for the call, not for the migration itself
    std::vector<DiskCopy> disks{};              // those that the target cannot see, and no others
    bool resume_post_copy = false;  // the rest of one whose network failed in post-copy: nothing new is begun
};

/// A VM that is started from its definition, not moved.
struct StartRequest {
    VmId vm;
    HostId on;
    std::string definition;   // domain XML
    bool persistent = false;  // defined first, else it runs as a transient one
    Duration give_up_after{};
    bool at_home = false;  // it ran there last: what is saved of it there is of now
};

enum class MigrationPhase { none, starting, copying, post_copy, completed, failed, cancelled };

/// Job statistics of one migration [virDomainGetJobStats].
struct MigrationProgress {
    MigrationPhase phase = MigrationPhase::none;  // none: no migration of this VM is under way
    Duration elapsed{};
    Bytes total, processed, remaining;
    Bytes disk_total, disk_processed;  // the part of these that is disks
    unsigned iteration = 0;
    std::optional<Duration> downtime;  // measured at the end, expected before
    std::optional<double> dirty_rate_mib_per_s;
    std::optional<double> throughput_mib_per_s;
    std::optional<unsigned> auto_converge_percent;
};

/// What one host knows of one VM, asked of that host just now.
struct Presence {
    enum class State {
        absent,   // not known to this host
        defined,  // known but not running
        running,
        paused,  // see pause_reason
    };
    enum class PauseReason { none, migration, starting_up, post_copy, post_copy_failed, io_error, user, other };
    State state = State::absent;
    /// Of one that runs: post_copy or post_copy_failed while part of its memory is still on the host it came from.
    PauseReason pause_reason = PauseReason::none;
    bool persistent = false;
    bool migration_under_way = false;  // an active outgoing or incoming job
    bool shut_down_by_guest = false;   // defined, and it went down by itself or by its user's will
    bool end_unknown = false;  // defined, and its host has not seen it run: it, or its libvirt, was started since
};
std::string to_string(const Presence& presence);

}  // namespace ballast
