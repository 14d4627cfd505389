#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "cli/unicode.h"
#include "model/result.h"

namespace ballast::cli {

namespace {
constexpr int gap = 3;          // between columns, as virsh has it
constexpr int note_indent = 5;  // notes stand out from the row they belong to
constexpr int least_width = 4;  // what a cut column keeps at least

std::string spaces(int count) {
    return std::string(static_cast<std::size_t>(std::max(count, 0)), ' ');
}

std::string padded(const Phrase& phrase, int width, Column::Align align, const Style& style) {
    const std::string fill = spaces(width - phrase.width());
    return align == Column::Align::right ? fill + phrase.render(style) : phrase.render(style) + fill;
}

std::string without_trailing_spaces(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}
}  // namespace

struct Table::Layout {
    std::vector<std::size_t> shown;  // indices of columns
    std::vector<int> widths;         // of the shown ones
    bool brief = false;
    bool notes_beside = true;
    int note_width = 0;

    int total() const {
        const int cells =
            std::accumulate(widths.begin(), widths.end(), 0) + gap * std::max(static_cast<int>(widths.size()) - 1, 0);
        return 1 + cells + (notes_beside && note_width > 0 ? gap + note_width : 0) + 1;
    }
};

void Table::add(std::vector<Cell> cells, Phrase note) {
    BALLAST_ASSERT(cells.size() == columns_.size());
    rows_.push_back({std::move(cells), std::move(note)});
}

void Table::measure(Layout& layout, const Style& style) const {
    layout.widths.clear();
    for (const std::size_t i : layout.shown) {
        int width = style.headers ? display_width(columns_[i].title) : 0;
        for (const Row& row : rows_)
            width = std::max(width, (layout.brief ? row.cells[i].brief : row.cells[i].full).width());
        layout.widths.push_back(width);
    }
    layout.note_width = 0;
    for (const Row& row : rows_) layout.note_width = std::max(layout.note_width, row.note.width());
    if (layout.note_width > 0 && style.headers)
        layout.note_width = std::max(layout.note_width, display_width(note_title_));
}

// Columns with the same number belong together and go together.
bool Table::drop_some(Layout& layout) const {
    int most = 0;
    for (const std::size_t i : layout.shown) most = std::max(most, columns_[i].drop);
    if (most == 0) return false;
    std::erase_if(layout.shown, [&](std::size_t i) { return columns_[i].drop == most; });
    return true;
}

bool Table::says_something(std::size_t column) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) { return !row.cells[column].full.empty(); });
}

Table::Layout Table::fit(const Style& style) const {
    Layout layout;
    for (std::size_t i = 0; i < columns_.size(); ++i)
        if (says_something(i)) layout.shown.push_back(i);
    measure(layout, style);
    const auto too_wide = [&] { return style.width > 0 && layout.total() > style.width; };
    if (too_wide()) layout.notes_beside = false;
    while (too_wide() && drop_some(layout)) measure(layout, style);
    if (too_wide()) {
        layout.brief = true;
        measure(layout, style);
    }
    while (too_wide()) {
        auto widest = std::max_element(layout.widths.begin(), layout.widths.end());
        if (*widest <= least_width) break;
        --*widest;
    }
    return layout;
}

std::string Table::header(const Layout& layout, const Style& style) const {
    std::string text = " ";
    for (std::size_t i = 0; i < layout.shown.size(); ++i) {
        const Column& column = columns_[layout.shown[i]];
        const Phrase title = Phrase(column.title, Tone::strong).truncated_to(layout.widths[i], style.unicode);
        text += (i > 0 ? spaces(gap) : "") + padded(title, layout.widths[i], column.align, style);
    }
    if (layout.notes_beside && layout.note_width > 0)
        text += spaces(gap) + Phrase(note_title_, Tone::strong).render(style);
    return without_trailing_spaces(text) + "\n" + std::string(static_cast<std::size_t>(layout.total()), '-') + "\n";
}

std::string Table::line(const Row& row, const Layout& layout, const Style& style) const {
    std::string text = " ";
    for (std::size_t i = 0; i < layout.shown.size(); ++i) {
        const Cell& cell = row.cells[layout.shown[i]];
        const Phrase phrase = (layout.brief ? cell.brief : cell.full).truncated_to(layout.widths[i], style.unicode);
        text += (i > 0 ? spaces(gap) : "") + padded(phrase, layout.widths[i], columns_[layout.shown[i]].align, style);
    }
    if (layout.notes_beside && !row.note.empty()) text += spaces(gap) + row.note.render(style);
    return without_trailing_spaces(text) + "\n";
}

std::string Table::note_below(const Row& row, const Style& style) const {
    if (row.note.empty()) return "";
    std::string text;
    for (const Phrase& part : row.note.wrapped(std::max(style.width - note_indent - 1, 20)))
        text += spaces(note_indent) + part.render(style) + "\n";
    return text;
}

std::string Table::render(const Style& style) const {
    const Layout layout = fit(style);
    std::string text = style.headers ? header(layout, style) : "";
    for (const Row& row : rows_) {
        text += line(row, layout, style);
        if (!layout.notes_beside) text += note_below(row, style);
    }
    return text;
}

}  // namespace ballast::cli
