// One YAML file as a small tree with positions, built from yaml-cpp's events so that nothing is dropped on the way:
// duplicate keys stay visible, and anchors, aliases, tags, deep nesting and second documents are refused before they
// can grow [traps of yaml-cpp 0.7: docs/configuration.md, "What is refused"].
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/diagnostic.h"

namespace ballast::config {

struct Member;

struct Node {
    enum class Kind { null, scalar, sequence, map } kind = Kind::null;
    bool quoted = false;  // a scalar in quotes: text, whatever it looks like
    int line = 1;
    int column = 1;
    std::string text;             // of a scalar
    std::vector<Node> items;      // of a sequence
    std::vector<Member> members;  // of a map, in the order of the file, duplicates included
};

struct Member {
    Node key;
    Node value;
};

/// The value of a key of a map, or the map itself when it has no such key: where a problem of it is shown.
const Node& value_of(const Node& map, const std::string& key);

/// A larger file is refused; the largest sensible one is a hundredth of this.
constexpr std::size_t max_file_size = std::size_t{1} << 20U;
/// Maps and lists within each other. The options need four.
constexpr int max_depth = 20;

/// The root of the only document: a map, or null when the text has no content. Nothing when the text is not
/// acceptable; exactly one diagnostic says why.
std::optional<Node> parse_yaml(const std::string& file, const std::string& text, Diagnostics& problems);

}  // namespace ballast::config
