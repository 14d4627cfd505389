// The command line: verbs, options, help. The only place that knows CLI11.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/completion.h"
#include "cli/session.h"

namespace ballast::cli {

using Connect = std::function<std::unique_ptr<Api>(std::string socket)>;

/// Parses and runs; `words` are the arguments after the program's name. Never throws.
Exit run(const std::vector<std::string>& words, Terminal& terminal, const Connect& connect);

/// Every verb and option as completion sees them.
VerbSpec verbs();

}  // namespace ballast::cli
