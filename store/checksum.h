// CRC-32C over what is stored, so that a flipped bit is found when it is read. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "ports/store.h"

namespace ballast::store {

/// CRC-32C (RFC 3720, appendix B.4) of the bytes.
std::uint32_t crc32c(std::string_view bytes);

/// Over every field; lengths and integers as 8 bytes, so that no two rows share one form.
std::uint32_t checksum_of(const KeyValue& entry);

/// Of a named number: meta rows and leases.
std::uint32_t checksum_of(std::string_view name, std::int64_t value);

}  // namespace ballast::store
