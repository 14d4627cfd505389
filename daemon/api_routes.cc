#include "daemon/api_routes.h"

#include <optional>
#include <set>

namespace ballast::daemon {

namespace {

using Answer = boost::asio::awaitable<Reply>;

Route get(const ApiLook& look, std::string pattern, Reply (ApiLook::*answer)(const ApiRequest&) const,
          std::vector<std::string> parameters = {}) {
    Route::Look call = [&look, answer](const ApiRequest& request) { return (look.*answer)(request); };
    return {"GET", std::move(pattern), "", std::move(call), std::move(parameters)};
}

// The lambda is no coroutine: the member it calls is, and takes the request by value.
Route::Act call(ApiChange& change, Answer (ApiChange::*answer)(ApiRequest)) {
    return [&change, answer](ApiRequest request) { return (change.*answer)(std::move(request)); };
}

std::vector<std::string> segments_of(const std::string& pattern) {
    std::vector<std::string> parts;
    for (std::size_t begin = 1; begin <= pattern.size();) {
        const auto end = std::min(pattern.find('/', begin), pattern.size());
        parts.push_back(pattern.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

// What the {...} stand for when the path fits the pattern.
std::optional<std::vector<std::string>> match(const std::string& pattern, const std::vector<std::string>& path) {
    const auto parts = segments_of(pattern);
    if (parts.size() != path.size()) return std::nullopt;
    std::vector<std::string> parameters;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].front() != '{') {
            if (parts[i] != path[i]) return std::nullopt;
        } else if (path[i].empty()) {
            return std::nullopt;
        } else {
            parameters.push_back(path[i]);
        }
    }
    return parameters;
}

std::string shown(const std::vector<std::string>& path) {
    std::string text;
    for (const std::string& part : path) text += "/" + part;
    return text;
}

// Routes that begin alike, else the beginnings of all.
std::string hint(const std::vector<Route>& routes, const std::vector<std::string>& path) {
    if (path.size() > 1 && path[1] == "cluster")  // a member answers these itself
        return "this daemon looks after its hosts alone: `cluster` is not enabled in its ballast.yaml";
    std::string alike;
    std::set<std::string> beginnings;
    for (const Route& route : routes) {
        const auto parts = segments_of(route.pattern);
        beginnings.insert("/" + parts[0] + "/" + parts[1]);
        const bool begins_alike = path.size() > 1 && parts[0] == path[0] && parts[1] == path[1];
        if (begins_alike) alike += (alike.empty() ? "" : ", ") + route.method + " " + route.pattern;
    }
    if (!alike.empty()) return "no such route; there is " + alike;
    std::string all;
    for (const std::string& beginning : beginnings) all += (all.empty() ? "" : ", ") + beginning;
    return "no such route; they begin with " + all;
}

Reply wrong_method(const ApiRequest& request, const std::string& allowed) {
    Reply reply = failure(405, "method_not_allowed", shown(request.path), "is asked by " + allowed);
    reply.allow = allowed;
    return reply;
}

}  // namespace

std::vector<Route> routes_of(const ApiLook& look, ApiChange& change) {
    return {
        get(look, "/v1/status", &ApiLook::status),
        {"GET", "/v1/overview", "", call(change, &ApiChange::overview), {}, true},
        get(look, "/v1/hosts", &ApiLook::hosts),
        get(look, "/v1/hosts/{host}", &ApiLook::host),
        get(look, "/v1/vms", &ApiLook::vms),
        get(look, "/v1/vms/{vm}", &ApiLook::vm),
        get(look, "/v1/plan", &ApiLook::plan, {"what_if"}),
        get(look, "/v1/record", &ApiLook::record),
        get(look, "/v1/capacity", &ApiLook::capacity),
        get(look, "/v1/explain/vm/{vm}", &ApiLook::explain_vm),
        get(look, "/v1/explain/host/{host}", &ApiLook::explain_host),
        get(look, "/v1/explain/cycle/{id}", &ApiLook::explain_cycle),
        get(look, "/v1/history", &ApiLook::history, {"limit"}),
        get(look, "/v1/operations/{id}", &ApiLook::operation),
        get(look, "/v1/power", &ApiLook::power),
        get(look, "/v1/policy", &ApiLook::policy),
        {"GET", "/v1/watch", "", call(change, &ApiChange::watch), {"since"}},
        {"GET", "/v1/energy", "", call(change, &ApiChange::energy), {}},
        {"GET", "/v1/rolling", "", call(change, &ApiChange::rolling_state), {}},
        {"GET", "/v1/store/backup", "", call(change, &ApiChange::backup), {}},
        {"GET", "/v1/preflight", "", call(change, &ApiChange::preflight), {"host"}},
        {"POST", "/v1/maintenance/{host}", "maintenance", call(change, &ApiChange::maintenance), {}},
        {"POST", "/v1/power/{host}", "power", call(change, &ApiChange::power), {}},
        {"POST", "/v1/rolling", "rolling", call(change, &ApiChange::rolling), {}},
        {"POST", "/v1/migrate", "migrate", call(change, &ApiChange::migrate), {}},
        {"POST", "/v1/operations/{id}/approve", "approve", call(change, &ApiChange::approve), {}},
        {"POST", "/v1/operations/{id}/cancel", "cancel", call(change, &ApiChange::cancel), {}},
        {"POST", "/v1/vms/{vm}/forget", "forget", call(change, &ApiChange::forget), {}},
        {"POST", "/v1/pause", "pause", call(change, &ApiChange::pause), {}},
        {"POST", "/v1/resume", "resume", call(change, &ApiChange::resume), {}},
        {"POST", "/v1/mode", "mode", call(change, &ApiChange::mode), {}},
        {"POST", "/v1/reload", "reload", call(change, &ApiChange::reload), {}},
    };
}

std::variant<const Route*, Reply> find_route(const std::vector<Route>& routes, ApiRequest& request) {
    std::string other_method;
    for (const Route& route : routes) {
        auto parameters = match(route.pattern, request.path);
        if (!parameters) continue;
        if (route.method == request.method) {
            request.parameters = std::move(*parameters);
            return &route;
        }
        other_method = route.method;
    }
    if (!other_method.empty()) return wrong_method(request, other_method);
    return failure(404, "not_found", shown(request.path), hint(routes, request.path));
}

}  // namespace ballast::daemon
