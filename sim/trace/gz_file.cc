#include "sim/trace/gz_file.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <zlib.h>

namespace ballast::sim::trace {
namespace {

struct Close {
    void operator()(gzFile file) const { gzclose(file); }
};
using File = std::unique_ptr<gzFile_s, Close>;

std::string why(gzFile file) {
    int code = Z_OK;
    const std::string text = gzerror(file, &code);
    return code == Z_ERRNO ? std::strerror(errno) : text;
}

}  // namespace

Result<std::string> read_maybe_compressed(const std::string& path, std::size_t most) {
    errno = 0;
    const File file(gzopen(path.c_str(), "rb"));
    if (!file) return Error{ErrorCode::not_found, path, errno ? std::strerror(errno) : "cannot be opened"};
    std::string text;
    char buffer[1 << 16];
    int got = 0;
    while ((got = gzread(file.get(), buffer, sizeof buffer)) > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > most) return Error{ErrorCode::invalid, path, "is larger than any trace"};
    }
    // A file cut off in the middle is told by the error alone: the last read gives what there is.
    int code = Z_OK;
    gzerror(file.get(), &code);
    if (got < 0 || code != Z_OK) return Error{ErrorCode::corrupt, path, why(file.get())};
    return text;
}

}  // namespace ballast::sim::trace
