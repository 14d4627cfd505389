#include "config/text.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ballast::config {

namespace {

constexpr std::size_t longest_shown = 60;
constexpr std::size_t longest_key = 40;  // longer words are not compared: the cost grows with the square

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::size_t sequence_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) return 3;
    if (lead >= 0xF0 && lead <= 0xF4) return 4;
    return 0;
}

struct Character {
    char32_t code = 0;
    std::size_t length = 0;  // 0: not UTF-8
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
Character decode(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = sequence_length(lead);
    if (length == 0 || length > text.size()) return {};
    char32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if (!continues(text[i])) return {};
        code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) return {};
    return {code, length};
}

// Besides the control characters: marks that reorder text on the screen and so hide what is really written.
bool is_forbidden(char32_t c) {
    const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF;
    const bool reorders = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    return control || reorders;
}

bool is_layout(std::string_view rest) {
    return rest[0] == '\n' || rest[0] == '\t' || rest.substr(0, 2) == "\r\n";
}

// Insertions, deletions, replacements and swaps of neighbours [optimal string alignment, Boytsov 2011].
std::size_t edit_distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before = std::exchange(last, row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = a[i - 1] == b[j - 1];
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row.back();
}

}  // namespace

std::string shortened(std::string_view text) {
    if (text.size() <= longest_shown) return std::string(text);
    std::size_t end = longest_shown;
    while (end > 0 && continues(text[end])) --end;
    return std::string(text.substr(0, end)) + "...";
}

std::string quoted(std::string_view text) {
    return "`" + shortened(text) + "`";
}

std::optional<BadText> find_bad_text(std::string_view text, bool multi_line) {
    BadText at;
    while (!text.empty()) {
        const Character next = decode(text);
        if (next.length == 0) return BadText{at.line, at.column, "not valid UTF-8"};
        const bool allowed = !is_forbidden(next.code) || (multi_line && is_layout(text));
        if (!allowed) return BadText{at.line, at.column, "a control character"};
        at.column = next.code == '\n' ? 1 : at.column + 1;
        at.line += next.code == '\n' ? 1 : 0;
        text.remove_prefix(next.length);
    }
    return std::nullopt;
}

std::optional<BadText> find_tab_in_indentation(std::string_view text) {
    BadText at{1, 1, "a tab indents this line; use spaces"};
    bool indenting = true;
    for (const char c : text) {
        if (indenting && c == '\t') return at;
        indenting = c == '\n' || (indenting && c == ' ');
        at.column = c == '\n' ? 1 : at.column + 1;
        at.line += c == '\n' ? 1 : 0;
    }
    return std::nullopt;
}

std::optional<std::string> did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
    if (word.size() > longest_key) return std::nullopt;
    std::optional<std::string> best;
    std::size_t best_distance = 0;
    for (const auto& candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        const bool near = distance <= std::max<std::size_t>(1, (candidate.size() + 1) / 3);
        if (near && (!best || distance < best_distance)) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace ballast::config
