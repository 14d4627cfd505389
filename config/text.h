// Small helpers on text that came from a file and must be shown to people without harm. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::config {

/// At most 60 bytes of the text, cut between characters; "..." marks the cut.
std::string shortened(std::string_view text);
/// The shortened text in backquotes, for messages.
std::string quoted(std::string_view text);

struct BadText {
    int line = 1;
    int column = 1;
    std::string what;
};
/// The first byte sequence that is not UTF-8, or the first control character. Line breaks and tabs pass when
/// `multi_line`, as they do in a file, and are refused otherwise, as in a value.
std::optional<BadText> find_bad_text(std::string_view text, bool multi_line);

/// The first tab that indents a line: YAML forbids it, and what a parser makes of it surprises.
std::optional<BadText> find_tab_in_indentation(std::string_view text);

/// The candidate that was probably meant: the nearest one within a third of its length. Nothing if none is near.
std::optional<std::string> did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace ballast::config
