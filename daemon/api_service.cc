#include "daemon/api_service.h"

#include <spdlog/spdlog.h>

namespace ballast::daemon {

namespace {

constexpr std::size_t longest_audited_request = 512;
constexpr std::size_t most_waiting = 16;
constexpr int rests = 3;  // times as long as a look took
constexpr Duration longest_rest = std::chrono::seconds{5};

// As JSON: what a client sends cannot forge a line of the log.
std::string quoted(const std::string& text) {
    return json::serialize(json::value(text));
}

std::string outcome_of(const Reply& reply) {
    if (reply.status < 300) return "ok";
    const json::object& error = reply.body.as_object().at("error").as_object();
    return std::string(error.at("code").as_string()) + " message=" + json::serialize(error.at("message"));
}

void audit(const Route& route, const ApiRequest& request, const Reply& reply) {
    const Caller& caller = request.caller;
    std::string asked = json::serialize(request.fields);
    if (asked.size() > longest_audited_request) asked = quoted(asked.substr(0, longest_audited_request) + "...");
    const std::string subject = request.parameters.empty() ? "" : request.parameters.front();
    spdlog::info("audit: uid={} user={} pid={} verb={} subject={} request={} outcome={}", caller.peer.uid,
                 quoted(caller.user), caller.peer.pid, route.verb, quoted(subject), asked, outcome_of(reply));
}

Result<ApiRequest> read(std::string method, const std::string& target, std::string body, Caller caller) {
    auto parsed = parse_target(target);
    if (!parsed) return parsed.error();
    ApiRequest request;
    request.method = std::move(method);
    request.path = std::move(parsed->path);
    request.query = std::move(parsed->query);
    request.body = std::move(body);
    request.caller = std::move(caller);
    return request;
}

Result<void> read_content(const Route& route, ApiRequest& request) {
    const auto known = only_parameters(request.query, route.parameters);
    if (!known) return known.error();
    auto fields = parse_body(request.body);
    if (!fields) return fields.error();
    request.fields = std::move(*fields);
    if (route.method == "GET") return only_keys(request.fields, {});
    return Result<void>();
}

Reply failed(const std::exception& error) {
    spdlog::error("control API: {}", error.what());
    return failure(500, "internal", "", error.what());
}

}  // namespace

ApiService::ApiService(Controller& controller, const Clock& clock, ApiHooks hooks, Duration watch_patience)
    : look_(controller, clock, changes_, hooks.rolling),
      change_(controller, look_, changes_, std::move(hooks), watch_patience),
      routes_(routes_of(look_, change_)) {}

boost::asio::awaitable<Reply> ApiService::answer(std::string method, std::string target, std::string body,
                                                 Caller caller) {
    if (caller.role == Role::none) co_return forbidden(caller);
    auto request = read(std::move(method), target, std::move(body), std::move(caller));
    if (!request) co_return failure(request.error());
    const auto found = find_route(routes_, *request);
    if (const Reply* none = std::get_if<Reply>(&found)) co_return *none;
    const Route* route = std::get<const Route*>(found);
    if (route->method == "POST") co_return co_await change(route, std::move(*request));
    const auto read = read_content(*route, *request);
    if (!read) co_return failure(read.error());
    const bool may_only_look = request->caller.role == Role::viewer;
    if (may_only_look && route->is_look) co_return co_await look_in_turn(route, std::move(*request));
    co_return co_await answer_route(route, std::move(*request));
}

// A look holds up everything else for as long as it takes, which is half a second for the plan of a thousand hosts. All
// looks of those who may only look take a quarter of all time together.
boost::asio::awaitable<Reply> ApiService::look_in_turn(const Route* route, ApiRequest request) {
    using Steady = std::chrono::steady_clock;
    if (waiting_ >= most_waiting)
        co_return failure(503, "unavailable", "daemon", "too many viewers ask at once; ask again in a while");
    ++waiting_;
    auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::steady_timer turn(executor);
    while (Steady::now() < free_at_) {
        turn.expires_at(free_at_);
        auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await turn.async_wait(token);
    }
    --waiting_;
    const auto begun = Steady::now();
    Reply reply = co_await answer_route(route, std::move(request));
    const auto took = Steady::now() - begun;
    free_at_ = Steady::now() + std::min<Steady::duration>(rests * took, longest_rest);
    co_return reply;
}

boost::asio::awaitable<Reply> ApiService::change(const Route* route, ApiRequest request) {
    Reply reply;
    const auto read = read_content(*route, request);
    if (request.caller.role != Role::admin) {
        reply = forbidden(request.caller);
    } else if (!read) {
        reply = failure(read.error());
    } else {
        ApiRequest asked = request;
        reply = co_await answer_route(route, std::move(asked));
    }
    audit(*route, request, reply);
    // After a failure of the store something may have changed all the same.
    if (reply.status < 300 || reply.status >= 500) changes_.bump();
    co_return reply;
}

boost::asio::awaitable<Reply> ApiService::answer_route(const Route* route, ApiRequest request) {
    try {
        if (const auto* look = std::get_if<Route::Look>(&route->answer)) co_return (*look)(request);
        const auto& act = std::get<Route::Act>(route->answer);
        co_return co_await act(std::move(request));
    } catch (const std::exception& error) {
        co_return failed(error);
    }
}

}  // namespace ballast::daemon
