#include "config/codec.h"

#include <algorithm>
#include <cctype>

#include "config/names.h"
#include "config/quantities.h"
#include "config/text.h"

namespace ballast::config {

std::string with_article(const std::string& type) {
    const bool words = type.starts_with('`') || type.starts_with("true") || type.starts_with("ADDRESS");
    if (words) return type;
    return (std::string_view("aeio").find(type.front()) != std::string_view::npos ? "an " : "a ") + type;
}

Codec<bool> boolean() {
    return scalar<bool>("true or false", true, parse_boolean, write_boolean);
}

Codec<double> ratio(double low, double high) {
    return within(scalar<double>("percentage", false, parse_ratio, write_ratio), low, high);
}

Codec<Bytes> bytes(Bytes low, Bytes high) {
    return within(scalar<Bytes>("size", false, parse_bytes, write_bytes), low, high);
}

Codec<Duration> duration(Duration low, Duration high) {
    return within(scalar<Duration>("duration", false, parse_duration, write_duration), low, high);
}

Codec<double> rate(double low_mib_per_s, double high_mib_per_s) {
    return within(scalar<double>("rate", false, parse_rate, write_rate), low_mib_per_s, high_mib_per_s);
}

Codec<unsigned> count(unsigned low, unsigned high) {
    const auto write = [](std::uint64_t value) { return std::to_string(value); };
    auto wide = within<std::uint64_t>(scalar<std::uint64_t>("whole number", true, parse_count, write), low, high);
    return converted<unsigned, std::uint64_t>(
        std::move(wide), [](std::uint64_t value) { return static_cast<unsigned>(value); },
        [](unsigned value) { return std::uint64_t{value}; });
}

Codec<double> number(double low, double high) {
    return within(scalar<double>("number", true, parse_number, write_number), low, high);
}

namespace {
// One label; nothing when it was refused.
std::optional<std::pair<std::string, std::string>> name_of_name(const Member& member, Reader& reader) {
    const auto errors_before = reader.errors();
    for (const Node* node : {&member.key, &member.value}) {
        if (node->kind != Node::Kind::scalar)
            reader.error(*node, "expected a name, found " + kind_name(*node));
        else if (const auto name = check_name(node->text); !name)
            reader.error(*node, name.error().message);
    }
    if (reader.errors() != errors_before) return std::nullopt;
    return std::pair{member.key.text, member.value.text};
}
}  // namespace

Codec<std::map<std::string, std::string>> names_by_name() {
    using Names = std::map<std::string, std::string>;
    auto read = [](const Node& node, Reader& reader) -> std::optional<Names> {
        const auto errors_before = reader.errors();
        if (node.kind != Node::Kind::map)
            reader.error(node, "expected names in braces such as {rack: r1}, found " + kind_name(node));
        Names names;
        for (const auto& member : node.members) {
            const auto name = name_of_name(member, reader);
            if (name && !names.insert(*name).second)
                reader.error(member.key, "duplicate key " + quoted(member.key.text));
        }
        return reader.errors() == errors_before ? std::optional(std::move(names)) : std::nullopt;
    };
    auto write = [](const Names& names) {
        std::string text;
        for (const auto& [name, value] : names)
            text += (text.empty() ? "" : ", ") + yaml_text(name) + ": " + yaml_text(value);
        return "{" + text + "}";
    };
    return {"map of names", {}, std::move(read), std::move(write)};
}

namespace {
// Words may repeat, as command lines do.
std::vector<std::string> command_line(const Node& node, Reader& reader) {
    std::vector<std::string> words;
    if (node.kind != Node::Kind::sequence || node.items.empty())
        reader.error(node,
                     "expected a command line in brackets such as [/usr/local/sbin/upgrade], found " + kind_name(node));
    for (const auto& item : node.items) {
        if (item.kind != Node::Kind::scalar)
            reader.error(item, "expected a word of a command line, found " + kind_name(item));
        else
            words.push_back(item.text);
    }
    if (node.items.empty() || words.empty()) return words;
    const auto program = check_path(words.front());
    if (!program) reader.error(node.items.front(), program.error().message);
    // It is started by env(1), to which that would be a variable.
    else if (words.front().find('=') != std::string::npos)
        reader.error(node.items.front(), quoted(words.front()) + " has `=` in it; give the program another name");
    return words;
}
}  // namespace

Codec<std::map<std::string, std::vector<std::string>>> commands_by_name() {
    using Commands = std::map<std::string, std::vector<std::string>>;
    auto read = [](const Node& node, Reader& reader) -> std::optional<Commands> {
        const auto errors_before = reader.errors();
        if (node.kind != Node::Kind::map)
            reader.error(node, "expected commands in braces such as {upgrade: [/usr/local/sbin/upgrade]}, found " +
                                   kind_name(node));
        Commands commands;
        for (const auto& member : node.members) {
            if (const auto name = check_name(member.key.text); !name) reader.error(member.key, name.error().message);
            if (!commands.emplace(member.key.text, command_line(member.value, reader)).second)
                reader.error(member.key, "duplicate key " + quoted(member.key.text));
        }
        return reader.errors() == errors_before ? std::optional(std::move(commands)) : std::nullopt;
    };
    auto write = [](const Commands& commands) {
        std::string text;
        for (const auto& [name, words] : commands) {
            std::string line;
            for (const std::string& word : words) line += (line.empty() ? "" : ", ") + yaml_text(word);
            text += (text.empty() ? "" : ", ") + yaml_text(name) + ": [" + line + "]";
        }
        return "{" + text + "}";
    };
    return {"map of command lines", {}, std::move(read), std::move(write)};
}

Codec<std::string> text(std::string type, std::function<Result<std::string>(const std::string&)> check) {
    return scalar<std::string>(std::move(type), false, std::move(check), yaml_text);
}

Codec<std::string> choice(std::vector<std::string> words) {
    std::string type;
    for (const auto& word : words)
        type += (type.empty() ? "" : word == words.back() ? " or " : ", ") + ("`" + word + "`");
    const auto check = [words, type](const std::string& word) -> Result<std::string> {
        if (std::find(words.begin(), words.end(), word) != words.end()) return word;
        const auto near = did_you_mean(word, words);
        return Error{ErrorCode::invalid,
                     {},
                     "expected " + type + ", found " + quoted(word) + (near ? "; did you mean `" + *near + "`?" : "")};
    };
    return scalar<std::string>(type, false, check, yaml_text);
}

namespace {

bool is_plain(const std::string& value) {
    const auto harmless = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
               std::string_view("._-/+").find(c) != std::string::npos;
    };
    const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '/'; };
    if (value.empty() || !letter(value.front()) || !std::all_of(value.begin(), value.end(), harmless)) return false;
    // Words that YAML readers take for something else than text.
    static const std::set<std::string> special = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    std::string lower = value;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return !special.contains(lower);
}

}  // namespace

std::string yaml_text(const std::string& value) {
    if (is_plain(value)) return value;
    std::string quoted_value = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') quoted_value += '\\';
        quoted_value += c;
    }
    return quoted_value + "\"";
}

}  // namespace ballast::config
