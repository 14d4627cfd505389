// What could come next on a half-typed command line. The shells only ask and show: all knowledge is here, taken from
// the same definition of verbs and options that parses the command line. Pure.
#pragma once

#include <string>
#include <vector>

namespace ballast::cli {

/// What a positional argument or an option's value names, and so where its candidates come from.
enum class Kind { none, any, word, file, host, vm, operation };

struct Argument {
    Kind kind = Kind::none;          // none: an option without a value
    std::vector<std::string> words;  // for Kind::word
    bool repeats = false;            // the last argument may come more than once
};

struct OptionSpec {
    std::vector<std::string> names;  // with their dashes
    Argument value;
};

struct VerbSpec {
    std::string name;
    std::vector<OptionSpec> options;  // at the root: those that every verb has
    std::vector<Argument> arguments;
    std::vector<VerbSpec> verbs;
};

struct Candidates {
    std::vector<std::string> words;  // not yet filtered by what was typed
    Kind kind = Kind::none;          // names to ask the daemon for, or files, besides the words
};

/// `typed` are the words after "ballastctl", the last one being the unfinished one (maybe empty).
Candidates candidates(const VerbSpec& root, const std::vector<std::string>& typed);

/// The script for bash, zsh or fish. Requires one of these names.
std::string completion_script(const std::string& shell);

}  // namespace ballast::cli
