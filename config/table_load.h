// From files to the struct of an option table, all or nothing. Whoever has a table of its own, such as the power
// broker, loads it with this.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/load.h"
#include "config/option_table.h"
#include "config/yaml_tree.h"

namespace ballast::config {

/// One load of one or several files: each is read into a struct of its own, then merged key by key.
template <class T>
class Load {
public:
    explicit Load(const Table<T>& table) : table_(table) {}

    void add(const Source& source) {
        const auto root = parse_yaml(source.file, source.text, problems);
        if (!root) return doubt_everything();
        T object{};
        Reader reader(source.file, problems, declared_);
        const auto given = read_map(table_.options, *root, object, reader);
        doubts_.insert(doubts_.end(), reader.doubts().begin(), reader.doubts().end());
        for (const auto& option : table_.options) {
            if (const auto place = given.find(option.info.key); place != given.end())
                merge(option, object, place->second);
        }
    }

    /// A file is missing from the picture: nothing can be said about what holds between keys.
    void doubt_everything() { doubts_.emplace_back(); }

    Loaded<T> finish() {
        for (const auto& constraint : table_.constraints) ask(constraint);
        if (problems.empty()) return std::move(value_);
        std::stable_sort(problems.begin(), problems.end(), in_order);
        return std::move(problems);
    }

    Diagnostics problems;

private:
    static bool in_order(const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
    }

    void merge(const Option<T>& option, const T& object, const Place& place) {
        const auto [known, added] = given_.emplace(option.info.key, place);
        if (added || option.adds_up) return option.merge(value_, object);
        if (option.write(value_) == option.write(object)) return;
        problems.push_back({place.file, place.line, place.column,
                            "`" + option.info.key + "` is " + option.write(object) + " here but " +
                                option.write(value_) + " at " + to_string(known->second)});
    }

    bool in_doubt(const std::string& key) const {
        return std::any_of(doubts_.begin(), doubts_.end(), [&](const auto& prefix) { return key.starts_with(prefix); });
    }

    // A constraint on defaults alone holds; with a broken key, which was reported already, it would only mislead.
    void ask(const Constraint<T>& constraint) {
        std::optional<Place> last;
        for (const auto& key : constraint.keys) {
            if (in_doubt(key)) return;
            const auto place = given_.find(key);
            if (place == given_.end()) continue;
            const auto& at = place->second;
            if (!last || std::tie(last->file, last->line, last->column) < std::tie(at.file, at.line, at.column))
                last = at;
        }
        if (!last) return;
        if (const auto problem = constraint.problem(value_)) {
            problems.push_back({last->file, last->line, last->column, *problem});
        }
    }

    const Table<T>& table_;
    Declared declared_;
    std::map<std::string, Place> given_;
    std::vector<std::string> doubts_;  // prefixes of keys that may not be what was meant
    T value_{};
};

}  // namespace ballast::config
