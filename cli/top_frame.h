// One frame of `ballastctl top`: what is wrong, what moves, what is planned and why, and the hosts, the VMs or what was
// done, within so many lines. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/json_read.h"
#include "cli/phrase.h"

namespace ballast::cli {

enum class TopSort { attention, name, cpu, memory, vms };

enum class TopTable { hosts, vms, history };

struct TopView {
    TopTable table = TopTable::hosts;
    TopSort sort = TopSort::attention;
    std::size_t first = 0;  // row of the table; beyond its end: the last ones
};

struct TopFacts {
    value overview;             // GET /v1/overview; null: there is none yet
    array vms{};                // of GET /v1/vms, where they are shown
    std::string trouble{};      // why there is nothing newer; empty: it is new
    int age = 0;                // of the overview, in seconds
    std::string vms_trouble{};  // why there are no newer VMs, while there is a newer overview
};

/// Its lines, without their ends. `rows` 0: as many as it takes, and no line about keys.
std::vector<std::string> top_frame(const TopFacts& facts, const TopView& view, const Style& style, int rows);

/// The first row of the view when it is scrolled to its end.
std::size_t last_first(const TopFacts& facts, const TopView& view, const Style& style, int rows);

/// The view after a key: a, n, c, m or v sorts hosts and VMs, Tab shows the next table, arrows and pages scroll (as
/// "up", "down", "page up", "page down", "home"). Others change nothing.
TopView after_key(TopView view, const std::string& key, std::size_t page);

}  // namespace ballast::cli
