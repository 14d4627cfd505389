// Files as a whole. Blocks; any thread.
#pragma once

#include <string>
#include <vector>

#include "model/result.h"

namespace ballast::cli {

/// Errors: not_found, with what the system says.
Result<std::string> read_whole_file(const std::string& file);
/// Empty when it cannot be read.
std::string read_if_there(const std::string& file);
std::vector<std::string> text_lines(const std::string& text);

/// Writes it under another name and then gives it its own, so that half a file never bears that. Replaces what is
/// there.
Result<void> write_new_file(const std::string& file, const std::string& text, unsigned mode);
/// Renames what is there to FILE.old, or FILE.old.2 and so on; returns that name, empty when there was nothing.
Result<std::string> put_aside(const std::string& file);

}  // namespace ballast::cli
