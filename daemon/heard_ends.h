// VMs that were heard to end, until somebody takes it into account. One of which nothing is on record, such as one that
// was shut down before its definition could be read, is remembered for a minute only. Values only.
#pragma once

#include <map>

#include "model/ids.h"
#include "model/units.h"

namespace ballast::daemon {

class HeardEnds {
public:
    void heard(const VmId& vm, Instant now) { ends_[vm] = now; }
    /// True: it was heard. It is not remembered any more.
    bool take(const VmId& vm) { return ends_.erase(vm) > 0; }
    /// Forgets those that `is_recorded` does not know and that were heard long ago.
    template <class Known>
    void prune(Instant now, Known is_recorded) {
        std::erase_if(ends_, [&](const auto& end) { return now - end.second > kept && !is_recorded(end.first); });
    }
    std::size_t size() const { return ends_.size(); }

private:
    // Longer than it takes to read the definition of a VM that began just before it ended: libvirt's call deadline.
    static constexpr Duration kept = std::chrono::minutes{1};
    std::map<VmId, Instant> ends_;
};

}  // namespace ballast::daemon
