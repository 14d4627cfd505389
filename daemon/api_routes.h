// Which method and path is answered by what: one explicit table, and the matching against it. Pure but for the
// answers themselves; the table is made once.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/api_change.h"

namespace ballast::daemon {

struct Route {
    /// At once, or as a coroutine.
    using Look = std::function<Reply(const ApiRequest&)>;
    using Act = std::function<boost::asio::awaitable<Reply>(ApiRequest)>;

    std::string method;   // GET: viewers may; POST: admins only, and audited
    std::string pattern;  // "/v1/hosts/{host}"
    std::string verb;     // for the audit
    std::variant<Look, Act> answer;
    std::vector<std::string> parameters;                  // of the query
    bool is_look = std::holds_alternative<Look>(answer);  // viewers share a bounded part of all time for these
};

/// Both have to outlive the table.
std::vector<Route> routes_of(const ApiLook& look, ApiChange& change);

/// The route of this request, whose `parameters` are filled in; or the reply that says why there is none: 404 with a
/// hint, 405.
std::variant<const Route*, Reply> find_route(const std::vector<Route>& routes, ApiRequest& request);

}  // namespace ballast::daemon
