// The few file operations the embedded store needs that must survive a power cut, and their errors. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "model/result.h"

namespace ballast::store {

/// An open file, closed with the object.
class FileDescriptor {
public:
    explicit FileDescriptor(int descriptor = -1) : descriptor_(descriptor) {}
    ~FileDescriptor();
    FileDescriptor(FileDescriptor&& other) noexcept;
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;

    int get() const { return descriptor_; }

private:
    int descriptor_;
};

/// The error of the last system call: no_space, refused (permissions, read-only) or unavailable.
Error system_failure(const std::string& file, const std::string& what);

/// Opened for reading and writing; created with mode 0640 when it does not exist.
Result<FileDescriptor> open_or_create(const std::string& file);
/// Creates the directory, mode 0750, unless it exists.
Result<void> make_directory(const std::string& directory);
/// A full copy, on the disk when this returns. `to` is replaced; half a copy is removed.
Result<void> copy_file(const std::string& from, const std::string& to);
/// The file's content is on the disk when this returns.
Result<void> sync_file(const std::string& file);
/// Writes all of the text where the file stands; on the disk when this returns. `name` is for errors.
Result<void> write_all(const FileDescriptor& file, const std::string& name, std::string_view text);
/// Renames within a directory, replacing `to`; on the disk when this returns.
Result<void> rename_file(const std::string& from, const std::string& to);
/// Not an error when it does not exist.
Result<void> remove_file(const std::string& file);
bool exists(const std::string& file);

}  // namespace ballast::store
