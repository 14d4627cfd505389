#include "cli/structured.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "cli/unicode.h"

namespace ballast::cli {

namespace {
namespace json = boost::json;

std::string indent(int depth) {
    return std::string(static_cast<std::size_t>(2 * depth), ' ');
}

void append_unit(std::string& out, unsigned unit) {
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", unit);
    out += text;
}

// A surrogate pair where one unit does not hold it [RFC 8259, 7].
void append_escaped(std::string& out, char32_t character) {
    const auto code = static_cast<unsigned>(character);
    if (code < 0x10000) return append_unit(out, code);
    append_unit(out, 0xd800 + ((code - 0x10000) >> 10));
    append_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

// Valid in JSON and, as a double-quoted scalar, in YAML.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        if (point.value == '"' || point.value == '\\')
            out += std::string("\\") + static_cast<char>(point.value);
        else if (point.value == '\n')
            out += "\\n";
        else if (!point.valid || is_unsafe(point.value))
            append_escaped(out, point.value);
        else
            out += text.substr(0, point.bytes);
        text.remove_prefix(point.bytes);
    }
    return out + "\"";
}

std::string_view view(const json::string& string) {
    return {string.data(), string.size()};
}
std::string_view view(json::string_view string) {
    return {string.data(), string.size()};
}

// "14.2" rather than Boost's "1.42E1", which YAML 1.1 readers take for text.
std::string decimal(double number) {
    if (std::abs(number) < 1e-9 || std::abs(number) > 1e15) return json::serialize(json::value(number));
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::fixed);
    return {text, end.ptr};
}

std::string scalar(const json::value& value) {
    if (value.is_double()) return decimal(value.get_double());
    return value.is_string() ? quoted(view(value.get_string())) : json::serialize(value);
}

// In one line below this depth.
constexpr int one_line = -1;

void write_json(const json::value& value, int depth, std::string& out);

template <class Range, class Write>
void write_members(const Range& range, char open, char close, int depth, std::string& out, Write write) {
    out += open;
    bool first = true;
    for (const auto& member : range) {
        out += first ? "" : depth == one_line ? ", " : ",";
        if (depth != one_line) out += "\n" + indent(depth + 1);
        write(member);
        first = false;
    }
    if (!first && depth != one_line) out += "\n" + indent(depth);
    out += close;
}

void write_json(const json::value& value, int depth, std::string& out) {
    const int below = depth == one_line ? one_line : depth + 1;
    if (const auto* object = value.if_object())
        write_members(*object, '{', '}', depth, out, [&](const auto& member) {
            out += quoted(view(member.key())) + ": ";
            write_json(member.value(), below, out);
        });
    else if (const auto* array = value.if_array())
        write_members(*array, '[', ']', depth, out, [&](const auto& member) { write_json(member, below, out); });
    else
        out += scalar(value);
}

// Words that YAML 1.1 readers take for something else than a string.
bool is_yaml_word(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::array words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    return std::find(words.begin(), words.end(), lower) != words.end();
}

bool is_plain(std::string_view text) {
    if (text.empty() || !std::isalpha(static_cast<unsigned char>(text.front())) || is_yaml_word(text)) return false;
    return std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/'; });
}

std::string yaml_scalar(const json::value& value) {
    if (value.is_string() && is_plain(view(value.get_string()))) return std::string(view(value.get_string()));
    return scalar(value);
}

bool is_block(const json::value& value) {
    return (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
}

// Writes a block's lines; the first one goes on where `out` stands.
void write_yaml(const json::value& value, int depth, std::string& out) {
    bool first = true;
    const auto start = [&] {
        if (!first) out += indent(depth);
        first = false;
    };
    if (const auto* object = value.if_object()) {
        for (const auto& member : *object) {
            start();
            out += (is_plain(view(member.key())) ? std::string(view(member.key())) : quoted(view(member.key()))) + ":";
            if (is_block(member.value())) {
                out += "\n" + indent(depth + 1);
                write_yaml(member.value(), depth + 1, out);
            } else {
                out += " " + yaml_scalar(member.value()) + "\n";
            }
        }
    } else if (const auto* array = value.if_array()) {
        for (const auto& member : *array) {
            start();
            out += "- ";
            if (is_block(member))
                write_yaml(member, depth + 1, out);
            else
                out += yaml_scalar(member) + "\n";
        }
    }
}
}  // namespace

std::string to_pretty_json(const json::value& value) {
    std::string out;
    write_json(value, 0, out);
    return out + "\n";
}

std::string to_json_line(const json::value& value) {
    std::string out;
    write_json(value, one_line, out);
    return out + "\n";
}

std::string to_yaml(const json::value& value) {
    if (!is_block(value)) return yaml_scalar(value) + "\n";
    std::string out;
    write_yaml(value, 0, out);
    return out;
}

}  // namespace ballast::cli
