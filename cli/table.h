// Tables as virsh draws them: a title line, a dashed rule, rows indented by one space. Fits them into a width. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/phrase.h"

namespace ballast::cli {

struct Column {
    enum class Align { left, right };
    std::string title;
    Align align = Align::left;
    int drop = 0;  // > 0: may be left out when there is no room, the highest first; equal ones together
};

/// A cell, and a shorter way to say the same where there is little room (a figure without its bar).
struct Cell {
    Cell(Phrase text) : full(std::move(text)), brief(full) {}  // NOLINT: reads like a phrase
    Cell(const char* text) : Cell(Phrase(text)) {}             // NOLINT
    Cell(const std::string& text) : Cell(Phrase(text)) {}      // NOLINT
    Cell(Phrase whole, Phrase shorter) : full(std::move(whole)), brief(std::move(shorter)) {}

    Phrase full;
    Phrase brief;
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// Requires as many cells as columns. `note` is prose about the row: a further column titled `note_title` where
    /// all of it fits, else wrapped below the row.
    void add(std::vector<Cell> cells, Phrase note = {});
    void set_note_title(std::string title) { note_title_ = std::move(title); }
    bool empty() const { return rows_.empty(); }

    /// Lines, each ended by a newline. Columns without a single filled cell are left out. Too wide: notes go below,
    /// columns are dropped, cells become brief, and at last the widest column is cut; never when the style has no
    /// width.
    std::string render(const Style& style) const;

private:
    struct Row {
        std::vector<Cell> cells;
        Phrase note;
    };
    struct Layout;  // which columns, how wide, brief or not, notes beside or below

    Layout fit(const Style& style) const;
    void measure(Layout& layout, const Style& style) const;
    bool says_something(std::size_t column) const;
    bool drop_some(Layout& layout) const;
    std::string header(const Layout& layout, const Style& style) const;
    std::string line(const Row& row, const Layout& layout, const Style& style) const;
    std::string note_below(const Row& row, const Style& style) const;

    std::vector<Column> columns_;
    std::string note_title_;
    std::vector<Row> rows_;
};

}  // namespace ballast::cli
