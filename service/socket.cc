#include "service/socket.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ballast::service {

namespace {

using boost::asio::local::stream_protocol;

constexpr mode_t open_to_all = 0666;
constexpr int backlog = 64;  // as many as are served at once

// Is somebody listening there? Never waits: a full backlog is a living process's.
bool is_alive(const std::string& path) {
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) return true;  // nothing is known: do not take it away
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const bool connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int error = errno;
    ::close(probe);
    return connected || (error != ECONNREFUSED && error != ENOENT);
}

Result<void> remove_stale(const std::string& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return Result<void>();
    if (!S_ISSOCK(found.st_mode)) return Error{ErrorCode::refused, path, "is there but is no socket: remove it"};
    if (is_alive(path)) return Error{ErrorCode::conflict, path, "another process listens there"};
    ::unlink(path.c_str());
    return Result<void>();
}

Result<void> make_directory(const std::string& path) {
    std::error_code error;
    const auto directory = std::filesystem::path(path).parent_path();
    if (directory.empty() || std::filesystem::is_directory(directory, error)) return Result<void>();
    std::filesystem::create_directories(directory, error);
    if (error) return Error{ErrorCode::internal, directory.string(), error.message()};
    ::chmod(directory.c_str(), 0755);  // whatever the umask: the groups must get through
    return Result<void>();
}

}  // namespace

Result<LocalAcceptor> listen_on(boost::asio::any_io_executor executor, const std::string& path) {
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
        return Error{ErrorCode::invalid, path, "a socket's path has 1 to 107 characters"};
    if (const auto made = make_directory(path); !made) return made.error();
    if (const auto removed = remove_stale(path); !removed) return removed.error();
    LocalAcceptor acceptor(executor);
    boost::system::error_code error;
    acceptor.open(stream_protocol(), error);
    if (!error) acceptor.bind(stream_protocol::endpoint(path), error);
    // Nobody can connect before listen(): the mode is right from the first connection on.
    if (!error && ::chmod(path.c_str(), open_to_all) != 0) error.assign(errno, boost::system::system_category());
    if (!error) acceptor.listen(backlog, error);
    if (error) return Error{ErrorCode::internal, path, error.message()};
    return acceptor;
}

}  // namespace ballast::service
