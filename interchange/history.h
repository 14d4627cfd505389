// The cluster's history: one line a look, compact, each with its checksum. The first line of a file has everything,
// later ones only what changed and the figures; so files stand alone, and one that ends in the middle of a line loses
// that line. Figures are rounded (CPU to a thousandth, memory to a MiB). Format: docs/interchange.md. Pure; any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "model/inventory.h"
#include "model/result.h"
#include "policy/options.h"

namespace ballast::interchange {

/// One look at the cluster. Instants in it count from the wall clock's epoch, so that they survive reboots.
struct Snapshot {
    WallTime at{};
    Inventory inventory;  // without what is in flight or past: placements tell
    policy::Options options;
};

class HistoryWriter {
public:
    /// The next line says everything: a new file begins.
    void begin_file();
    /// With its newline.
    std::string line(const Snapshot& snapshot);

private:
    // Hashes of what was last written, without figures.
    std::map<HostId, std::size_t> hosts_;
    std::map<VmId, std::size_t> vms_;
    std::size_t options_ = 0;
};

struct HistoryRead {
    std::size_t snapshots = 0;
    std::string problem;  // empty: the file is whole; else what stopped it, as "line N: ..."
};

/// Hands out every snapshot of one file, in order, up to the first line that is damaged.
HistoryRead read_history(std::string_view file, const std::function<void(const Snapshot&)>& take);

}  // namespace ballast::interchange
