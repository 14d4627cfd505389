// The daemon's control API as ballastctl sees it (docs/api.md). One thread.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "model/result.h"

namespace ballast::cli {

/// What the daemon said. A refusal is an answer as well: `status` is HTTP's.
struct Answer {
    unsigned status = 0;
    boost::json::value body;
    std::string bytes = {};  // the body as it came: Boost.JSON 1.81 may read a double one bit off
    bool ok() const { return status >= 200 && status < 300; }
};

enum class Method { get, post, put, erase };

class Api {
public:
    virtual ~Api() = default;
    /// `body` null: none is sent. Errors mean that there is no answer: unavailable (nobody listens), refused (no
    /// permission for the socket), timed_out, corrupt (what came is not this API).
    virtual Result<Answer> call(Method method, const std::string& target, const boost::json::value& body) = 0;
};

/// Talks HTTP over a unix socket, one connection a call; each call blocks for at most a minute.
std::unique_ptr<Api> connect_by_socket(std::string path);

/// What `http://ADDRESS:PORT TARGET` answers, for the metrics; within 10 s.
Result<std::string> fetch_text(const std::string& address_and_port, const std::string& target);

/// "a/b c" -> "a%2Fb%20c": one segment of a target or a value of its query [RFC 3986, 2.3].
std::string url_encoded(std::string_view text);

}  // namespace ballast::cli
