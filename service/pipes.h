// What a child process is started with in the place of a terminal: pipes of which only our end does not block, and an
// input that lies in memory. For service/children.cc.
#pragma once

#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace ballast::service {

/// Owns a file descriptor.
class File {
public:
    File() = default;
    ~File() { close(); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return descriptor_; }
    void reset(int descriptor) {
        close();
        descriptor_ = descriptor;
    }
    int release() { return std::exchange(descriptor_, -1); }
    void close() {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }

private:
    int descriptor_ = -1;
};

struct Pipes {
    File input, out_read, out_write, err_read, err_write;
};

/// Only our end does not block: few programs expect that of their stdout. False: errno says why.
inline bool open_pipe(File& read, File& write) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    return ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

/// In memory, so that a secret is never on a disk and a child that does not read its input holds nobody up. False:
/// errno says why.
inline bool open_input(File& file, const std::string& input) {
    file.reset(::memfd_create("ballast-input", MFD_CLOEXEC));
    if (file.get() < 0) return false;
    const auto written = ::write(file.get(), input.data(), input.size());
    return written == static_cast<ssize_t>(input.size()) && ::lseek(file.get(), 0, SEEK_SET) == 0;
}

/// All of them. False: errno says why.
inline bool open_all(Pipes& pipes, const std::string& input) {
    return open_input(pipes.input, input) && open_pipe(pipes.out_read, pipes.out_write) &&
           open_pipe(pipes.err_read, pipes.err_write);
}

}  // namespace ballast::service
