#include "store/high_water_mark.h"

#include <array>
#include <cstdio>
#include <string_view>
#include <unistd.h>

#include "store/checksum.h"

namespace ballast::store {
namespace {

// "<revision, 20 digits> <CRC-32C, 8 hexadecimal digits>\n": readable, and always overwritten in full.
using Line = std::array<char, 31>;

Line line_of(Revision revision) {
    Line line{};
    const auto checksum = checksum_of("high water mark", revision);
    std::snprintf(line.data(), line.size(), "%020lld %08x\n", static_cast<long long>(revision), checksum);
    return line;
}

}  // namespace

Result<HighWaterMark> HighWaterMark::open(const std::string& file) {
    auto descriptor = open_or_create(file);
    if (!descriptor) return descriptor.error();
    return HighWaterMark(std::move(*descriptor));
}

std::optional<Revision> HighWaterMark::read() const {
    Line line{};
    if (::pread(file_.get(), line.data(), line.size() - 1, 0) != static_cast<ssize_t>(line.size() - 1))
        return std::nullopt;
    long long revision = 0;
    if (std::sscanf(line.data(), "%lld", &revision) != 1 || line_of(revision) != line) return std::nullopt;
    return revision;
}

void HighWaterMark::raise_to(Revision revision) {
    if (revision == written_) return;
    const Line line = line_of(revision);
    if (::pwrite(file_.get(), line.data(), line.size() - 1, 0) == static_cast<ssize_t>(line.size() - 1))
        written_ = revision;
}

}  // namespace ballast::store
