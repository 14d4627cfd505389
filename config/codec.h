// How one kind of value is described, read and written. A Codec is a value; the option tables are made of them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/reader.h"
#include "model/result.h"
#include "model/units.h"

namespace ballast::config {

template <class V>
struct Codec {
    std::string type;   // for people: "duration"
    std::string range;  // for people: "1s to 1h"; empty when there is none
    /// Nothing when the node is not acceptable: then it has recorded at least one problem.
    std::function<std::optional<V>(const Node&, Reader&)> read;
    /// Flow YAML that read() takes back; a text that begins with a line break is a block.
    std::function<std::string(const V&)> write;
};

/// "a duration", "an absolute path"; lists of words stay as they are.
std::string with_article(const std::string& type);

/// A value written as one word; `words_only` refuses quotes, which make a text of it.
template <class V>
Codec<V> scalar(std::string type, bool words_only, std::function<Result<V>(const std::string&)> parse,
                std::function<std::string(const V&)> write) {
    auto read = [type, words_only, parse](const Node& node, Reader& reader) -> std::optional<V> {
        if (node.kind != Node::Kind::scalar) {
            reader.error(node, "expected " + with_article(type) + ", found " + kind_name(node));
        } else if (words_only && node.quoted) {
            reader.error(node, "expected " + with_article(type) + ", found text in quotes");
        } else if (const auto value = parse(node.text)) {
            return *value;
        } else {
            reader.error(node, value.error().message);
        }
        return std::nullopt;
    };
    return {std::move(type), {}, std::move(read), std::move(write)};
}

/// The same codec, refusing values outside [low, high].
template <class V>
Codec<V> within(Codec<V> codec, V low, V high) {
    codec.range = codec.write(low) + " to " + codec.write(high);
    codec.read = [read = codec.read, low, high, range = codec.range](const Node& node, Reader& reader) {
        auto value = read(node, reader);
        if (value && (*value < low || high < *value)) {
            reader.error(node, "`" + node.text + "` is out of range; allowed is " + range);
            value.reset();
        }
        return value;
    };
    return codec;
}

Codec<bool> boolean();
Codec<double> ratio(double low, double high);
Codec<Bytes> bytes(Bytes low, Bytes high);
Codec<Duration> duration(Duration low, Duration high);
Codec<double> rate(double low_mib_per_s, double high_mib_per_s);
Codec<unsigned> count(unsigned low, unsigned high);
Codec<double> number(double low, double high);
/// A map of names to names, such as labels.
Codec<std::map<std::string, std::string>> names_by_name();
/// A map of names to command lines: lists of words, the first one an absolute path.
Codec<std::map<std::string, std::vector<std::string>>> commands_by_name();
/// Any text that `check` accepts; `type` names it for people.
Codec<std::string> text(std::string type, std::function<Result<std::string>(const std::string&)> check);
/// One word of a list.
Codec<std::string> choice(std::vector<std::string> words);

/// `word` stands for "not set".
template <class V>
Codec<std::optional<V>> or_word(Codec<V> codec, const std::string& word) {
    using Optional = std::optional<V>;
    auto read = [word, inner = codec.read](const Node& node, Reader& reader) -> std::optional<Optional> {
        if (node.kind == Node::Kind::scalar && node.text == word) return Optional{};
        auto value = inner(node, reader);
        return value ? std::optional<Optional>(std::move(value)) : std::nullopt;
    };
    auto write = [word, inner = codec.write](const Optional& value) { return value ? inner(*value) : word; };
    return {codec.type + " or `" + word + "`", codec.range, std::move(read), std::move(write)};
}

/// At least `least` items, none twice; `plural` is what people call them.
template <class V>
Codec<std::vector<V>> list_of(const std::string& plural, Codec<V> item, std::size_t least) {
    auto read = [item, least](const Node& node, Reader& reader) -> std::optional<std::vector<V>> {
        if (node.kind != Node::Kind::sequence) {
            reader.error(node, "expected a list in brackets, found " + kind_name(node));
            return std::nullopt;
        }
        const auto errors_before = reader.errors();
        if (node.items.size() < least) reader.error(node, "the list is empty; it needs at least one entry");
        std::vector<V> values;
        std::set<std::string> seen;
        for (const auto& entry : node.items) {
            auto value = item.read(entry, reader);
            if (!value) continue;
            if (!seen.insert(item.write(*value)).second) reader.error(entry, kind_name(entry) + " is listed twice");
            values.push_back(std::move(*value));
        }
        return reader.errors() == errors_before ? std::optional(std::move(values)) : std::nullopt;
    };
    auto write = [inner = item.write](const std::vector<V>& values) {
        std::string text = "[";
        for (const auto& value : values) text += (text.size() > 1 ? ", " : "") + inner(value);
        return text + "]";
    };
    return {"list of " + plural, item.range, std::move(read), std::move(write)};
}

/// The same codec for another type that converts to and from V without loss.
template <class To, class V>
Codec<To> converted(Codec<V> codec, std::function<To(const V&)> forth, std::function<V(const To&)> back) {
    auto read = [inner = codec.read, forth](const Node& node, Reader& reader) -> std::optional<To> {
        const auto value = inner(node, reader);
        return value ? std::optional<To>(forth(*value)) : std::nullopt;
    };
    auto write = [inner = codec.write, back](const To& value) { return inner(back(value)); };
    return {codec.type, codec.range, std::move(read), std::move(write)};
}

/// A text as a YAML scalar that reads back as the same text: in quotes unless it cannot be mistaken.
std::string yaml_text(const std::string& value);

}  // namespace ballast::config
