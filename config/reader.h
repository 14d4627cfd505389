// Walks a tree of one file along the known keys and collects what is wrong. One Reader a file, used by one load.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/yaml_tree.h"

namespace ballast::config {

/// Where something was written.
struct Place {
    std::string file;
    int line = 1;
    int column = 1;
};
std::string to_string(const Place& place);  // "file:line:column"

/// Names that must be unique over all files of a load, such as those of rules: "rule web-apart" -> its place.
using Declared = std::map<std::string, Place>;

/// More problems than this in one file tell nothing new.
constexpr std::size_t max_problems_per_file = 100;

class Reader {
public:
    Reader(std::string file, Diagnostics& problems, Declared& declared);

    const std::string& file() const { return file_; }
    Place place(const Node& node) const { return {file_, node.line, node.column}; }

    /// Records a problem of the key that is being read, at the node.
    void error(const Node& at, const std::string& message);
    /// Further problems will not be shown: no need to find good words for them.
    bool full() const { return errors_ > max_problems_per_file; }
    /// How often error() was called: a caller compares before and after to learn whether a part was fine.
    std::size_t errors() const { return errors_; }

    /// Says that the keys with this prefix may not be what was meant, after an unknown or unreadable one.
    void doubt(const std::string& prefix);
    const std::vector<std::string>& doubts() const { return doubts_; }

    /// Records a problem and returns false if the name was declared before.
    bool declare(const std::string& kind, const std::string& name, const Node& at);

    /// The key being read, within the one read so far: the beginning of messages, until the destructor.
    class Subject {
    public:
        Subject(Reader& reader, const std::string& key);
        ~Subject();
        Subject(const Subject&) = delete;
        Subject& operator=(const Subject&) = delete;

    private:
        Reader& reader_;
        std::string outer_;
    };

private:
    std::string file_;
    Diagnostics& problems_;
    Declared& declared_;
    std::string subject_;  // dotted
    std::vector<std::string> doubts_;
    std::size_t errors_ = 0;
};

/// Calls `visit` with each key of `known` (dotted, e.g. "overload.cpu.above") that the map has, with a value that is
/// not null. Unknown, duplicate and empty keys become problems and are not visited.
using Visit = std::function<void(const std::string& key, const Member& member)>;
void walk(const Node& map, const std::set<std::string>& known, Reader& reader, const Visit& visit);

/// "a list", "a map", "nothing", for messages about a wrong kind of node.
std::string kind_name(const Node& node);

}  // namespace ballast::config
