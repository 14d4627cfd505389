#include "interchange/seasons.h"

#include "interchange/tables.h"

namespace ballast::interchange {

namespace {
struct SeasonsFile {
    std::string format = seasons_format;
    policy::Seasons seasons;
};
}  // namespace

template <>
struct Described<SeasonsFile> {
    using T = SeasonsFile;
    static constexpr auto fields = std::tuple{required("format", &T::format), required("seasons", &T::seasons)};
};

std::string seasons_text(const policy::Seasons& seasons) {
    return to_text(to_json(SeasonsFile{seasons_format, seasons}), 3);
}

Result<policy::Seasons> parse_seasons(std::string_view text) {
    const auto root = parse_json(text);
    if (!root) return root.error();
    SeasonsFile file;
    Reader reader;
    if (!from_json(*root, file, {}, Path{}, reader))
        return Error{ErrorCode::invalid, place_in(text, reader.offset), reader.message};
    if (file.format != seasons_format)
        return Error{ErrorCode::invalid, "1:1", std::string("expected `") + seasons_format + "`"};
    return std::move(file.seasons);
}

}  // namespace ballast::interchange
