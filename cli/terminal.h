// What ballastctl writes to: the real terminal, or a test's strings. One thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "cli/phrase.h"

namespace ballast::cli {

struct Terminal {
    std::ostream& out;
    std::ostream& err;
    Style out_style;
    Style err_style;
    bool live = false;  // out is a terminal: progress may redraw its line
    /// Waits between two looks at something that is under way.
    std::function<void(int milliseconds)> wait;
    /// Where a person answers questions; null when nobody does (a pipe, a script).
    std::istream* answers = nullptr;
};

enum class ColourWish { automatic, always, never };

/// stdout and stderr as they are: widths from the terminal or COLUMNS, colour only on a terminal that is not "dumb" and
/// unless NO_COLOR is set [no-color.org], box characters only in a UTF-8 locale.
Terminal standard_terminal();
void apply(ColourWish wish, Terminal& terminal);

}  // namespace ballast::cli
