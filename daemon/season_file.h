// Keeps on disk what VMs wanted at the hours of the last two weeks: written anew once an hour and at the end, read at
// the start. A file of its own rather than the history read again: that is bounded in bytes, and in a large cluster
// holds no two weeks.
#pragma once

#include <optional>
#include <string>

#include "daemon/background.h"
#include "model/result.h"
#include "policy/season.h"

namespace ballast::daemon {

/// In the caller's thread. Nothing when there is no file. Errors: invalid (damaged, or of another version),
/// unavailable.
Result<std::optional<policy::Seasons>> read_seasons(const std::string& file);
/// Replaces the file as a whole; on the disk when this returns. Errors: no_space, refused, unavailable.
Result<void> write_seasons(const std::string& file, const policy::Seasons& seasons);

/// Writes in a thread of its own.
class SeasonFile {
public:
    SeasonFile(std::string file, Background::Failed failed);
    /// The first call only begins the hour; then one call an hour copies the seasons and has them written.
    void keep(WallTime at, const policy::Seasons& seasons);
    /// Now, in the caller's thread, once all that was begun is written.
    void close(const policy::Seasons& seasons);

private:
    std::string file_;
    std::optional<WallTime> last_;
    Background background_;  // last: it uses what is above
};

}  // namespace ballast::daemon
