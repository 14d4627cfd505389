#include "config/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "config/yaml_tree.h"

namespace ballast::config {

namespace {

// More files than this are an accident, such as a policy_dir that points at somebody's home.
constexpr std::size_t max_files = 100;

class Descriptor {
public:
    // Without O_NONBLOCK a pipe called x.yaml would stop the daemon here.
    explicit Descriptor(const std::string& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

std::optional<std::string> failed(const std::string& path, const std::string& why, Diagnostics& problems) {
    problems.push_back({path, 1, 1, "cannot be read: " + why});
    return std::nullopt;
}

std::string reason(int error) {
    return std::generic_category().message(error);
}

std::string octal(mode_t mode) {
    char text[8];
    std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode));
    return text;
}

// At most one byte more than allowed, so that the caller sees that there was more.
std::optional<std::string> read_all(int fd) {
    std::string text(max_file_size + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

bool ends_with_any(const std::string& name, std::initializer_list<const char*> endings) {
    return std::any_of(endings.begin(), endings.end(), [&](const char* ending) { return name.ends_with(ending); });
}

}  // namespace

std::optional<std::string> read_file(const std::string& path, Diagnostics& problems, mode_t forbidden) {
    const Descriptor file(path);
    struct stat status {};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return failed(path, reason(errno), problems);
    if (!S_ISREG(status.st_mode)) return failed(path, "it is not a regular file", problems);
    if ((status.st_mode & forbidden) != 0)
        return failed(path, "its mode lets others in: chmod " + octal(status.st_mode & 0777 & ~forbidden), problems);
    auto text = read_all(file.get());
    return text ? text : failed(path, reason(errno), problems);
}

std::vector<std::string> policy_files(const std::string& directory, Diagnostics& problems) {
    std::error_code error;
    std::vector<std::string> found;
    std::filesystem::directory_iterator entry(directory, error);
    for (const std::filesystem::directory_iterator end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.starts_with('.')) continue;
        if (name.ends_with(".yaml")) found.push_back(entry->path().string());
        if (!ends_with_any(name, {".yml", ".YAML", ".YML"})) continue;
        problems.push_back({entry->path().string(), 1, 1, "only *.yaml is read; rename this file or remove it"});
    }
    if (error && error != std::errc::no_such_file_or_directory) failed(directory, error.message(), problems);
    if (found.size() > max_files) failed(directory, "more than " + std::to_string(max_files) + " files", problems);
    found.resize(std::min(found.size(), max_files));
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace ballast::config
