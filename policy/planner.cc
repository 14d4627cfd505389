#include "policy/planner.h"

namespace ballast::policy {

const Plan& Planner::plan(const Inventory& inventory, const Memory& memory, const Options& options, Instant now) {
    const Fingerprint seen = fingerprint_of(inventory, memory, options, now);
    if (last_ && last_->of == seen)
        ++reused_;
    else
        last_ = {seen, policy::plan(inventory, memory, options, now)};
    return last_->plan;
}

}  // namespace ballast::policy
