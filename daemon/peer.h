// Who is at the other end of a unix socket, as the kernel says, and what that lets them do. Looking up names reads the
// system's user database (getgrnam, getpwuid) and may block for as long as that takes. Any thread.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "model/result.h"

namespace ballast::daemon {

enum class Role { none, viewer, admin };
std::string to_string(Role role);

/// The process that connected, with the identity it had then.
struct Peer {
    pid_t pid = 0;
    uid_t uid = static_cast<uid_t>(-1);
    gid_t gid = static_cast<gid_t>(-1);
    std::vector<gid_t> groups;  // supplementary ones
};

/// Of a connected unix socket [SO_PEERCRED, SO_PEERGROUPS: Linux 4.13]. Error internal: the kernel did not say.
Result<Peer> peer_of(int socket);

/// The groups that give a role; nothing: such a group does not exist here, so nobody is in it.
struct RoleGroups {
    std::optional<gid_t> admin;
    std::optional<gid_t> viewer;
};
RoleGroups role_groups(const std::string& admin_group, const std::string& view_group);

/// Root is always an admin.
Role role_of(const Peer& peer, const RoleGroups& groups);

/// The user's name, or "?" when the system knows none for this uid.
std::string user_name(uid_t uid);

}  // namespace ballast::daemon
