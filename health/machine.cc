#include "health/machine.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

namespace ballast::health {

namespace {
// /proc/interrupts of a machine with 1,000 CPUs is the largest file that is read: 300 lines of 11 KB.
constexpr std::size_t most_bytes = std::size_t{4} << 20;
}  // namespace

std::string Machine::at(const std::string& path) const {
    return (root_.ends_with('/') ? root_ : root_ + "/") + path;
}

std::optional<std::string> Machine::text(const std::string& path) const {
    std::ifstream file(at(path), std::ios::binary);
    if (!file) return std::nullopt;
    std::string text;
    char part[16384];
    while (text.size() < most_bytes && (file.read(part, sizeof part), file.gcount() > 0))
        text.append(part, static_cast<std::size_t>(file.gcount()));
    if (file.bad()) return std::nullopt;  // sysfs opens what it then refuses to read
    return text;
}

std::optional<std::string> Machine::line(const std::string& path) const {
    const auto whole = text(path);
    if (!whole) return std::nullopt;
    std::string first = whole->substr(0, whole->find('\n'));
    const auto begin = first.find_first_not_of(" \t\r");
    if (begin == std::string::npos) return std::nullopt;
    return first.substr(begin, first.find_last_not_of(" \t\r") - begin + 1);
}

std::optional<std::int64_t> Machine::number(const std::string& path) const {
    const auto word = line(path);
    if (!word) return std::nullopt;
    std::int64_t value = 0;
    const auto read = std::from_chars(word->data(), word->data() + word->size(), value);
    if (read.ec != std::errc() || read.ptr != word->data() + word->size()) return std::nullopt;
    return value;
}

bool Machine::exists(const std::string& path) const {
    std::error_code failed;
    return std::filesystem::exists(at(path), failed);
}

std::vector<std::string> Machine::names(const std::string& folder) const {
    std::vector<std::string> all;
    std::error_code failed;
    std::filesystem::directory_iterator entry(at(folder), failed);
    for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed))
        all.push_back(entry->path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
}

std::string Machine::link_name(const std::string& path) const {
    std::error_code failed;
    const auto target = std::filesystem::read_symlink(at(path), failed);
    return failed ? std::string() : target.filename().string();
}

}  // namespace ballast::health
