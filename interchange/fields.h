// How values become JSON and come back: a type says its fields once, one line each, and writing, strict reading and the
// JSON schema all follow from that. A field that is forgotten does not compile. Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "interchange/json_text.h"
#include "model/ids.h"
#include "model/units.h"

namespace ballast::interchange {

namespace json = boost::json;

/// What a number may be, both ends included.
struct Range {
    double low = 0;
    double high = 1e9;  // cores, MiB/s, ratios: nothing measured comes near, and no sum of 200,000 overflows
};
inline constexpr Range most_cpus{0, 65536};    // eight times what Linux can have (NR_CPUS 8192)
inline constexpr Range most_pages{0, 0x1p48};  // 4 KiB pages in 1 EiB
inline constexpr double most_bytes = 0x1p60;   // 1 EiB
inline constexpr double longest_ms = 3.2e12;   // 100 years
inline constexpr double farthest_ms = 1e14;    // an Instant counts from a boot and may lie before it

template <class T, class V>
struct Field {
    const char* key;
    V T::*member;
    bool required;  // else what is absent has the value of a new T: no figure is ever made up for one that is needed
    Range range;
};
template <class T, class V>
constexpr Field<T, V> field(const char* key, V T::*member, Range range = {}) {
    return {key, member, false, range};
}
template <class T, class V>
constexpr Field<T, V> required(const char* key, V T::*member, Range range = {}) {
    return {key, member, true, range};
}

/// Specialised for each type that is written: `static constexpr auto fields = std::tuple{field(...), ...}`.
template <class T>
struct Described;
template <class T>
concept HasFields = requires {
    Described<T>::fields;
};

/// Fields that mean nothing outside this process and are not written: `static constexpr std::size_t not_written`.
template <HasFields T>
constexpr std::size_t not_written() {
    if constexpr (requires { Described<T>::not_written; }) return Described<T>::not_written;
    return 0;
}

template <HasFields T>
constexpr const auto& fields_of() {
    static_assert(std::tuple_size_v<std::remove_cvref_t<decltype(Described<T>::fields)>> + not_written<T>() ==
                      boost::pfr::tuple_size_v<T>,
                  "this type has a field that its table in interchange/ does not name");
    return Described<T>::fields;
}

/// The words of an enumeration in its order, told by to_string(), which repeats itself beyond the last one.
template <class E>
std::vector<std::pair<E, std::string>> words_of() {
    std::vector<std::pair<E, std::string>> words;
    std::set<std::string> seen;
    for (int i = 0;; ++i) {
        const E value = static_cast<E>(i);
        std::string word = to_string(value);
        if (!seen.insert(word).second) return words;
        words.emplace_back(value, std::move(word));
    }
}

/// Where the reader is: a chain on the stack, spelled out only for an error.
struct Path {
    const Path* up = nullptr;
    std::string_view key;
    std::optional<std::size_t> index;
    std::string text() const {
        const std::string before = up ? up->text() : "";
        if (index) return before + "[" + std::to_string(*index) + "]";
        return before + (before.empty() ? "" : ".") + std::string(key);
    }
};

/// The first thing that is wrong; all readers return false once there is one.
struct Reader {
    std::size_t offset = 0;
    std::string message;
    bool passes_over_unknown = false;  // keys that no table has are no error: a newer version wrote them
    bool fail(const Node& node, const Path& path, const std::string& what) { return fail(node.offset, path, what); }
    bool fail(std::size_t at, const Path& path, const std::string& what) {
        offset = at;
        const std::string where = path.text();
        message = (where.empty() ? "" : where + ": ") + what;
        return false;
    }
    bool expect(const Node& node, Node::Kind kind, const Path& path) {
        return node.kind == kind || fail(node, path, "expected " + name_of(kind) + ", found " + name_of(node.kind));
    }
};

// Implementation for readers of the tables: not for callers.
namespace detail {

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_id : std::false_type {};
template <class Tag>
struct is_id<Id<Tag>> : std::true_type {};
template <class T>
struct is_pair : std::false_type {};
template <class A, class B>
struct is_pair<std::pair<A, B>> : std::true_type {};
/// Seconds, and points in time that count from 1970: whole numbers.
template <class T>
struct is_wall_time : std::false_type {};
template <class D>
struct is_wall_time<std::chrono::sys_time<D>> : std::true_type {};
template <class T>
inline constexpr bool is_seconds = std::is_same_v<T, std::chrono::seconds>;
template <class T>
concept MapLike = requires {
    typename T::mapped_type;
};
template <class T>
concept ListLike = requires {
    typename T::value_type;
}
&&!MapLike<T> && !std::is_same_v<T, std::string>;
/// Values that carry the key they are kept by: written as a list.
template <class T>
concept Keyed = MapLike<T> && requires(typename T::mapped_type v) {
    v.id;
};

inline std::string key_text(const std::string& key) {
    return key;
}
template <class Tag>
std::string key_text(const Id<Tag>& key) {
    return key.value;
}

inline std::string key_text(const Bytes& key) {
    return std::to_string(key.count);
}
inline std::string key_text(unsigned key) {
    return std::to_string(key);
}

// The other way; false when the text is no such key.
template <class N>
bool whole_key(const std::string& text, N& out) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
    return read.ec == std::errc() && read.ptr == text.data() + text.size();
}
inline bool read_key(const std::string& text, std::string& out) {
    out = text;
    return true;
}
template <class Tag>
bool read_key(const std::string& text, Id<Tag>& out) {
    out.value = text;
    return true;
}
inline bool read_key(const std::string& text, Bytes& out) {
    return whole_key(text, out.count);
}
inline bool read_key(const std::string& text, unsigned& out) {
    return whole_key(text, out);
}

inline std::string plain(double number) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, number);
    return {text, end.ptr};
}

std::optional<double> number_of(const Node& node);
bool in_range(const Node& node, double value, Range range, const Path& path, Reader& reader);

template <class N>
bool read_whole(const Node& node, N& out, Range range, const Path& path, Reader& reader) {
    if (!reader.expect(node, Node::Kind::number, path)) return false;
    const auto value = number_of(node);
    if (!value) return reader.fail(node, path, node.text + " is out of range");
    if (!in_range(node, *value, range, path, reader)) return false;
    const char* end = node.text.data() + node.text.size();
    if (std::from_chars(node.text.data(), end, out).ptr != end)
        return reader.fail(node, path, "expected a whole number, found " + node.text);
    return true;
}

}  // namespace detail

template <class T>
json::value to_json(const T& value) {
    using namespace detail;
    if constexpr (std::is_same_v<T, std::optional<double>>) {
        // To the policy what is not a finite number of at least zero was not measured (policy/estimators.h).
        return value && *value >= 0 && std::isfinite(*value) ? json::value(*value) : json::value();
    } else if constexpr (is_optional<T>::value) {
        return value ? to_json(*value) : json::value();
    } else if constexpr (HasFields<T>) {
        json::object out;
        std::apply([&](const auto&... f) { ((out[f.key] = to_json(value.*f.member)), ...); }, fields_of<T>());
        return out;
    } else if constexpr (std::is_same_v<T, double>) {
        return std::isfinite(value) ? json::value(value) : json::value();
    } else if constexpr (std::is_same_v<T, Bytes>) {
        return value.count;
    } else if constexpr (std::is_same_v<T, Duration>) {
        return value.count();
    } else if constexpr (std::is_same_v<T, Instant>) {
        return value.time_since_epoch().count();
    } else if constexpr (is_pair<T>::value) {
        return json::array{to_json(value.first), to_json(value.second)};
    } else if constexpr (is_wall_time<T>::value) {
        return value.time_since_epoch().count();
    } else if constexpr (is_seconds<T>) {
        return value.count();
    } else if constexpr (is_id<T>::value) {
        return json::value(value.value);
    } else if constexpr (std::is_enum_v<T>) {
        return json::value(to_string(value));
    } else if constexpr (Keyed<T>) {
        json::array out;
        for (const auto& [key, item] : value) out.push_back(to_json(item));
        return out;
    } else if constexpr (MapLike<T>) {
        json::object out;
        for (const auto& [key, item] : value) out[key_text(key)] = to_json(item);
        return out;
    } else if constexpr (ListLike<T>) {
        json::array out;
        for (const auto& item : value) out.push_back(to_json(item));
        return out;
    } else {
        return json::value(value);
    }
}

template <class T>
bool from_json(const Node& node, T& out, Range range, const Path& path, Reader& reader);

namespace detail {

template <class T>
bool read_fields(const Node& node, T& out, const Path& path, Reader& reader) {
    if (!reader.expect(node, Node::Kind::object, path)) return false;
    std::set<std::string_view> known;
    const auto read_one = [&](const auto& f) {
        known.insert(f.key);
        for (const Member& member : node.members)
            if (member.key == f.key)
                return from_json(member.value, out.*f.member, f.range, Path{&path, f.key, {}}, reader);
        return !f.required || reader.fail(node, path, std::string("`") + f.key + "` is missing");
    };
    if (!std::apply([&](const auto&... f) { return (read_one(f) && ...); }, fields_of<T>())) return false;
    for (const Member& member : node.members)
        if (!known.contains(member.key) && !reader.passes_over_unknown)
            return reader.fail(member.offset, path, "there is no key `" + member.key + "`");
    return true;
}

template <class T>
bool read_keyed(const Node& node, T& out, Range range, const Path& path, Reader& reader) {
    if (!reader.expect(node, Node::Kind::array, path)) return false;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const Path here{&path, {}, i};
        typename T::mapped_type item;
        if (!from_json(node.items[i], item, range, here, reader)) return false;
        auto id = item.id;
        if (id.empty()) return reader.fail(node.items[i], here, "the id is empty");
        if (!out.emplace(id, std::move(item)).second)
            return reader.fail(node.items[i], here, "there is another one with the id " + id.value);
    }
    return true;
}

template <class T>
bool read_map(const Node& node, T& out, Range range, const Path& path, Reader& reader) {
    if (!reader.expect(node, Node::Kind::object, path)) return false;
    for (const Member& member : node.members) {
        typename T::key_type key{};
        if (!read_key(member.key, key)) return reader.fail(member.offset, path, "expected a whole number as the key");
        if (!from_json(member.value, out[key], range, Path{&path, member.key, {}}, reader)) return false;
    }
    return true;
}

template <class T>
bool read_list(const Node& node, T& out, Range range, const Path& path, Reader& reader) {
    if (!reader.expect(node, Node::Kind::array, path)) return false;
    out.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        typename T::value_type item{};
        if (!from_json(node.items[i], item, range, Path{&path, {}, i}, reader)) return false;
        out.insert(out.end(), std::move(item));
    }
    return true;
}

template <class E>
bool read_word(const Node& node, E& out, const Path& path, Reader& reader) {
    if (!reader.expect(node, Node::Kind::text, path)) return false;
    std::string all;
    for (const auto& [value, word] : words_of<E>()) {
        if (word == node.text) {
            out = value;
            return true;
        }
        all += (all.empty() ? "" : ", ") + word;
    }
    return reader.fail(node, path, "expected one of: " + all);
}

}  // namespace detail

template <class T>
bool from_json(const Node& node, T& out, Range range, const Path& path, Reader& reader) {
    using namespace detail;
    if constexpr (is_optional<T>::value) {
        out.reset();
        return node.kind == Node::Kind::null || from_json(node, out.emplace(), range, path, reader);
    } else if constexpr (HasFields<T>) {
        return read_fields(node, out, path, reader);
    } else if constexpr (std::is_same_v<T, bool>) {
        out = node.flag;
        return reader.expect(node, Node::Kind::boolean, path);
    } else if constexpr (std::is_same_v<T, std::string>) {
        out = node.text;
        return reader.expect(node, Node::Kind::text, path);
    } else if constexpr (is_id<T>::value) {
        out.value = node.text;
        return reader.expect(node, Node::Kind::text, path);
    } else if constexpr (std::is_same_v<T, double>) {
        if (!reader.expect(node, Node::Kind::number, path)) return false;
        const auto value = number_of(node);
        if (!value) return reader.fail(node, path, node.text + " is out of range");
        out = *value;
        return in_range(node, out, range, path, reader);
    } else if constexpr (std::is_same_v<T, Bytes>) {
        return read_whole(node, out.count, {0, most_bytes}, path, reader);
    } else if constexpr (std::is_same_v<T, Duration>) {
        Duration::rep count = 0;
        const bool read = read_whole(node, count, {0, longest_ms}, path, reader);
        out = Duration(count);
        return read;
    } else if constexpr (std::is_same_v<T, Instant>) {
        Duration::rep count = 0;
        const bool read = read_whole(node, count, {-farthest_ms, farthest_ms}, path, reader);
        out = Instant(Duration(count));
        return read;
    } else if constexpr (is_pair<T>::value) {
        if (!reader.expect(node, Node::Kind::array, path)) return false;
        if (node.items.size() != 2) return reader.fail(node, path, "expected two values");
        return from_json(node.items[0], out.first, range, Path{&path, {}, 0}, reader) &&
               from_json(node.items[1], out.second, range, Path{&path, {}, 1}, reader);
    } else if constexpr (is_wall_time<T>::value) {
        typename T::rep count = 0;
        const bool read = read_whole(node, count, {-farthest_ms, farthest_ms}, path, reader);
        out = T(typename T::duration(count));
        return read;
    } else if constexpr (is_seconds<T>) {
        typename T::rep count = 0;
        const bool read = read_whole(node, count, {-farthest_ms, farthest_ms}, path, reader);
        out = T(count);
        return read;
    } else if constexpr (std::is_enum_v<T>) {
        return read_word(node, out, path, reader);
    } else if constexpr (std::is_integral_v<T>) {
        return read_whole(node, out, range, path, reader);
    } else if constexpr (Keyed<T>) {
        return read_keyed(node, out, range, path, reader);
    } else if constexpr (MapLike<T>) {
        return read_map(node, out, range, path, reader);
    } else {
        return read_list(node, out, range, path, reader);
    }
}

}  // namespace ballast::interchange
