// One frame of --watch on a terminal: what is watched and since when it is so, what is wrong, and the answer's lines
// within so many rows. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/phrase.h"

namespace ballast::cli {

struct WatchShown {
    std::string title;
    std::chrono::milliseconds every{};
    std::string at;                  // when the lines were so
    std::vector<std::string> lines;  // ready for the terminal
    std::size_t first = 0;           // line of them on top; beyond: the last ones
    std::string trouble;             // why there is nothing newer; empty: it is new
    int age = 0;                     // of the lines, in seconds, while there is trouble
};

/// Without the lines' ends; at most `rows`.
std::vector<std::string> watch_frame(const WatchShown& shown, const Style& style, int rows);

/// The line on top after a key ("up", "down", "page up", "page down", "home"); others change nothing.
std::size_t scrolled(const WatchShown& shown, const std::string& key, int rows);

std::string first_line(const std::string& text);

}  // namespace ballast::cli
