#include "store/disk.h"

#include "store/recovery.h"

namespace ballast::store {
namespace {

/// When acknowledged revisions are missing. A restored store counts as that whatever the mark says.
Result<void> skip_lost_numbers(Engine& engine, const HighWaterMark& mark, bool restored,
                               std::vector<std::string>& notes) {
    const Revision acknowledged = mark.read().value_or(0);
    const Revision found = engine.revision();
    if (acknowledged > found && !restored)
        notes.push_back("the store's log has lost its end: revisions " + std::to_string(found + 1) + " to " +
                        std::to_string(acknowledged) + " were acknowledged and are gone");
    if (acknowledged <= found && !restored) return {};
    return engine.skip_to(std::max(found, acknowledged) + numbers_skipped_after_loss,
                          engine.last_lease() + numbers_skipped_after_loss);
}

}  // namespace

Result<std::unique_ptr<Disk>> Disk::open(const std::string& directory, Bytes largest_database, WallTime wall_now,
                                         std::vector<std::string>& notes) {
    if (auto made = make_directory(directory); !made) return made.error();
    auto lock = DirectoryLock::take(directory);
    if (!lock) return lock.error();
    auto mark = HighWaterMark::open(directory + "/store.mark");
    if (!mark) return mark.error();
    const StoreFiles files(directory);
    auto recovered = open_or_recover(files, largest_database, wall_now, notes);
    if (!recovered) return recovered.error();
    auto skipped = skip_lost_numbers(*recovered->engine, *mark, recovered->restored, notes);
    if (!skipped) return skipped.error();
    mark->raise_to(recovered->engine->revision());
    std::unique_ptr<Disk> disk(new Disk(std::move(*lock), std::move(*mark), std::move(recovered->engine), files.copy));
    // From the first moment on there is something to fall back to.
    if (exists(files.copy)) return disk;
    const auto copied = disk->copy_.make(disk->engine_->database());
    disk->copied_at_open_ = copied.has_value();
    if (!copied) notes.push_back("no last good copy could be made: " + to_string(copied.error()));
    return disk;
}

Result<void> Disk::begin_copy() {
    if (copy_.running()) return {};
    return copy_.begin(engine_->database());
}

}  // namespace ballast::store
