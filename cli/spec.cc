#include "cli/spec.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <utility>

#include "config/text.h"

namespace ballast::cli {

namespace {
// What an argument or an option's value is called says what it names.
Argument argument_of(const CLI::Option& option) {
    static const std::map<std::string, Kind> kinds = {
        {"HOST", Kind::host}, {"VM", Kind::vm}, {"ID", Kind::operation}, {"FILE", Kind::file}, {"DIR", Kind::file}};
    static const std::map<std::string, std::vector<std::string>> words = {
        {"FORM", {"table", "json", "yaml"}},   {"WHEN", {"auto", "always", "never"}},
        {"HOW", {"power", "command", "none"}}, {"MODE", {"observe", "confirm", "automatic", "policy"}},
        {"SHELL", {"bash", "zsh", "fish"}},    {"CYCLE", {"last"}}};
    const std::string type = option.get_type_name();  // "FORM:{table,json,yaml}"
    const std::string name = option.get_positional() ? option.get_single_name() : type.substr(0, type.find(':'));
    const bool repeats = option.get_items_expected_max() > 1;
    // A value that may be left out is not waited for.
    if (option.get_items_expected_max() == 0 || option.get_items_expected_min() == 0) return {};
    if (const auto found = kinds.find(name); found != kinds.end()) return {found->second, {}, repeats};
    if (const auto found = words.find(name); found != words.end()) return {Kind::word, found->second, repeats};
    return {Kind::any, {}, repeats};
}

std::vector<std::string> names_of(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option.get_snames()) names.push_back("-" + name);
    return names;
}

}  // namespace

VerbSpec spec_of(const CLI::App& app) {
    VerbSpec spec{app.get_name(), {}, {}, {}};
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional())
            spec.arguments.push_back(argument_of(*option));
        else
            spec.options.push_back({names_of(*option), argument_of(*option)});
    }
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        if (!verb->get_group().empty()) spec.verbs.push_back(spec_of(*verb));
    return spec;
}

namespace {
template <class Range, class Name>
std::string did_you_mean(const std::string& word, const Range& range, Name names) {
    std::vector<std::string> known;
    for (const auto& one : range)
        for (const std::string& name : names(one)) known.push_back(name);
    const auto meant = config::did_you_mean(word, known);
    return meant ? "; did you mean " + *meant + "?" : "";
}

std::vector<std::string> names_of_verb(const VerbSpec& verb) {
    return {verb.name};
}

std::vector<std::string> names_of_option(const OptionSpec& option) {
    return option.names;
}

const OptionSpec* find_option(const VerbSpec& verb, const std::string& name) {
    for (const OptionSpec& option : verb.options)
        if (std::find(option.names.begin(), option.names.end(), name) != option.names.end()) return &option;
    return nullptr;
}

// The verb that the words have got to, and how it is typed.
struct Reached {
    const VerbSpec* root;
    const VerbSpec* verb;
    std::string typed = "ballastctl";

    const OptionSpec* option(const std::string& name) const {
        const OptionSpec* own = find_option(*verb, name);
        return own ? own : find_option(*root, name);
    }
    std::string unknown_option(const std::string& name) const {
        auto options = verb->options;
        options.insert(options.end(), root->options.begin(), root->options.end());
        return typed + " has no option " + name + did_you_mean(name, options, names_of_option);
    }
    std::string unknown_verb(const std::string& word) const {
        const std::string meant = did_you_mean(word, verb->verbs, names_of_verb);
        return "there is no verb " + (verb == root ? "" : typed.substr(typed.find(' ') + 1) + " ") + word +
               (meant.empty() ? "; " + typed + " --help lists them" : meant);
    }
};
}  // namespace

std::string advice_for(const VerbSpec& root, const std::vector<std::string>& words) {
    Reached at{&root, &root};
    bool is_value = false;
    for (const std::string& word : words) {
        if (std::exchange(is_value, false)) continue;
        if (word == "--") return "";
        if (word.starts_with("-") && word.size() > 1) {
            const std::string name = word.substr(0, word.find('='));
            const OptionSpec* option = at.option(name);
            if (option == nullptr && word.starts_with("--")) return at.unknown_option(name);
            is_value = option != nullptr && option->value.kind != Kind::none && name == word;
            continue;
        }
        const auto next = std::find_if(at.verb->verbs.begin(), at.verb->verbs.end(),
                                       [&](const VerbSpec& verb) { return verb.name == word; });
        if (next != at.verb->verbs.end()) {
            at.verb = &*next;
            at.typed += " " + word;
        } else if (!at.verb->verbs.empty() && at.verb->arguments.empty()) {
            return at.unknown_verb(word);
        }
    }
    return "";
}

}  // namespace ballast::cli
