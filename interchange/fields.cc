#include "interchange/fields.h"

namespace ballast::interchange::detail {

// Digits that JSON allows and a double cannot hold (1e999) are no number of ours.
std::optional<double> number_of(const Node& node) {
    double value = 0;
    const char* end = node.text.data() + node.text.size();
    const auto read = std::from_chars(node.text.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return value;
}

bool in_range(const Node& node, double value, Range range, const Path& path, Reader& reader) {
    if (value >= range.low && value <= range.high) return true;
    return reader.fail(node, path,
                       node.text + " is out of range; allowed is " + plain(range.low) + " to " + plain(range.high));
}

}  // namespace ballast::interchange::detail
