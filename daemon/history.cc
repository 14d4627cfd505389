#include "daemon/history.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <malloc.h>
#include <memory>
#include <vector>

namespace ballast::daemon {

namespace {

// Fine enough for detectors that persist for minutes; a look of 40 VMs takes about 1 KiB.
constexpr Duration cadence = std::chrono::minutes{1};
// Old history goes in steps of a sixteenth; in longer ones where a file's first line alone takes much of that.
constexpr std::uint64_t most_files = 16, fewest_files = 2;

struct File {
    std::string path;
    Bytes size;
};

// Oldest first: the names are numbers of one length.
std::vector<File> files_in(const std::string& directory) {
    std::vector<File> files;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
        if (entry.path().extension() == ".history") files.push_back({entry.path(), {entry.file_size(ignored)}});
    std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
    return files;
}

std::string name_after(const std::vector<File>& files) {
    unsigned long long last = 0;
    if (!files.empty()) std::sscanf(std::filesystem::path(files.back().path).stem().c_str(), "%llu", &last);
    char name[40];
    std::snprintf(name, sizeof name, "%012llu.history", last + 1);
    return name;
}

}  // namespace

Result<void> HistoryFiles::begin_file() {
    if (auto made = store::make_directory(directory_); !made) return made;
    name_ = directory_ + "/" + name_after(files_in(directory_));
    auto opened = store::open_or_create(name_);
    if (!opened) return opened.error();
    file_ = std::move(*opened);
    size_ = whole_ = {};
    writer_.begin_file();
    return {};
}

bool HistoryFiles::is_full() const {
    const std::uint64_t worth_it = std::min(2 * whole_.count, bound_.count / fewest_files);
    return size_.count > std::max(bound_.count / most_files, worth_it);
}

void HistoryFiles::drop_oldest() {
    const auto files = files_in(directory_);
    Bytes total;
    for (const File& file : files) total += file.size;
    for (const File& file : files) {
        if (total <= bound_ || file.path == name_) break;
        if (store::remove_file(file.path)) total -= file.size;
    }
}

Result<void> HistoryFiles::append(const interchange::Snapshot& snapshot) {
    if (file_ && is_full()) file_.reset();
    if (!file_)
        if (auto begun = begin_file(); !begun) return begun;
    const std::string line = writer_.line(snapshot);
    auto written = store::write_all(*file_, name_, line);
    size_ += Bytes{line.size()};
    if (whole_.count == 0) whole_ = size_;
    if (!written) file_.reset();
    drop_oldest();
    return written;
}

History::History(std::string directory, Bytes bound, Background::Failed failed)
    : files_(std::move(directory), bound), background_(std::move(failed)) {}

void History::keep(WallTime at, const std::function<interchange::Snapshot()>& snapshot) {
    // A clock that was set back must not end the history.
    if (last_ && at >= *last_ && at - *last_ < cadence) return;
    if (background_.busy()) return;
    last_ = at;
    auto look = std::make_shared<const interchange::Snapshot>(snapshot());
    background_.start([this, look]() mutable {
        auto kept = files_.append(*look);
        look.reset();
        // Of a large cluster that was much, and so is what planning and reading the store have left behind since.
        ::malloc_trim(0);
        return kept;
    });
}

}  // namespace ballast::daemon
