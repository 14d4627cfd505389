#include "etcd/rpc.h"

#include <grpc/support/time.h>

namespace ballast::etcd {

void prepare(grpc::ClientContext& context, Duration timeout, const std::string& token) {
    // On the monotonic clock: a step of the wall clock changes nothing.
    const auto now = gpr_now(GPR_CLOCK_MONOTONIC);
    if (timeout > Duration::zero())
        context.set_deadline(gpr_time_add(now, gpr_time_from_millis(timeout.count(), GPR_TIMESPAN)));
    context.AddMetadata("hasleader", "true");
    if (!token.empty()) context.AddMetadata("token", token);
}

}  // namespace ballast::etcd
