// What gRPC's and etcd's failures mean for a caller of the store port. Pure; any thread.
#pragma once

#include <grpcpp/support/status.h>
#include <string>

#include "model/result.h"

namespace ballast::etcd {

/// As ports/store.h has it; besides, `refused` for what permissions or the password do not allow, and `conflict` when
/// the revision to be read is no longer kept. `subject` is the endpoint of the member that was asked.
Error error_of(const grpc::Status& status, const std::string& subject);

/// The request was not looked at, because the user's token is not known any more: with a new one it can be sent again.
bool is_token_rejected(const grpc::Status& status);
/// Another member may do better. What was asked of this one may or may not have happened.
bool is_member_trouble(const grpc::Status& status);

}  // namespace ballast::etcd
