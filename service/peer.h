// Who is at the other end of a unix socket, as the kernel says. Looking up names reads the system's user database
// (getpwuid, getpwnam) and may block for as long as that takes. Any thread.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "model/result.h"

namespace ballast::service {

/// The process that connected, with the identity it had then.
struct Peer {
    pid_t pid = 0;
    uid_t uid = static_cast<uid_t>(-1);
    gid_t gid = static_cast<gid_t>(-1);
    std::vector<gid_t> groups;  // supplementary ones
};

/// Of a connected unix socket [SO_PEERCRED, SO_PEERGROUPS: Linux 4.13]. Error internal: the kernel did not say.
Result<Peer> peer_of(int socket);

/// The user's name, or "?" when the system knows none for this uid.
std::string user_name(uid_t uid);
/// Nothing: the system knows no such user.
std::optional<uid_t> user_id(const std::string& name);

}  // namespace ballast::service
