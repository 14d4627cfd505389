#include "interchange/store_backup.h"

#include <boost/crc.hpp>
#include <cstdio>

#include "interchange/record.h"
#include "interchange/tables.h"

namespace ballast::interchange {

namespace {

constexpr const char* any_version = "ballast-store/";
constexpr int lines_down_to = 2;

struct StoreFile {
    std::string format = store_backup_format;
    std::string written_by, at, store;
    std::int64_t revision = 0;
    std::string checksum;
    std::map<std::string, std::string> entries;
};

// Lengths as well, so that no two sets of entries read alike.
std::string checksum_of(const std::map<std::string, std::string>& entries) {
    boost::crc_32_type crc;
    const auto add = [&](const std::string& text) {
        const std::string size = std::to_string(text.size()) + ":";
        crc.process_bytes(size.data(), size.size());
        crc.process_bytes(text.data(), text.size());
    };
    for (const auto& [key, value] : entries) {
        add(key);
        add(value);
    }
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(crc.checksum()));
    return digits;
}

Error damaged(const std::string& what) {
    return {ErrorCode::invalid, "backup", what};
}

const Node* format_of(const Node& root) {
    for (const Member& member : root.members)
        if (member.key == "format" && member.value.kind == Node::Kind::text) return &member.value;
    return nullptr;
}

}  // namespace

template <>
struct Described<StoreFile> {
    using T = StoreFile;
    static constexpr auto fields = std::tuple{required("format", &T::format),
                                              field("written_by", &T::written_by),
                                              field("at", &T::at),
                                              field("store", &T::store),
                                              field("revision", &T::revision, {0, 0x1p62}),
                                              required("checksum", &T::checksum),
                                              required("entries", &T::entries)};
};

Result<StoreBackup> parse_store_backup(std::string_view text) {
    const auto root = parse_json(text);
    if (!root) return damaged(root.error().subject + ": " + root.error().message);
    const Node* format = format_of(*root);
    if (format == nullptr || !format->text.starts_with(any_version)) return damaged("this is no backup of a store");
    StoreFile file;
    Reader reader;
    reader.passes_over_unknown = true;
    if (format->text != store_backup_format)
        return Error{ErrorCode::refused, "backup",
                     "it is of the format " + format->text + ", of another version of Ballast; this one knows " +
                         store_backup_format};
    if (!from_json(*root, file, {}, Path{}, reader))
        return damaged(place_in(text, reader.offset) + ": " + reader.message);
    if (checksum_of(file.entries) != file.checksum) return damaged("its checksum is wrong: it was damaged or edited");
    return StoreBackup{std::move(file.written_by), std::move(file.at), std::move(file.store), file.revision,
                       std::move(file.entries)};
}

namespace {

json::value json_of(const StoreBackup& backup) {
    return to_json(StoreFile{store_backup_format, backup.written_by, backup.at, backup.store, backup.revision,
                             checksum_of(backup.entries), backup.entries});
}

// A backup that cannot be read is none: what does not come back as it was is found now.
std::optional<Error> unreadable(const StoreBackup& backup, std::string_view text) {
    const auto again = parse_store_backup(text);
    if (again && again->entries == backup.entries) return std::nullopt;
    for (const auto& [key, value] : backup.entries) {
        const auto alone = parse_json(json::serialize(json::object{{key, value}}));
        if (!alone || alone->members.size() != 1 || alone->members[0].key != key ||
            alone->members[0].value.text != value)
            return Error{ErrorCode::invalid, key.substr(0, 64), "this entry is no UTF-8 text"};
    }
    return damaged("it does not read as it was written");
}

}  // namespace

Result<json::value> as_json(const StoreBackup& backup) {
    json::value made = json_of(backup);
    if (const auto problem = unreadable(backup, json::serialize(made))) return *problem;
    return made;
}

Result<std::string> to_text(const StoreBackup& backup) {
    std::string text = to_text(json_of(backup), lines_down_to);
    if (const auto problem = unreadable(backup, text)) return *problem;
    return text;
}

}  // namespace ballast::interchange
