// What the process at the other end of the control socket may do. Looking up names reads the system's user database
// (getgrnam) and may block for as long as that takes. Any thread.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "service/peer.h"

namespace ballast::daemon {

using service::Peer;

enum class Role { none, viewer, admin };
std::string to_string(Role role);

/// The groups that give a role; nothing: such a group does not exist here, so nobody is in it.
struct RoleGroups {
    std::optional<gid_t> admin;
    std::optional<gid_t> viewer;
};
RoleGroups role_groups(const std::string& admin_group, const std::string& view_group);

/// Root is always an admin.
Role role_of(const Peer& peer, const RoleGroups& groups);

}  // namespace ballast::daemon
