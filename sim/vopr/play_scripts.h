// Plays scenarios that people wrote, and tells which of them went as expected.
#pragma once

#include <string>
#include <vector>

namespace ballast::sim::vopr {

struct PlayScripts {
    std::vector<std::string> files;
    std::string only;  // those whose name has it
    unsigned jobs = 1;
    bool tell = false;   // the whole story of each
    bool quiet = false;  // nothing of those that passed
};

/// Exit status: 0: all passed, 1: one failed, 2: a file cannot be read.
int play_scripts(const PlayScripts& what);

}  // namespace ballast::sim::vopr
