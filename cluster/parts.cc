#include "cluster/parts.h"

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <charconv>

namespace ballast::cluster {

namespace zlib = boost::beast::zlib;

namespace {
constexpr int level = 1, window_bits = 15, memory_level = 8;  // fast: the leader has other things to do

Error no_part(const std::string& why) {
    return {ErrorCode::corrupt, "part", why};
}
}  // namespace

std::string deflated(std::string_view part) {
    BALLAST_ASSERT(part.size() <= largest_part);
    zlib::deflate_stream stream;
    stream.reset(level, window_bits, memory_level, zlib::Strategy::normal);
    std::string out(stream.upper_bound(part.size()) + 16, '\0');
    zlib::z_params data;
    data.next_in = part.data();
    data.avail_in = part.size();
    data.next_out = out.data();
    data.avail_out = out.size();
    boost::system::error_code end;
    stream.write(data, zlib::Flush::finish, end);
    BALLAST_ASSERT(end == zlib::error::end_of_stream);
    out.resize(data.total_out);
    return std::to_string(part.size()) + ":" + out;
}

// Beast's stream does not always tell that it has come to its end: how long the text is says so.
Result<std::string> inflated(std::string_view deflated) {
    std::size_t length = 0;
    const char* end_of_all = deflated.data() + deflated.size();
    const auto [colon, wrong] = std::from_chars(deflated.data(), end_of_all, length);
    if (wrong != std::errc() || colon == end_of_all || *colon != ':' || length > largest_part)
        return no_part("its length is missing");
    zlib::inflate_stream stream;
    stream.reset(window_bits);
    std::string out(length + 1, '\0');
    zlib::z_params data;
    data.next_in = colon + 1;
    data.avail_in = static_cast<std::size_t>(end_of_all - colon - 1);
    data.next_out = out.data();
    data.avail_out = out.size();
    boost::system::error_code end;
    if (length > 0) stream.write(data, zlib::Flush::sync, end);
    if (end && end != zlib::error::end_of_stream) return no_part(end.message());
    if (data.total_out != length) return no_part("it has another length than it says");
    out.resize(length);
    return out;
}

}  // namespace ballast::cluster
