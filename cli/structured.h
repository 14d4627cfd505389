// The daemon's answers for programs: JSON with two spaces of indent, and the same as YAML. Both are safe to show on a
// terminal: what could steer one is escaped. Pure.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace ballast::cli {

std::string to_pretty_json(const boost::json::value& value);
/// In one line, with its end.
std::string to_json_line(const boost::json::value& value);
std::string to_yaml(const boost::json::value& value);

}  // namespace ballast::cli
