// What the store holds as one file: a backup, versioned and with a checksum, that a person can read (docs/store.md).
// Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "model/result.h"
#include "model/units.h"

namespace ballast::interchange {

inline constexpr const char* store_backup_format = "ballast-store/1";

struct StoreBackup {
    std::string written_by;  // "ballastd 0.1.0"
    std::string at;          // RFC 3339
    std::string store;       // where from, for people
    std::int64_t revision = 0;
    std::map<std::string, std::string> entries;  // without leased keys

    friend bool operator==(const StoreBackup&, const StoreBackup&) = default;
};

/// An entry a line. Error invalid: an entry is no UTF-8 and cannot be told as text; the subject is its key.
Result<std::string> to_text(const StoreBackup& backup);
Result<boost::json::value> as_json(const StoreBackup& backup);
/// Errors: refused (written by a later version), invalid (no backup, or damaged); the message says where.
Result<StoreBackup> parse_store_backup(std::string_view text);

}  // namespace ballast::interchange
