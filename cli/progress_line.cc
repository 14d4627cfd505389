#include "cli/progress_line.h"

#include <algorithm>
#include <ostream>

namespace ballast::cli {

namespace {
constexpr const char* redraw = "\r\x1b[K";  // ECMA-48 CR and EL: back to the start, and clear the line
constexpr int usual_width = 80;
}  // namespace

void ProgressLine::show(const Phrase& phrase, const std::string& key) {
    if (!session_.for_people()) return;
    Terminal& terminal = session_.terminal();
    if (terminal.live) {
        const int width = terminal.out_style.width > 0 ? terminal.out_style.width : usual_width;
        const Phrase fitting = phrase.truncated_to(width - 1, terminal.out_style.unicode);
        terminal.out << redraw << fitting.render(terminal.out_style) << std::flush;
        drawn_ = true;
    } else if (key != last_key_) {
        terminal.out << phrase.render(terminal.out_style) << "\n" << std::flush;
    }
    last_key_ = key;
}

void ProgressLine::clear() {
    if (drawn_) session_.terminal().out << redraw << std::flush;
    drawn_ = false;
}

void ProgressLine::finish() {
    if (drawn_) session_.terminal().out << "\n" << std::flush;
    drawn_ = false;
}

}  // namespace ballast::cli
