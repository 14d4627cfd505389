#include "daemon/peer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

namespace ballast::daemon {

namespace {

// NGROUPS_MAX of Linux: no process has more.
constexpr std::size_t most_groups = 65536;
// Enough for any entry met in practice; larger ones count as unknown.
constexpr std::size_t entry_size = 65536;

Error failed(const char* what) {
    return {ErrorCode::internal, "control socket", std::string(what) + ": " + std::strerror(errno)};
}

Result<std::vector<gid_t>> groups_of(int socket) {
    std::vector<gid_t> groups(64);
    for (;;) {
        auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
            groups.resize(size / sizeof(gid_t));
            return groups;
        }
        if (errno != ERANGE || groups.size() >= most_groups) return failed("SO_PEERGROUPS");
        groups.resize(most_groups);
    }
}

std::optional<gid_t> group_id(const std::string& name) {
    if (name.empty()) return std::nullopt;
    std::vector<char> buffer(entry_size);
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
    return entry.gr_gid;
}

bool in_group(const Peer& peer, const std::optional<gid_t>& group) {
    if (!group) return false;
    return peer.gid == *group || std::find(peer.groups.begin(), peer.groups.end(), *group) != peer.groups.end();
}

}  // namespace

std::string to_string(Role role) {
    switch (role) {
        case Role::none: return "none";
        case Role::viewer: return "viewer";
        case Role::admin: return "admin";
    }
    return "none";
}

Result<Peer> peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return failed("SO_PEERCRED");
    auto groups = groups_of(socket);
    if (!groups) return groups.error();
    return Peer{credentials.pid, credentials.uid, credentials.gid, std::move(*groups)};
}

RoleGroups role_groups(const std::string& admin_group, const std::string& view_group) {
    return {group_id(admin_group), group_id(view_group)};
}

Role role_of(const Peer& peer, const RoleGroups& groups) {
    if (peer.uid == 0 || in_group(peer, groups.admin)) return Role::admin;
    return in_group(peer, groups.viewer) ? Role::viewer : Role::none;
}

std::string user_name(uid_t uid) {
    std::vector<char> buffer(entry_size);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return "?";
    return entry.pw_name;
}

}  // namespace ballast::daemon
