#include "cli/unicode.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "model/result.h"

namespace ballast::cli {

namespace {
struct Range {
    char32_t first, last;
};

// Unicode 15: Cc and Cf that matter on a terminal, and the line separators.
constexpr Range unsafe[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
                            {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
// The common blocks of combining marks (Mn, Me) and variation selectors.
constexpr Range zero_width[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
                                {0x64b, 0x65f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff},
                                {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
// East Asian Width W and F, and emoji that terminals draw wide.
constexpr Range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},  {0x3041, 0x33ff},   {0x3400, 0x4dbf},
                          {0x4e00, 0xa4cf},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                          {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
                          {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <std::size_t N>
bool contains(const Range (&ranges)[N], char32_t character) {
    return std::any_of(std::begin(ranges), std::end(ranges),
                       [&](const Range& r) { return character >= r.first && character <= r.last; });
}

int width_of(char32_t character) {
    if (contains(zero_width, character)) return 0;
    return contains(wide, character) ? 2 : 1;
}

// How many bytes a sequence starting like this has; 0 for bytes that cannot start one.
std::size_t sequence_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    if (lead >= 0xf0 && lead <= 0xf4) return 4;
    return 0;
}

bool is_overlong_or_surrogate(char32_t value, std::size_t length) {
    constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
    return value < least[length] || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff;
}

std::string spelled_out(const CodePoint& point) {
    if (point.valid && point.value == '\n') return "\\n";
    if (point.valid && point.value == '\t') return "\\t";
    char text[16];
    const char* form = !point.valid || point.value < 0x80 ? "\\x%02x" : "\\u%04x";
    std::snprintf(text, sizeof text, form, static_cast<unsigned>(point.value));
    return text;
}
}  // namespace

CodePoint first_code_point(std::string_view text) {
    BALLAST_ASSERT(!text.empty());
    const auto lead = static_cast<unsigned char>(text[0]);
    const CodePoint bad{lead, 1, false};
    const std::size_t length = sequence_length(lead);
    if (length == 0 || length > text.size()) return bad;
    if (length == 1) return {lead, 1, true};
    char32_t value = lead & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xc0) != 0x80) return bad;
        value = (value << 6) | (byte & 0x3fU);
    }
    if (is_overlong_or_surrogate(value, length)) return bad;
    return {value, length, true};
}

bool is_unsafe(char32_t character) {
    return contains(unsafe, character);
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        if (!point.valid || is_unsafe(point.value))
            out += spelled_out(point);
        else
            out += text.substr(0, point.bytes);
        text.remove_prefix(point.bytes);
    }
    return out;
}

int display_width(std::string_view text) {
    int width = 0;
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        width += width_of(point.value);
        text.remove_prefix(point.bytes);
    }
    return width;
}

}  // namespace ballast::cli
