// The last acknowledged revision, kept apart from the database, so that a database that has lost the end of its log
// is noticed: SQLite takes a damaged end of a log for a commit that never finished, and drops it without a word.
//
// Written after each commit and not forced to the disk: after a power cut it may be old, which hides a loss but never
// invents one. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "ports/store.h"
#include "store/files.h"

namespace ballast::store {

class HighWaterMark {
public:
    static Result<HighWaterMark> open(const std::string& file);

    /// Nothing when it was never written, or is damaged.
    std::optional<Revision> read() const;
    /// Does nothing when it is there already. A failure is ignored: the mark is then only old.
    void raise_to(Revision revision);

private:
    explicit HighWaterMark(FileDescriptor file) : file_(std::move(file)) {}

    FileDescriptor file_;
    Revision written_ = 0;
};

}  // namespace ballast::store
