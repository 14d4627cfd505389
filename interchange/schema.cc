// The JSON schema that follows from the tables. Types that have fields are definitions of their own.
#include <boost/core/demangle.hpp>
#include <typeinfo>

#include "interchange/tables.h"

namespace ballast::interchange {

namespace {

using namespace detail;

// "VmFacts", "policy.Options".
template <class T>
std::string name_of_type() {
    std::string name = boost::core::demangle(typeid(T).name());
    name.erase(0, std::string("ballast::").size());
    for (auto at = name.find("::"); at != std::string::npos; at = name.find("::")) name.replace(at, 2, ".");
    return name;
}

template <class T>
json::object schema_of(json::object& definitions, Range range);

template <class T>
json::object object_schema(json::object& definitions) {
    const std::string name = name_of_type<T>();
    const json::object reference{{"$ref", "#/$defs/" + name}};
    if (definitions.contains(name)) return reference;
    definitions[name] = nullptr;
    json::object properties;
    json::array required;
    std::apply(
        [&](const auto&... f) {
            ((properties[f.key] =
                  schema_of<std::remove_cvref_t<decltype(std::declval<T&>().*f.member)>>(definitions, f.range),
              f.required ? required.push_back(f.key) : void()),
             ...);
        },
        fields_of<T>());
    definitions[name] = json::object{{"type", "object"},
                                     {"properties", std::move(properties)},
                                     {"required", std::move(required)},
                                     {"additionalProperties", false}};
    return reference;
}

json::object number_schema(const char* type, double low, double high) {
    return {{"type", type}, {"minimum", static_cast<std::int64_t>(low)}, {"maximum", static_cast<std::int64_t>(high)}};
}

template <class E>
json::object word_schema() {
    json::array words;
    for (const auto& [value, word] : words_of<E>()) words.push_back(json::value(word));
    return {{"enum", std::move(words)}};
}

template <class T>
json::object schema_of(json::object& definitions, Range range) {
    if constexpr (is_optional<T>::value)
        return {{"anyOf",
                 json::array{json::object{{"type", "null"}}, schema_of<typename T::value_type>(definitions, range)}}};
    else if constexpr (HasFields<T>)
        return object_schema<T>(definitions);
    else if constexpr (is_pair<T>::value)
        return {{"type", "array"},
                {"prefixItems", json::array{schema_of<typename T::first_type>(definitions, range),
                                            schema_of<typename T::second_type>(definitions, range)}},
                {"minItems", 2},
                {"maxItems", 2}};
    else if constexpr (std::is_same_v<T, bool>)
        return {{"type", "boolean"}};
    else if constexpr (std::is_same_v<T, std::string> || is_id<T>::value)
        return {{"type", "string"}};
    else if constexpr (std::is_same_v<T, double>)
        return number_schema("number", range.low, range.high);
    else if constexpr (std::is_same_v<T, Bytes>)
        return number_schema("integer", 0, most_bytes);
    else if constexpr (std::is_same_v<T, Duration>)
        return number_schema("integer", 0, longest_ms);
    else if constexpr (std::is_same_v<T, Instant> || is_wall_time<T>::value || is_seconds<T>)
        return number_schema("integer", -farthest_ms, farthest_ms);
    else if constexpr (std::is_enum_v<T>)
        return word_schema<T>();
    else if constexpr (std::is_integral_v<T>)
        return number_schema("integer", range.low, range.high);
    else if constexpr (MapLike<T> && !Keyed<T>)
        return {{"type", "object"}, {"additionalProperties", schema_of<typename T::mapped_type>(definitions, range)}};
    else if constexpr (MapLike<T>)
        return {{"type", "array"}, {"items", schema_of<typename T::mapped_type>(definitions, range)}};
    else
        return {{"type", "array"}, {"items", schema_of<typename T::value_type>(definitions, range)}};
}

}  // namespace

std::string schema_text() {
    json::object definitions;
    const json::object root = schema_of<Record>(definitions, {});
    definitions.at(name_of_type<Record>()).at("properties").at("format") = json::object{{"const", record_format}};
    json::object schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                        {"$id", "urn:ballast:inventory:1"},
                        {"title", "Inventories and records of Ballast (docs/interchange.md)"},
                        {"$ref", root.at("$ref")}};
    schema["$defs"] = std::move(definitions);
    return to_text(schema, 4);
}

}  // namespace ballast::interchange
