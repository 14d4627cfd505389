#include "etcd/history_mark.h"

#include <charconv>
#include <fstream>
#include <sstream>

namespace ballast::etcd {
namespace {

constexpr const char* mark_name = "/etcd.mark";
constexpr const char* cluster_name = "/etcd.cluster";

std::string hexadecimal(std::uint64_t number) {
    std::ostringstream text;
    text << std::hex << number;
    return text.str();
}

/// Nothing when there is no such file yet.
Result<std::optional<std::uint64_t>> read_cluster(const std::string& file) {
    if (!store::exists(file)) return std::optional<std::uint64_t>();
    std::ifstream in(file);
    std::string text;
    std::uint64_t id = 0;
    in >> text;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
    if (text.empty() || failure != std::errc() || end != text.data() + text.size())
        return Error{ErrorCode::corrupt, file, "is not the id of an etcd cluster; delete it to accept the present one"};
    return std::optional(id);
}

Result<void> write_cluster(const std::string& file, std::uint64_t id) {
    const std::string draft = file + ".new";
    if (auto removed = store::remove_file(draft); !removed) return removed;
    auto out = store::open_or_create(draft);
    if (!out) return out.error();
    if (auto written = store::write_all(*out, draft, hexadecimal(id) + "\n"); !written) return written;
    return store::rename_file(draft, file);
}

}  // namespace

Result<std::unique_ptr<HistoryMark>> HistoryMark::open(const std::string& directory) {
    if (auto made = store::make_directory(directory); !made) return made.error();
    auto lock = store::DirectoryLock::take(directory);
    if (!lock) return lock.error();
    auto mark = store::HighWaterMark::open(directory + mark_name);
    if (!mark) return mark.error();
    auto cluster = read_cluster(directory + cluster_name);
    if (!cluster) return cluster.error();
    return std::unique_ptr<HistoryMark>(new HistoryMark(directory, std::move(*lock), std::move(*mark), *cluster));
}

HistoryMark::HistoryMark(std::string directory, store::DirectoryLock lock, store::HighWaterMark mark,
                         std::optional<std::uint64_t> cluster)
    : directory_(std::move(directory)),
      lock_(std::move(lock)),
      mark_(std::move(mark)),
      cluster_(cluster),
      newest_(mark_.read().value_or(0)),
      worker_(1, [] { return false; }) {}

std::string HistoryMark::advice() const {
    return "; to accept it as it is, stop the daemon and delete " + directory_ + mark_name + " and " + directory_ +
           cluster_name;
}

Result<void> HistoryMark::check(std::uint64_t cluster, Revision revision, Revision newest) {
    if (cluster_ && *cluster_ != cluster)
        return Error{
            ErrorCode::corrupt, "etcd",
            "is cluster " + hexadecimal(cluster) + ", but our data is in cluster " + hexadecimal(*cluster_) + advice()};
    if (revision < newest)
        return Error{ErrorCode::corrupt, "etcd",
                     "is at revision " + std::to_string(revision) + ", but had answered with " +
                         std::to_string(newest) + ": it was restored from an old backup" + advice()};
    if (cluster_) return {};
    if (auto written = write_cluster(directory_ + cluster_name, cluster); !written) return written;
    cluster_ = cluster;
    return {};
}

void HistoryMark::note(Revision revision) {
    if (revision <= newest_) return;
    newest_ = revision;
    if (to_be_written_.exchange(true)) return;
    worker_.post_always([this] {
        to_be_written_ = false;
        mark_.raise_to(newest_);
    });
}

}  // namespace ballast::etcd
