#include "cli/phrase.h"

#include <algorithm>

#include "cli/unicode.h"

namespace ballast::cli {

namespace {
// ECMA-48 SGR; the 8 basic colours only, so that they follow the user's own palette.
const char* sequence(Tone tone) {
    switch (tone) {
        case Tone::plain: return "";
        case Tone::good: return "\x1b[32m";
        case Tone::notice: return "\x1b[33m";
        case Tone::bad: return "\x1b[1;31m";
        case Tone::faint: return "\x1b[2m";
        case Tone::strong: return "\x1b[1m";
    }
    return "";
}

// Calls visit(character) for each character of the text until it returns false; returns false then.
template <class Visit>
bool each_character(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const auto character = text.substr(0, first_code_point(text).bytes);
        if (!visit(character)) return false;
        text.remove_prefix(character.size());
    }
    return true;
}
}  // namespace

struct Phrase::Word {
    Phrase text;
    Tone tone_before = Tone::plain;  // of the space in front of it
};

void Phrase::append_printable(std::string_view text, Tone tone) {
    if (text.empty()) return;
    if (!spans_.empty() && spans_.back().tone == tone)
        spans_.back().text += text;
    else
        spans_.push_back({std::string(text), tone});
}

Phrase& Phrase::add(std::string_view text, Tone tone) {
    append_printable(printable(text), tone);
    return *this;
}

Phrase& Phrase::add(const Phrase& other) {
    for (const Span& span : other.spans_) append_printable(span.text, span.tone);
    return *this;
}

int Phrase::width() const {
    int width = 0;
    for (const Span& span : spans_) width += display_width(span.text);
    return width;
}

std::string Phrase::text() const {
    std::string out;
    for (const Span& span : spans_) out += span.text;
    return out;
}

std::string Phrase::render(const Style& style) const {
    if (!style.colour) return text();
    std::string out;
    for (const Span& span : spans_) {
        const std::string_view start = sequence(span.tone);
        out += start;
        out += span.text;
        if (!start.empty()) out += "\x1b[0m";
    }
    return out;
}

Phrase Phrase::truncated_to(int width, bool unicode) const {
    if (this->width() <= width) return *this;
    const std::string_view mark = unicode ? "…" : "..";
    int left = width - display_width(mark);
    Phrase out;
    for (const Span& span : spans_) {
        const bool all = each_character(span.text, [&](std::string_view character) {
            left -= display_width(character);
            if (left >= 0) out.append_printable(character, span.tone);
            return left >= 0;
        });
        if (!all) break;
    }
    out.append_printable(mark, spans_.front().tone);
    return out;
}

// A word goes on over the end of a span; "80 %" stays one word.
std::vector<Phrase::Word> Phrase::words() const {
    std::vector<Word> words(1);
    for (const Span& span : spans_) {
        std::string_view rest = span.text;
        while (!rest.empty()) {
            const auto end = std::min(rest.find(' '), rest.size());
            words.back().text.append_printable(rest.substr(0, end), span.tone);
            rest.remove_prefix(end);
            if (rest.empty()) break;
            if (rest.starts_with(" %"))
                words.back().text.append_printable(" ", span.tone);
            else
                words.push_back({{}, span.tone});
            rest.remove_prefix(1);
        }
    }
    return words;
}

void Phrase::append_cut(const Phrase& word, int width, std::vector<Phrase>& lines) {
    for (const Span& span : word.spans_)
        each_character(span.text, [&](std::string_view character) {
            if (lines.back().width() + display_width(character) > width) lines.emplace_back();
            lines.back().append_printable(character, span.tone);
            return true;
        });
}

std::vector<Phrase> Phrase::wrapped(int width) const {
    if (width <= 0 || this->width() <= width) return {*this};
    std::vector<Phrase> lines(1);
    for (const Word& word : words()) {
        if (word.text.empty()) continue;
        if (!lines.back().empty()) {
            if (lines.back().width() + 1 + word.text.width() <= width)
                lines.back().append_printable(" ", word.tone_before);
            else
                lines.emplace_back();
        }
        append_cut(word.text, width, lines);
    }
    return lines;
}

std::vector<Phrase> lines_of(std::string_view text, Tone tone) {
    std::vector<Phrase> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back().add(text.substr(0, end), tone);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace ballast::cli
