// --wait: looks at something that is under way until it ends, and shows how far it is.
#pragma once

#include <functional>
#include <string>

#include "cli/json_read.h"
#include "cli/session.h"

namespace ballast::cli {

/// Until the host's power is switched no more, with a line that says how it stands; failed unless it then is as wanted.
Exit follow_power(Session& session, const std::string& host, const std::function<bool(const value&)>& as_wanted);

/// How the evacuation of a host stands.
enum class Evacuation {
    emptied,
    going_on,
    needs_approval,  // every migration it has waits for an operator
    held,            // paused, or a mode that starts nothing
    stuck,           // only VMs that cannot be moved are left
    called_off,      // the host is not in maintenance any more
};
/// From ExplainHost and Status. Pure.
Evacuation judge(const value& explained_host, const value& status);

/// "Mode observe moves nothing: ..." from Status; empty when moves are started or proposed. Pure.
std::string why_nothing_moves(const value& status);

/// Until the host is empty (ok), only immovable VMs are left or nothing may move them (partly, they are named), or
/// somebody takes it out of maintenance (failed). Bears a daemon that restarts meanwhile. The body is ExplainHost as it
/// is then, which is shown here to people only; null when the daemon does not say.
Fetched follow_evacuation(Session& session, const std::string& host);

/// Until the rolling run is done (ok) or has stopped (partly).
Exit follow_rolling(Session& session);

/// Until the operation ended: ok when it is done, failed otherwise.
Exit follow_operation(Session& session, const std::string& id);

}  // namespace ballast::cli
