// Everything the embedded store has on the disk, in one directory: opened, checked and if need be mended, and then
// given to the worker thread. Constructed on any thread before that; never used by two at a time.
#pragma once

#include "store/directory_lock.h"
#include "store/engine.h"
#include "store/high_water_mark.h"
#include "store/last_good.h"

namespace ballast::store {

/// How far numbers are skipped after a loss, so that none that was handed out comes again with another meaning. What
/// etcd's documentation advises for a restored snapshot (etcdutl snapshot restore --bump-revision).
inline constexpr std::int64_t numbers_skipped_after_loss = 1'000'000'000;

class Disk {
public:
    /// See EmbeddedStore::open for the errors. `wall_now` names files that are moved aside. What had to be mended is
    /// appended to `notes`.
    static Result<std::unique_ptr<Disk>> open(const std::string& directory, Bytes largest_database, WallTime wall_now,
                                              std::vector<std::string>& notes);

    Engine& engine() { return *engine_; }
    /// After every call that may have committed.
    void note_revision() { mark_.raise_to(engine_->revision()); }

    /// Opening made a copy, because there was none.
    bool copied_at_open() const { return copied_at_open_; }
    /// Begins a new last good copy unless one is being made.
    Result<void> begin_copy();
    bool copying() const { return copy_.running(); }
    /// Requires copying().
    Result<LastGoodCopy::Progress> copy_slice() { return copy_.slice(); }

private:
    Disk(DirectoryLock lock, HighWaterMark mark, std::unique_ptr<Engine> engine, std::string copy)
        : lock_(std::move(lock)), mark_(std::move(mark)), engine_(std::move(engine)), copy_(std::move(copy)) {}

    DirectoryLock lock_;
    HighWaterMark mark_;
    std::unique_ptr<Engine> engine_;
    bool copied_at_open_ = false;
    LastGoodCopy copy_;  // after the engine: ends before it
};

}  // namespace ballast::store
