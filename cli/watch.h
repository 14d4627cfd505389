// --watch: a verb that looks, again and again. On a terminal in the place of what it showed before, else one block
// after the other; what goes wrong meanwhile is told, and the watch goes on.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cli/session.h"

namespace ballast::cli {

using Action = std::function<Exit(Session&)>;

struct WatchWish {
    std::chrono::milliseconds every{2000};
    std::string title;  // what is watched, as it was typed
};

/// Seconds from 0.5 to 3600, as --watch takes them; empty: the text says something else.
std::optional<std::chrono::milliseconds> watch_interval(const std::string& seconds);

/// The exit code of the first look when that brings nothing (no daemon, no such host). Otherwise until `q` on a
/// terminal (ok), or until a signal ends the process, with 130 on Ctrl-C.
Exit watch(Session& session, const Action& action, const WatchWish& wish);

}  // namespace ballast::cli
