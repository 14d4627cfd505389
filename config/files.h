// Reads configuration files with care: regular files only, of a bounded size. Blocking, short.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "config/diagnostic.h"

namespace ballast::config {

/// The whole text; nothing, and one problem, if it cannot be read or is larger than max_file_size, or if its mode has
/// one of the bits in `forbidden`.
std::optional<std::string> read_file(const std::string& path, Diagnostics& problems, mode_t forbidden = 0);

/// The paths of the policy files in a directory, sorted by name; none when the directory does not exist.
std::vector<std::string> policy_files(const std::string& directory, Diagnostics& problems);

}  // namespace ballast::config
