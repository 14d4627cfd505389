#include "store/files.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ballast::store {
namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;

ErrorCode code_of(int system_errno) {
    switch (system_errno) {
        case ENOSPC:
        case EDQUOT: return ErrorCode::no_space;
        case EACCES:
        case EPERM:
        case EROFS: return ErrorCode::refused;
        default: return ErrorCode::unavailable;
    }
}

Result<void> write_all(const FileDescriptor& to, const std::string& name, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(to.get(), data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_failure(name, "cannot be written");
        data += written;
        size -= static_cast<std::size_t>(written);
    }
    return {};
}

Result<void> copy_content(const std::string& from, const std::string& to) {
    const FileDescriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (source.get() < 0) return system_failure(from, "cannot be read");
    const FileDescriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode));
    if (target.get() < 0) return system_failure(to, "cannot be created");
    std::array<char, 64 * 1024> block;
    for (;;) {
        const ssize_t size = ::read(source.get(), block.data(), block.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return system_failure(from, "cannot be read");
        if (size == 0) break;
        if (auto written = write_all(target, to, block.data(), static_cast<std::size_t>(size)); !written)
            return written;
    }
    if (::fsync(target.get()) != 0) return system_failure(to, "cannot be written to the disk");
    return {};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

Error system_failure(const std::string& file, const std::string& what) {
    const int system_errno = errno;
    return {code_of(system_errno), file, what + ": " + std::strerror(system_errno)};
}

Result<FileDescriptor> open_or_create(const std::string& file) {
    FileDescriptor descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode));
    if (descriptor.get() < 0) return system_failure(file, "cannot be opened");
    return descriptor;
}

Result<void> make_directory(const std::string& directory) {
    if (::mkdir(directory.c_str(), directory_mode) != 0 && errno != EEXIST)
        return system_failure(directory, "cannot be created");
    return {};
}

Result<void> copy_file(const std::string& from, const std::string& to) {
    auto copied = copy_content(from, to);
    if (!copied) ::unlink(to.c_str());
    return copied;
}

Result<void> sync_file(const std::string& file) {
    const FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0)
        return system_failure(file, "cannot be written to the disk");
    return {};
}

Result<void> write_all(const FileDescriptor& file, const std::string& name, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_failure(name, "cannot be written");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fdatasync(file.get()) != 0) return system_failure(name, "cannot be written to the disk");
    return {};
}

Result<void> rename_file(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_failure(from, "cannot be renamed");
    return sync_file(std::filesystem::path(to).parent_path());
}

Result<void> remove_file(const std::string& file) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return system_failure(file, "cannot be removed");
    return {};
}

bool exists(const std::string& file) {
    return ::access(file.c_str(), F_OK) == 0;
}

}  // namespace ballast::store
