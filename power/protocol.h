// The lines that go over the broker's socket, both ways (docs/power-broker.md). One JSON object a line. Pure.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "ports/power.h"

namespace ballast::power {

/// A line is at most this long, with its end: a name of a host has 64 bytes, and a cluster 1000 hosts.
constexpr std::size_t longest_request = 1024;
constexpr std::size_t longest_reply = std::size_t{1} << 20U;

struct Request {
    std::int64_t id = 0;
    std::string verb;  // hosts status off on soft watts
    HostId host;       // of all verbs but hosts

    friend bool operator==(const Request&, const Request&) = default;
};

std::string to_line(const Request& request);
/// Error invalid: not a request. A key it does not know is one.
Result<Request> read_request(const std::string& line);

std::string to_line(std::int64_t id, const Result<boost::json::value>& answer);
/// What to_line was given. Errors: those of the broker, and corrupt (no answer to this id).
Result<boost::json::value> read_reply(const std::string& line, std::int64_t id);

boost::json::value to_json(const std::vector<PowerHost>& hosts);
boost::json::value to_json(Power power);
boost::json::value to_json(const std::optional<double>& watts);
/// Errors: corrupt.
Result<std::vector<PowerHost>> read_hosts(const boost::json::value& answer);
Result<Power> read_power(const boost::json::value& answer);
Result<std::optional<double>> read_watts(const boost::json::value& answer);

}  // namespace ballast::power
