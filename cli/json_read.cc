#include "cli/json_read.h"

namespace ballast::cli {

namespace {
const value nothing;
const array no_values;
}  // namespace

const value& at(const value& from, std::string_view key) {
    const object* members = from.if_object();
    const value* found = members ? members->if_contains({key.data(), key.size()}) : nullptr;
    return found ? *found : nothing;
}

std::string text(const value& from) {
    if (from.is_null()) return "";
    if (const auto* string = from.if_string()) return {string->data(), string->size()};
    return boost::json::serialize(from);
}

std::string text(const value& from, std::string_view key) {
    return text(at(from, key));
}

std::optional<double> number(const value& from, std::string_view key) {
    boost::system::error_code error;
    const double found = at(from, key).to_number<double>(error);
    if (error) return std::nullopt;
    return found;
}

bool flag(const value& from, std::string_view key) {
    const bool* found = at(from, key).if_bool();
    return found && *found;
}

const array& list(const value& from, std::string_view key) {
    const array* found = at(from, key).if_array();
    return found ? *found : no_values;
}

}  // namespace ballast::cli
