#include "cli/whole_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

namespace ballast::cli {

namespace {
constexpr int most_old_files = 1000;

Error of_system(const std::string& file) {
    return {ErrorCode::unavailable, file, std::strerror(errno)};
}

bool write_all(int file, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t written = ::write(file, text.data() + done, text.size() - done);
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) done += static_cast<std::size_t>(written);
    }
    return true;
}
}  // namespace

Result<std::string> read_whole_file(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.is_open() || in.bad()) return Error{ErrorCode::not_found, file, std::strerror(errno)};
    return text;
}

std::string read_if_there(const std::string& file) {
    const auto text = read_whole_file(file);
    return text ? *text : "";
}

std::vector<std::string> text_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

Result<void> write_new_file(const std::string& file, const std::string& text, unsigned mode) {
    const std::string unfinished = file + ".new";
    const int out = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (out < 0) return of_system(unfinished);
    const bool written = write_all(out, text) && ::fchmod(out, mode) == 0 && ::fsync(out) == 0;
    const Error problem = of_system(unfinished);
    ::close(out);
    if (!written) return problem;
    if (::rename(unfinished.c_str(), file.c_str()) != 0) return of_system(file);
    return {};
}

Result<std::string> put_aside(const std::string& file) {
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::symlink_status(file, error))) return std::string();
    for (int i = 1; i < most_old_files; ++i) {
        const std::string old = file + ".old" + (i == 1 ? "" : "." + std::to_string(i));
        if (std::filesystem::exists(std::filesystem::symlink_status(old, error))) continue;
        if (::rename(file.c_str(), old.c_str()) != 0) return of_system(file);
        return old;
    }
    return Error{ErrorCode::conflict, file, "a thousand old ones lie beside it"};
}

}  // namespace ballast::cli
