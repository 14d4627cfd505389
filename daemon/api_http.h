// Requests and replies of the control API apart from sockets: parsing of targets and bodies, and the one form of
// errors (docs/api.md). Pure functions; any thread. Everything a client sends is hostile until it passed here.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/peer.h"
#include "model/result.h"

namespace ballast::daemon {

namespace json = boost::json;

/// Who asks. `user` is for people and may be "?".
struct Caller {
    Peer peer;
    Role role = Role::none;
    std::string user;
};
/// "uid 0 (root)": what the journal keeps of a caller.
std::string identity(const Caller& caller);

struct ApiRequest {
    std::string method;                        // "GET"
    std::vector<std::string> path;             // decoded segments, valid UTF-8
    std::map<std::string, std::string> query;  // decoded
    std::string body;                          // as it came
    json::object fields;                       // the body, parsed
    std::vector<std::string> parameters;       // what the route's {...} matched
    Caller caller;
};

struct Reply {
    unsigned status = 200;
    json::value body;
    std::string allow;  // for 405: the header of that name
};

unsigned status_of(ErrorCode code);
/// An error that only exists in HTTP, such as "forbidden"; `details` is null or an object.
Reply failure(unsigned status, const std::string& code, const std::string& subject, const std::string& message,
              json::value details = nullptr);
Reply failure(const Error& error, json::value details = nullptr);

Reply forbidden(const Caller& caller);

struct Target {
    std::vector<std::string> path;
    std::map<std::string, std::string> query;
};
/// Error invalid: not a path, a broken escape, not UTF-8, or a query parameter given twice.
Result<Target> parse_target(std::string_view target);

/// An empty body is an empty object. Error invalid: not JSON (the message names the position) or not an object.
Result<json::object> parse_body(const std::string& body);

/// Error invalid when there is a key (or parameter) beyond those allowed.
Result<void> only_keys(const json::object& fields, const std::vector<std::string>& allowed);
Result<void> only_parameters(const std::map<std::string, std::string>& query, const std::vector<std::string>& allowed);
/// Error invalid: missing, not a text, or empty.
Result<std::string> text_field(const json::object& fields, const std::string& key);
/// Error invalid: not true or false, or missing without a default.
Result<bool> flag_field(const json::object& fields, const std::string& key,
                        std::optional<bool> otherwise = std::nullopt);
/// Of a query parameter; nothing when it is not given. Error invalid: not a whole number from `least` to `most`.
Result<std::optional<std::uint64_t>> number_parameter(const std::map<std::string, std::string>& query,
                                                      const std::string& key, std::uint64_t least, std::uint64_t most);

}  // namespace ballast::daemon
