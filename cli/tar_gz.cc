#include "cli/tar_gz.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <zlib.h>

namespace ballast::cli {

namespace {
constexpr std::size_t block = 512;
constexpr std::size_t longest_name = 100;

// The fields of a ustar header: where each begins, and how long it is.
struct Place {
    std::size_t at, size;
};
constexpr Place name_field{0, 100}, mode_field{100, 8}, uid_field{108, 8}, gid_field{116, 8}, size_field{124, 12},
    time_field{136, 12}, sum_field{148, 8}, type_field{156, 1}, magic_field{257, 8};

using Header = std::array<char, block>;

void put(Header& header, Place place, const std::string& text) {
    std::memcpy(header.data() + place.at, text.data(), std::min(text.size(), place.size));
}

// Octal digits that fill the field but for the NUL at its end.
void put_number(Header& header, Place place, unsigned long long number) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*llo", static_cast<int>(place.size - 1), number);
    put(header, place, text);
}

std::string header_of(const PackedFile& file, long long seconds) {
    Header header{};
    put(header, name_field, file.name);
    put_number(header, mode_field, 0600);
    put_number(header, uid_field, 0);
    put_number(header, gid_field, 0);
    put_number(header, size_field, file.text.size());
    put_number(header, time_field, static_cast<unsigned long long>(std::max(seconds, 0LL)));
    put(header, type_field, "0");
    put(header, magic_field,
        std::string("ustar\0"
                    "00",
                    8));
    put(header, sum_field, std::string(sum_field.size, ' '));
    const unsigned sum = std::accumulate(header.begin(), header.end(), 0U, [](unsigned all, char byte) {
        return all + static_cast<unsigned char>(byte);
    });
    put_number(header, {sum_field.at, sum_field.size - 1}, sum);
    return {header.begin(), header.end()};
}

Result<std::string> gzip(const std::string& text) {
    constexpr int gzip_window = 15 + 16;  // the largest window, and gzip's header [zlib.h, deflateInit2]
    z_stream stream{};
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_window, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return Error{ErrorCode::unavailable, "zlib", "cannot begin"};
    std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int ended = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (ended != Z_STREAM_END) return Error{ErrorCode::unavailable, "zlib", "cannot compress"};
    return out;
}
}  // namespace

Result<std::string> to_tar_gz(const std::vector<PackedFile>& files, long long seconds) {
    std::string tar;
    for (const PackedFile& file : files) {
        if (file.name.size() > longest_name)
            return Error{ErrorCode::invalid, file.name, "is too long a name for a bundle"};
        tar += header_of(file, seconds) + file.text;
        tar.append((block - file.text.size() % block) % block, '\0');
    }
    tar.append(2 * block, '\0');
    return gzip(tar);
}

}  // namespace ballast::cli
