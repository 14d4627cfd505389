// plan() for a caller that asks again and again, as the control loop does with every sample: when nothing has changed
// that a plan depends on, it is the last one. Whatever it returns is what plan() would return, byte for byte.
#pragma once

#include <optional>

#include "policy/fingerprint.h"

namespace ballast::policy {

class Planner {
public:
    /// Requires: `options` are those of the call before, or forget() was called in between. The plan is valid until the
    /// next call.
    const Plan& plan(const Inventory& inventory, const Memory& memory, const Options& options, Instant now);
    void forget() { last_.reset(); }
    /// How often the last plan was still good.
    std::uint64_t reused() const { return reused_; }

private:
    struct Last {
        Fingerprint of;
        Plan plan;
    };
    std::optional<Last> last_;
    std::uint64_t reused_ = 0;
};

}  // namespace ballast::policy
