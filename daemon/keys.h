// Where the daemon keeps what operators set, and what it has learnt of hosts. The executor's journal has its own keys
// (executor/journal.h).
#pragma once

#include <string>

#include "ports/kept_keys.h"

namespace ballast::daemon {

inline const std::string paused_key = prefix_of(Kept::settings) + std::string("paused_by");  // present: paused, by whom
inline const std::string mode_key = prefix_of(Kept::settings) + std::string("mode");  // overrides the policy's mode
inline constexpr const char* maintenance_prefix = prefix_of(Kept::maintenance);
inline constexpr const char* boots_prefix = prefix_of(Kept::boots);
inline constexpr const char* facts_prefix = prefix_of(Kept::facts);
inline constexpr const char* to_site_prefix = prefix_of(Kept::to_site);
inline constexpr const char* homes_prefix = prefix_of(Kept::homes);

}  // namespace ballast::daemon
