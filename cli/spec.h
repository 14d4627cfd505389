// The command line's definition as completion sees it.
#pragma once

#include <string>
#include <vector>

#include "cli/completion.h"

namespace CLI {
class App;
}

namespace ballast::cli {

VerbSpec spec_of(const CLI::App& app);

/// What is wrong with these words, and what was probably meant: an unknown verb or option. Empty when it is neither.
std::string advice_for(const VerbSpec& root, const std::vector<std::string>& words);

}  // namespace ballast::cli
