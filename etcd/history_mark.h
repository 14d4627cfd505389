// Which cluster we belong to and how far its history had come, kept in the state directory, so that an etcd that was
// restored from an old backup, or is another one altogether, is noticed before anything is decided by what it says.
//
// On the io_context's thread; the disk is written by a thread of its own. "etcd.cluster" has the cluster's id,
// "etcd.mark" the last revision we heard of.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "store/directory_lock.h"
#include "store/high_water_mark.h"
#include "store/worker.h"

namespace ballast::etcd {

class HistoryMark {
public:
    /// Creates the directory (not its parents). Errors: conflict (another process uses it), refused, no_space,
    /// unavailable, corrupt (etcd.cluster is not readable).
    static Result<std::unique_ptr<HistoryMark>> open(const std::string& directory);

    /// A revision that etcd has answered with.
    void note(Revision revision);
    Revision newest() const { return newest_; }
    /// Of a linearizable answer; `newest` is what newest() was when it was asked for. The first cluster ever seen is
    /// remembered. Error corrupt: it is another cluster, or it has lost what was acknowledged.
    Result<void> check(std::uint64_t cluster, Revision revision, Revision newest);

private:
    HistoryMark(std::string directory, store::DirectoryLock lock, store::HighWaterMark mark,
                std::optional<std::uint64_t> cluster);

    std::string advice() const;

    const std::string directory_;
    store::DirectoryLock lock_;
    store::HighWaterMark mark_;  // the worker's
    std::optional<std::uint64_t> cluster_;
    std::atomic<Revision> newest_ = 0;
    std::atomic<bool> to_be_written_ = false;
    store::Worker worker_;  // last: its thread uses all of the above
};

}  // namespace ballast::etcd
