// Reading the daemon's answers without trusting their shape: what is missing or of another type reads as empty, so
// that a newer or older daemon never makes ballastctl fail. Pure; references live as long as the value they come from.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace ballast::cli {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// The value under `key`, or null when there is none.
const value& at(const value& from, std::string_view key);
/// Empty for null and missing; numbers and booleans as JSON writes them.
std::string text(const value& from, std::string_view key);
std::optional<double> number(const value& from, std::string_view key);
bool flag(const value& from, std::string_view key);
/// Empty when it is not there or not an array.
const array& list(const value& from, std::string_view key);
/// The value itself as text, for arrays of strings.
std::string text(const value& from);

}  // namespace ballast::cli
