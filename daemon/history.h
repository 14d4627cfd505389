// Keeps the cluster's history on disk: a look a minute, within a bound, for `ballastctl policy test`. Each file stands
// alone, and a new one is begun at each start and after each failure: what a crash leaves of a line is passed over by
// readers, and nothing has to be repaired.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "daemon/background.h"
#include "interchange/history.h"
#include "store/files.h"

namespace ballast::daemon {

/// The files, in the caller's thread.
class HistoryFiles {
public:
    /// All files together take at most `bound`, unless a single line is longer.
    HistoryFiles(std::string directory, Bytes bound) : directory_(std::move(directory)), bound_(bound) {}

    /// On the disk when this returns. Errors: no_space, refused, unavailable; the next call begins a new file.
    Result<void> append(const interchange::Snapshot& snapshot);

private:
    Result<void> begin_file();
    bool is_full() const;
    void drop_oldest();

    std::string directory_;
    Bytes bound_;
    interchange::HistoryWriter writer_;
    std::optional<store::FileDescriptor> file_;
    std::string name_;
    Bytes size_;   // of the file
    Bytes whole_;  // of its first line, which says everything
};

/// The same in a thread of its own. keep() never waits: what comes while a look is still being written is passed over.
class History {
public:
    History(std::string directory, Bytes bound, Background::Failed failed);
    /// A look within a minute of the last one is passed over. `snapshot` is called when there is to be one.
    void keep(WallTime at, const std::function<interchange::Snapshot()>& snapshot);

private:
    HistoryFiles files_;
    std::optional<WallTime> last_;
    Background background_;  // last: it uses what is above
};

}  // namespace ballast::daemon
