#include "daemon/season_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "interchange/seasons.h"
#include "store/files.h"

namespace ballast::daemon {

namespace {

constexpr Duration cadence = std::chrono::hours{1};
// 200,000 VMs take 220 MB. More is no file of ours, and reading it would hold up the start.
constexpr std::uintmax_t largest_file = 512U << 20U;

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
    auto opened = store::open_or_create(fresh);
    if (!opened) return opened.error();
    if (auto written = store::write_all(*opened, fresh, interchange::seasons_text(seasons)); !written) return written;
    return store::rename_file(fresh, file);
}

SeasonFile::SeasonFile(std::string file, Background::Failed failed)
    : file_(std::move(file)), background_(std::move(failed)) {}

void SeasonFile::keep(WallTime at, const policy::Seasons& seasons) {
    if (!last_ || at < *last_) last_ = at;  // a clock that was set back must not end it
    if (at - *last_ < cadence || background_.busy()) return;
    last_ = at;
    const auto copy = std::make_shared<const policy::Seasons>(seasons);
    background_.start([this, copy] { return write_seasons(file_, *copy); });
}

void SeasonFile::close(const policy::Seasons& seasons) {
    background_.finish();
    if (seasons.learned_at) background_.run([&] { return write_seasons(file_, seasons); });
}

}  // namespace ballast::daemon
