#include "service/peer.h"

#include <cerrno>
#include <cstring>
#include <pwd.h>
#include <sys/socket.h>

namespace ballast::service {

namespace {

// NGROUPS_MAX of Linux: no process has more.
constexpr std::size_t most_groups = 65536;
// Enough for any entry met in practice; larger ones count as unknown.
constexpr std::size_t entry_size = 65536;

Error failed(const char* what) {
    return {ErrorCode::internal, "peer of a socket", std::string(what) + ": " + std::strerror(errno)};
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

}  // namespace

Result<Peer> peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return failed("SO_PEERCRED");
    auto groups = groups_of(socket);
    if (!groups) return groups.error();
    return Peer{credentials.pid, credentials.uid, credentials.gid, std::move(*groups)};
}

std::string user_name(uid_t uid) {
    std::vector<char> buffer(entry_size);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return "?";
    return entry.pw_name;
}

std::optional<uid_t> user_id(const std::string& name) {
    std::vector<char> buffer(entry_size);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
    return entry.pw_uid;
}

}  // namespace ballast::service
