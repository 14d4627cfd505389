// Reading whole files that may be compressed with gzip.
#pragma once

#include <string>

#include "model/result.h"

namespace ballast::sim::trace {

/// The text of a file; one that is not compressed comes as it is. More than `most` bytes of text is an error.
Result<std::string> read_maybe_compressed(const std::string& path, std::size_t most);

}  // namespace ballast::sim::trace
