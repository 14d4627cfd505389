#include "config/reader.h"

#include <map>
#include <utility>

#include "config/text.h"

namespace ballast::config {

std::string to_string(const Place& place) {
    return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

Reader::Reader(std::string file, Diagnostics& problems, Declared& declared)
    : file_(std::move(file)), problems_(problems), declared_(declared) {}

void Reader::error(const Node& at, const std::string& message) {
    const bool last = errors_ == max_problems_per_file;
    if (++errors_ > max_problems_per_file + 1) return;
    const std::string subject = subject_.empty() ? "" : subject_ + ": ";
    problems_.push_back(
        {file_, at.line, at.column, last ? "too many problems; the rest is not shown" : subject + message});
}

void Reader::doubt(const std::string& prefix) {
    if (doubts_.size() <= max_problems_per_file) doubts_.push_back(subject_.empty() ? prefix : subject_);
}

bool Reader::declare(const std::string& kind, const std::string& name, const Node& at) {
    const auto [known, added] = declared_.emplace(kind + " " + name, place(at));
    if (!added) error(at, "the " + kind + " " + quoted(name) + " is already used at " + to_string(known->second));
    return added;
}

Reader::Subject::Subject(Reader& reader, const std::string& key) : reader_(reader), outer_(reader.subject_) {
    reader.subject_ += (outer_.empty() ? "" : ".") + key;
}

Reader::Subject::~Subject() {
    reader_.subject_ = std::move(outer_);
}

std::string kind_name(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return "nothing";
        case Node::Kind::scalar: return quoted(node.text);
        case Node::Kind::sequence: return "a list";
        case Node::Kind::map: return "a map";
    }
    return "nothing";
}

namespace {

struct Level {
    const std::set<std::string>& known;
    std::string prefix;  // "" or "overload.cpu."
};

bool is_section(const Level& level, const std::string& key) {
    const std::string prefix = key + ".";
    const auto next = level.known.lower_bound(prefix);
    return next != level.known.end() && next->starts_with(prefix);
}

// What may be written at this level: "above", "below", "for".
std::vector<std::string> names(const Level& level) {
    std::set<std::string> found;
    for (auto key = level.known.lower_bound(level.prefix); key != level.known.end(); ++key) {
        if (!key->starts_with(level.prefix)) break;
        const auto end = key->find('.', level.prefix.size());
        found.insert(key->substr(level.prefix.size(), end - level.prefix.size()));
    }
    return {found.begin(), found.end()};
}

// A key that would be right in another place: "cluster" is meant as "limits.cluster".
std::optional<std::string> same_name_elsewhere(const Level& level, const std::string& name) {
    for (const auto& key : level.known) {
        if (key.ends_with("." + name)) return key;
    }
    return std::nullopt;
}

void report_unknown(const Level& level, const Node& key, Reader& reader) {
    reader.doubt(level.prefix);
    if (key.text == "<<" && !key.quoted) return reader.error(key, "merge keys (<<) are not supported");
    std::string message = "unknown key " + quoted(key.text);
    if (reader.full()) return reader.error(key, message);
    if (const auto near = did_you_mean(key.text, names(level))) {
        message += "; did you mean `" + *near + "`?";
    } else if (const auto elsewhere = same_name_elsewhere(level, key.text)) {
        message += " here; did you mean `" + *elsewhere + "`?";
    }
    reader.error(key, message);
}

void walk_level(const Level& level, const Node& map, Reader& reader, const Visit& visit);

void walk_member(const Level& level, const Member& member, Reader& reader, const Visit& visit) {
    const std::string key = level.prefix + member.key.text;
    const bool section = is_section(level, key);
    const bool dotted = member.key.text.find('.') != std::string::npos;  // names of sections are nested, not joined
    if (dotted || (!section && !level.known.contains(key))) return report_unknown(level, member.key, reader);
    if (member.value.kind == Node::Kind::null) {
        reader.doubt(key);
        return reader.error(member.key, "`" + key + "` has no value; give it one or remove the line");
    }
    if (!section) return visit(key, member);
    if (member.value.kind != Node::Kind::map) {
        reader.doubt(key);
        return reader.error(member.value, "`" + key + "` is a section of keys, found " + kind_name(member.value));
    }
    walk_level({level.known, key + "."}, member.value, reader, visit);
}

void walk_level(const Level& level, const Node& map, Reader& reader, const Visit& visit) {
    std::map<std::string, int> lines;
    for (const auto& member : map.members) {
        if (member.key.kind != Node::Kind::scalar) {
            reader.error(member.key, "a key has to be a word, found " + kind_name(member.key));
            continue;
        }
        const auto [first, added] = lines.emplace(member.key.text, member.key.line);
        if (added) {
            walk_member(level, member, reader, visit);
        } else {
            reader.doubt(level.prefix);
            reader.error(member.key, "duplicate key " + quoted(member.key.text) + ", already given in line " +
                                         std::to_string(first->second));
        }
    }
}

}  // namespace

void walk(const Node& map, const std::set<std::string>& known, Reader& reader, const Visit& visit) {
    walk_level({known, ""}, map, reader, visit);
}

}  // namespace ballast::config
