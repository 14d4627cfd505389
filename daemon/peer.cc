#include "daemon/peer.h"

#include <algorithm>
#include <grp.h>
#include <vector>

namespace ballast::daemon {

namespace {

// Enough for any entry met in practice; larger ones count as unknown.
constexpr std::size_t entry_size = 65536;

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

RoleGroups role_groups(const std::string& admin_group, const std::string& view_group) {
    return {group_id(admin_group), group_id(view_group)};
}

Role role_of(const Peer& peer, const RoleGroups& groups) {
    if (peer.uid == 0 || in_group(peer, groups.admin)) return Role::admin;
    return in_group(peer, groups.viewer) ? Role::viewer : Role::none;
}

}  // namespace ballast::daemon
