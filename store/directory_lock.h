// At most one process uses a store's directory. Held by a flock on the file "lock", which ends with the process
// however it ends; the pid in the file is for people. Any thread.
#pragma once

#include "store/files.h"

namespace ballast::store {

class DirectoryLock {
public:
    /// conflict: somebody holds it already, in this process or another one.
    static Result<DirectoryLock> take(const std::string& directory);

private:
    explicit DirectoryLock(FileDescriptor file) : file_(std::move(file)) {}

    FileDescriptor file_;
};

}  // namespace ballast::store
