#include "cli/page.h"

#include <algorithm>

namespace ballast::cli {

namespace {
constexpr int label_width = 14;

std::string spaces(int count) {
    return std::string(static_cast<std::size_t>(std::max(count, 0)), ' ');
}
}  // namespace

// `first` and `others` go in front of the lines; both take the same number of columns.
void Page::wrapped(const Phrase& text, const std::string& first, const std::string& others) {
    const int room = style_.width > 0 ? std::max(style_.width - static_cast<int>(others.size()), 20) : 0;
    bool is_first = true;
    for (const Phrase& line : text.wrapped(room)) {
        text_ += (is_first ? first : others) + line.render(style_) + "\n";
        is_first = false;
    }
}

Page& Page::say(const Phrase& text, int indent) {
    wrapped(text, spaces(indent), spaces(indent));
    return *this;
}

Page& Page::item(const Phrase& text) {
    wrapped(text, " - ", "   ");
    return *this;
}

Page& Page::alarm(std::string_view text) {
    wrapped(Phrase(text, Tone::bad), " " + Phrase("!", Tone::bad).render(style_) + " ", "   ");
    return *this;
}

Page& Page::field(std::string_view label, const Phrase& text) {
    const std::string name = " " + std::string(label) + ":";
    wrapped(text, name + spaces(label_width - static_cast<int>(name.size())), spaces(label_width));
    return *this;
}

Page& Page::heading(std::string_view title) {
    if (!text_.empty()) blank();
    text_ += Phrase(title, Tone::strong).render(style_) + "\n";
    return *this;
}

Page& Page::verbatim(std::string_view line) {
    text_ += Phrase(line).text() + "\n";
    return *this;
}

Page& Page::blank() {
    if (!text_.ends_with("\n\n")) text_ += "\n";
    return *this;
}

Page& Page::table(const Table& table) {
    text_ += table.render(style_);
    return *this;
}

}  // namespace ballast::cli
