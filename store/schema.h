// The embedded store's tables. The meta table keeps its form for ever, so that any version can tell which one wrote
// a file. Thread: that of the connection.
#pragma once

#include "store/sqlite.h"

namespace ballast::store {

/// Raised with every change of the tables. A store of a higher one is refused.
inline constexpr std::int64_t schema_version = 1;

bool has_tables(Database& database);
/// In one transaction.
Result<void> create_tables(Database& database);
/// WAL, and an fsync with every commit: a commit that was acknowledged survives a power cut.
Result<void> set_durability(Database& database);

}  // namespace ballast::store
