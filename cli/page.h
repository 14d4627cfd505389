// One screen of output, put together from headings, sentences and tables in the given style. Pure.
#pragma once

#include <string>

#include "cli/phrase.h"
#include "cli/table.h"

namespace ballast::cli {

class Page {
public:
    explicit Page(Style style) : style_(style) {}

    const Style& style() const { return style_; }
    /// Text that keeps within the width by wrapping; every line of it is indented by this many spaces.
    Page& say(const Phrase& text, int indent = 1);
    /// The same as an item of a list: "- text", with what follows lined up below the text.
    Page& item(const Phrase& text);
    /// What a person has to look at: "! text" in red.
    Page& alarm(std::string_view text);
    /// "Label:   text", labels lined up with each other.
    Page& field(std::string_view label, const Phrase& text);
    /// A heading with an empty line above it unless it is the first thing on the page.
    Page& heading(std::string_view title);
    /// One line as it is, made printable but never wrapped: text that somebody may copy into a file.
    Page& verbatim(std::string_view line);
    Page& blank();  // an empty line, never two in a row
    Page& table(const Table& table);
    const std::string& text() const { return text_; }

private:
    void wrapped(const Phrase& text, const std::string& first, const std::string& others);

    Style style_;
    std::string text_;
};

}  // namespace ballast::cli
