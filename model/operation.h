// One migration from acceptance to its verified end: the journal's record and the executor's state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/plan.h"
#include "model/units.h"

namespace ballast {

enum class OperationState {
    waiting,      // proposed in confirm mode: an operator has to approve it
    planned,      // accepted, waiting for a slot or for its retry time
    prepared,     // re-checked just now: the target can take it
    running,      // the migration call was or is about to be made
    verifying,    // ended somehow; both hosts are being looked at
    done,         // verified: runs on the target only
    rolled_back,  // verified: runs on the source only
    cancelled,    // ended on request before or during the run; runs on the source
    failed,       // ended without a running guest being certain: an alarm for people
};
std::string to_string(OperationState state);
std::optional<OperationState> operation_state_from(const std::string& name);
/// True for done, rolled_back, cancelled and failed.
bool is_final(OperationState state);

/// What was measured, from libvirt's statistics of the completed job and from our own clock.
struct Outcome {
    Duration duration{};               // from the call to the verified end
    std::optional<Duration> downtime;  // as libvirt reports it; absent when it does not
    std::optional<Bytes> transferred;
    std::optional<unsigned> iterations;
    std::optional<Bytes> disk{};  // of what was transferred
};

/// How far a running migration is, as its source said last. Memory that is written meanwhile is sent again, so that
/// `remaining` may grow. Not journalled.
struct Progress {
    Bytes total, processed, remaining;  // memory and disks that are copied along
    unsigned iteration = 0;             // passes over memory
    std::optional<double> throughput_mib_per_s;
};

struct Operation {
    OperationId id;
    VmId vm;
    std::string vm_name;
    HostId from;
    HostId to;
    Trigger trigger = Trigger::manual;
    std::string reason;
    std::string cycle;         // id of the planning cycle that wanted it; empty for manual ones
    std::string requested_by;  // "policy" or "uid 0 (root)"
    OperationState state = OperationState::planned;
    unsigned attempt = 0;  // 1 on the first run
    Prediction prediction;
    std::optional<Outcome> outcome;
    std::optional<Progress> progress{};  // while it runs
    std::string method;                  // of the last attempt, for people: "post-copy, TLS"; empty before the call
    std::string message;                 // how it ended or what it waits for, for people
    bool alarm = false;                  // a person has to look: message says at what
    bool persistent = false;             // the VM's definition is kept on disk, and moves with it
    bool autostart = false;              // carried over: it does not travel with a migration
    Bytes memory;                        // the VM's memory, for the deadline
    std::vector<std::string> disks;      // names of those that are copied along: the target does not see them
    Bytes disk;                          // capacity of these, for the deadline
    WallTime created{};
    WallTime updated{};
    std::optional<WallTime> started;  // of the last attempt
    std::optional<WallTime> ended;
};

}  // namespace ballast
