// The daemon's file of what VMs wanted at the hours of the last two weeks, so that a restart does not forget it. Strict
// as everything here; a damaged file is no file. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "model/result.h"
#include "policy/season.h"

namespace ballast::interchange {

inline constexpr const char* seasons_format = "ballast-seasons/1";

/// One line a VM.
std::string seasons_text(const policy::Seasons& seasons);
/// Error invalid, as parse_record().
Result<policy::Seasons> parse_seasons(std::string_view text);

}  // namespace ballast::interchange
