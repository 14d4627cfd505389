// What every store refuses before it looks at its data, so that both implementations refuse alike. Pure; any thread.
#pragma once

#include "ports/store.h"

namespace ballast::store {

// From ports/store.h; etcd's defaults are 128 operations and 1.5 MiB a request.
inline constexpr std::size_t longest_key = 1024;
inline constexpr std::size_t longest_value = 1024 * 1024;
inline constexpr std::size_t most_changes = 128;
inline constexpr std::size_t largest_transaction = 1280 * 1024;
/// Far above any use; keeps every later addition from overflowing.
inline constexpr Duration longest_lease = std::chrono::hours(24 * 365);

Result<void> check_key(const std::string& key);
/// Also refuses two changes of one key in a transaction (etcd does, whatever their order).
Result<void> check_transaction(const Transaction& transaction);
Result<void> check_time_to_live(Duration time_to_live);

}  // namespace ballast::store
