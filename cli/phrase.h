// Text with colours that cannot carry anything harmful to a terminal: whatever goes in is made printable first, and
// escape sequences come only from here. Values only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ballast::cli {

/// What a piece of text means; how that looks is decided in one place (phrase.cc).
enum class Tone { plain, good, notice, bad, faint, strong };

/// How the output will be read.
struct Style {
    bool colour = false;
    bool unicode = true;  // false: bars and arrows in ASCII
    int width = 0;        // columns to keep within; 0: no limit (a file or a pipe)
    bool headers = true;  // titles of tables and the rule under them
};

class Phrase {
public:
    Phrase() = default;
    Phrase(std::string_view text, Tone tone = Tone::plain) { add(text, tone); }    // NOLINT: reads like a string
    Phrase(const char* text, Tone tone = Tone::plain) { add(text, tone); }         // NOLINT
    Phrase(const std::string& text, Tone tone = Tone::plain) { add(text, tone); }  // NOLINT

    Phrase& add(std::string_view text, Tone tone = Tone::plain);
    Phrase& add(const char* text, Tone tone = Tone::plain) { return add(std::string_view(text), tone); }
    Phrase& add(const std::string& text, Tone tone = Tone::plain) { return add(std::string_view(text), tone); }
    Phrase& add(const Phrase& other);

    bool empty() const { return spans_.empty(); }
    int width() const;
    /// Without colours.
    std::string text() const;
    std::string render(const Style& style) const;
    /// Cut to the width with a mark at its end. Requires width >= 2.
    Phrase truncated_to(int width, bool unicode) const;
    /// Broken at spaces into lines of at most `width` columns; a longer word is cut. Width 0: one line.
    std::vector<Phrase> wrapped(int width) const;

private:
    struct Span {
        std::string text;  // printable
        Tone tone = Tone::plain;
    };
    struct Word;
    std::vector<Word> words() const;
    static void append_cut(const Phrase& word, int width, std::vector<Phrase>& lines);
    void append_printable(std::string_view text, Tone tone);

    std::vector<Span> spans_;
};

/// For a text of several lines: one Phrase a line.
std::vector<Phrase> lines_of(std::string_view text, Tone tone = Tone::plain);

}  // namespace ballast::cli
