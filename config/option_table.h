// The option tables: one row a key with its type, range, default and meaning. Loading, `to_yaml` and the reference in
// docs/ all go through them. Built once by policy_table() and daemon_table(); values, no state.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/codec.h"
#include "config/daemon_options.h"
#include "config/reader.h"
#include "policy/options.h"

namespace ballast::config {

/// What people are told about one key.
struct KeyInfo {
    std::string key;  // dotted: "overload.cpu.above"
    std::string type;
    std::string range;  // empty: none
    std::string doc;    // one line, the unit in it where the value has none
};

/// One row for the struct T.
template <class T>
struct Option {
    KeyInfo info;
    std::vector<KeyInfo> fields;  // of each entry, when the option is a list of maps
    bool adds_up = false;         // a list that several files may add to; other keys have one value
    std::function<bool(T&, const Node&, Reader&)> read;
    std::function<std::string(const T&)> write;
    std::function<void(T& into, const T& from)> merge;
};

/// What must hold between keys; asked only when all of them were read without a problem.
template <class T>
struct Constraint {
    std::vector<std::string> keys;
    std::function<std::optional<std::string>(const T&)> problem;
};

template <class T>
struct Table {
    std::string title;                                          // first lines of the generated YAML
    std::vector<std::pair<std::string, std::string>> sections;  // "overload.cpu" -> its meaning
    std::vector<Option<T>> options;
    std::vector<Constraint<T>> constraints;

    std::set<std::string> keys() const {
        std::set<std::string> found;
        for (const auto& option : options) found.insert(option.info.key);
        return found;
    }
    const Option<T>& at(const std::string& key) const {
        for (const auto& option : options) {
            if (option.info.key == key) return option;
        }
        assertion_failed("key of the table", __FILE__, __LINE__);
    }
};

/// field(&Options::limits, &LimitOptions::cluster): a member of a member, of const and mutable objects alike.
template <class... Members>
constexpr auto field(Members... members) {
    return [members...](auto& object) -> auto& {
        return (object.*....*members);
    };
}

template <class T, class V, class Field>
Option<T> option(std::string key, Codec<V> codec, Field field_of, std::string doc) {
    Option<T> row;
    row.info = {std::move(key), codec.type, codec.range, std::move(doc)};
    row.read = [read = codec.read, field_of](T& object, const Node& node, Reader& reader) {
        auto value = read(node, reader);
        if (value) field_of(object) = std::move(*value);
        return value.has_value();
    };
    row.write = [write = codec.write, field_of](const T& object) { return write(field_of(object)); };
    row.merge = [field_of](T& into, const T& from) { field_of(into) = field_of(from); };
    return row;
}

/// Reads a map by the rows of a table; returns the keys that were given and understood, with their places.
template <class T>
std::map<std::string, Place> read_map(const std::vector<Option<T>>& options, const Node& map, T& object,
                                      Reader& reader) {
    std::set<std::string> known;
    for (const auto& row : options) known.insert(row.info.key);
    std::map<std::string, Place> given;
    walk(map, known, reader, [&](const std::string& key, const Member& member) {
        for (const auto& row : options) {
            if (row.info.key != key) continue;
            const Reader::Subject subject(reader, key);
            if (row.read(object, member.value, reader)) {
                given[key] = reader.place(member.key);
            } else {
                reader.doubt(key);
            }
        }
    });
    return given;
}

/// A map in braces with the keys that differ from the defaults.
template <class T>
std::string write_map(const std::vector<Option<T>>& options, const T& object) {
    const T defaults{};
    std::string text;
    for (const auto& row : options) {
        const std::string value = row.write(object);
        if (value != row.write(defaults)) text += (text.empty() ? "" : ", ") + row.info.key + ": " + value;
    }
    return "{" + text + "}";
}

/// A list of maps. `finish` checks one complete entry, records its problems and turns it into the final value.
template <class V, class Form>
Codec<std::vector<V>> list_of_maps(std::vector<Option<Form>> rows,
                                   std::function<std::optional<V>(const Form&, const Node&, Reader&)> finish,
                                   std::function<Form(const V&)> form_of) {
    auto read = [rows, finish](const Node& node, Reader& reader) -> std::optional<std::vector<V>> {
        const auto errors_before = reader.errors();
        if (node.kind != Node::Kind::sequence)
            reader.error(node, "expected a list of entries, found " + kind_name(node));
        std::vector<V> values;
        for (const auto& item : node.items) {
            const auto errors_before_item = reader.errors();
            Form form;
            if (item.kind != Node::Kind::map) {
                reader.error(item, "expected an entry such as {name: ...}, found " + kind_name(item));
            } else {
                read_map(rows, item, form, reader);
            }
            if (reader.errors() != errors_before_item) continue;
            if (auto value = finish(form, item, reader)) values.push_back(std::move(*value));
        }
        return reader.errors() == errors_before ? std::optional(std::move(values)) : std::nullopt;
    };
    auto write = [rows, form_of](const std::vector<V>& values) {
        std::string text;
        for (const auto& value : values) text += "\n  - " + write_map(rows, form_of(value));
        return text.empty() ? "[]" : text;
    };
    return {"list of entries", {}, std::move(read), std::move(write)};
}

const Table<policy::Options>& policy_table();
const Table<DaemonOptions>& daemon_table();

}  // namespace ballast::config
