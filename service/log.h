// Where a process's log goes: the journal when started by systemd (with priorities), else stderr.
#pragma once

#include <string>

namespace ballast::service {

/// `name` of the program; `level`: trace, debug, info, warning or error. Call it once.
void set_up_log(const std::string& name, const std::string& level);

}  // namespace ballast::service
