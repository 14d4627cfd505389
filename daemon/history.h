// Keeps the cluster's history on disk: a look a minute, within a bound, for `ballastctl policy test`. Each file stands
// alone, and a new one is begun at each start and after each failure: what a crash leaves of a line is passed over by
// readers, and nothing has to be repaired.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <string>

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
    Result<void> write(const std::string& line);
    void drop_oldest();

    std::string directory_;
    Bytes bound_;
    interchange::HistoryWriter writer_;
    std::optional<store::FileDescriptor> file_;
    std::string name_;
    Bytes size_;  // of the file
};

/// The same in a thread of its own. keep() never waits: what comes while a look is still being written is passed over.
class History {
public:
    using Failed = std::function<void(const Error&)>;  // called in that thread, once until it works again

    History(std::string directory, Bytes bound, Failed failed);
    ~History();
    /// A look within a minute of the last one is passed over. `snapshot` is called when there is to be one.
    void keep(WallTime at, const std::function<interchange::Snapshot()>& snapshot);

private:
    void write(const interchange::Snapshot& snapshot);

    HistoryFiles files_;
    Failed failed_;
    bool failing_ = false;
    std::optional<WallTime> last_;
    std::atomic<bool> busy_ = false;
    boost::asio::thread_pool worker_{1};
};

}  // namespace ballast::daemon
