// The version of what Ballast keeps in etcd, under the keyspace's schema key. Pure.
#pragma once

#include <string>

#include "model/result.h"

namespace ballast::etcd {

/// Raised with every change that an older Ballast would not understand.
inline constexpr int schema_version = 1;

/// Error refused: a newer Ballast wrote it. corrupt: it is no version at all.
Result<void> check_schema(const std::string& stored);

}  // namespace ballast::etcd
