// Text from elsewhere made fit for a terminal, and how wide it will be there. UTF-8 throughout. Pure.
#pragma once

#include <string>
#include <string_view>

namespace ballast::cli {

/// The same text with everything that could steer a terminal spelled out: C0 and C1 controls as \n, \t or \xNN,
/// invisible and direction-changing characters as \uNNNN, bytes that are not UTF-8 as \xNN. The result is valid UTF-8.
std::string printable(std::string_view text);

/// Columns that printable text takes in a terminal: 2 for East Asian wide characters and emoji, 0 for combining marks.
int display_width(std::string_view text);

/// One character read from valid or invalid UTF-8.
struct CodePoint {
    char32_t value = 0;
    std::size_t bytes = 1;
    bool valid = false;  // false: `value` is the byte
};
/// Requires a text that is not empty.
CodePoint first_code_point(std::string_view text);

/// Controls, direction marks and other characters nobody can see: never shown as they are.
bool is_unsafe(char32_t character);

}  // namespace ballast::cli
