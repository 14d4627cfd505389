#include "daemon/season_file.h"

#include <boost/asio/post.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <unistd.h>

#include "interchange/seasons.h"
#include "store/files.h"

namespace ballast::daemon {

namespace {

constexpr Duration cadence = std::chrono::hours{1};
// 200,000 VMs take 220 MB. More is no file of ours, and reading it would hold up the start.
constexpr std::uintmax_t largest_file = 512U << 20U;

Result<void> write_text(const std::string& file, std::string_view text) {
    auto opened = store::open_or_create(file);
    if (!opened) return opened.error();
    while (!text.empty()) {
        const ssize_t written = ::write(opened->get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return store::system_failure(file, "cannot be written");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fdatasync(opened->get()) != 0) return store::system_failure(file, "cannot be written to the disk");
    return {};
}

}  // namespace

Result<std::optional<policy::Seasons>> read_seasons(const std::string& file) {
    std::error_code failure;
    const auto size = std::filesystem::file_size(file, failure);
    if (failure == std::errc::no_such_file_or_directory) return std::optional<policy::Seasons>();
    if (failure) return Error{ErrorCode::unavailable, file, failure.message()};
    if (size > largest_file) return Error{ErrorCode::invalid, file, "is too large to be what it should be"};
    std::ifstream in(file, std::ios::binary);
    if (!in) return store::system_failure(file, "cannot be read");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    auto seasons = interchange::parse_seasons(text);
    if (!seasons) return Error{ErrorCode::invalid, file + ":" + seasons.error().subject, seasons.error().message};
    return std::optional(std::move(*seasons));
}

Result<void> write_seasons(const std::string& file, const policy::Seasons& seasons) {
    const std::string fresh = file + ".new";
    if (auto removed = store::remove_file(fresh); !removed) return removed;
    if (auto written = write_text(fresh, interchange::seasons_text(seasons)); !written) return written;
    return store::rename_file(fresh, file);
}

SeasonFile::SeasonFile(std::string file, Failed failed) : file_(std::move(file)), failed_(std::move(failed)) {}

SeasonFile::~SeasonFile() {
    worker_.join();
}

void SeasonFile::keep(WallTime at, const policy::Seasons& seasons) {
    if (!last_ || at < *last_) last_ = at;  // a clock that was set back must not end it
    if (at - *last_ < cadence || busy_.exchange(true)) return;
    last_ = at;
    const auto copy = std::make_shared<const policy::Seasons>(seasons);
    boost::asio::post(worker_, [this, copy] {
        write(*copy);
        busy_ = false;
    });
}

void SeasonFile::close(const policy::Seasons& seasons) {
    worker_.join();
    if (seasons.learned_at) write(seasons);
}

void SeasonFile::write(const policy::Seasons& seasons) {
    const auto written = write_seasons(file_, seasons);
    if (!written && !failing_ && failed_) failed_(written.error());
    failing_ = !written;
}

}  // namespace ballast::daemon
