#include "store/directory_lock.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <sys/file.h>
#include <unistd.h>

namespace ballast::store {
namespace {

std::string holder(const FileDescriptor& file) {
    std::array<char, 32> text{};
    const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
    const std::string_view pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return std::string(pid.substr(0, pid.find('\n')));
}

void leave_pid(const FileDescriptor& file) {
    const std::string pid = std::to_string(::getpid()) + "\n";
    // Only for people: on a full disk the lock holds without it.
    if (::ftruncate(file.get(), 0) == 0) (void)!::pwrite(file.get(), pid.data(), pid.size(), 0);
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::string& directory) {
    auto file = open_or_create(directory + "/lock");
    if (!file) return file.error();
    if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return system_failure(directory, "cannot be locked");
        return Error{ErrorCode::conflict, directory,
                     "another ballastd (pid " + holder(*file) + ") uses this directory"};
    }
    leave_pid(*file);
    return DirectoryLock(std::move(*file));
}

}  // namespace ballast::store
