// A .tar.gz of texts: POSIX ustar [IEEE Std 1003.1, pax] in gzip [RFC 1952]. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/result.h"

namespace ballast::cli {

struct PackedFile {
    std::string name;  // with its folders; at most 100 characters
    std::string text;
};

/// `seconds`: since 1970, the time that all of them bear.
Result<std::string> to_tar_gz(const std::vector<PackedFile>& files, long long seconds);

}  // namespace ballast::cli
