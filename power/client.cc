#include "power/client.h"

#include <boost/asio.hpp>
#include <boost/beast/core/basic_stream.hpp>

namespace ballast::power {

namespace asio = boost::asio;

namespace {

// Half of the broker's connections are left to changes; readings of the largest cluster wait for their turn.
constexpr std::size_t readings_at_once = 64, readings_waiting = 2048;
// Of a host that is not known yet: two levels with the default timeouts.
constexpr Duration unknown_longest = std::chrono::seconds{90};

using Stream = boost::beast::basic_stream<asio::local::stream_protocol>;

Error failed(const boost::system::error_code& error, const char* what) {
    const bool late = error == boost::beast::error::timeout;
    return {late ? ErrorCode::timed_out : ErrorCode::unavailable, "power broker",
            late ? std::string("gave no answer in time") : std::string(what) + ": " + error.message()};
}

}  // namespace

Client::Client(std::string socket, Duration margin)
    : socket_(std::move(socket)), margin_(margin), readings_(readings_at_once, readings_waiting) {}

Client::Task<std::vector<PowerHost>> Client::hosts() {
    Request asked = request("hosts", {});
    const auto answer = co_await call(std::move(asked), margin_);
    if (!answer) co_return answer.error();
    auto hosts = read_hosts(*answer);
    if (!hosts) co_return hosts.error();
    known_.clear();
    for (const PowerHost& host : *hosts) known_.emplace(host.id, host);
    co_return hosts;
}

std::optional<PowerHost> Client::host(HostId host) const {
    const auto found = known_.find(host);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

Client::Task<Power> Client::status(HostId host) {
    const auto answer = co_await read("status", std::move(host));
    if (!answer) co_return answer.error();
    co_return read_power(*answer);
}

Client::Task<std::optional<double>> Client::watts(HostId host) {
    const auto answer = co_await read("watts", std::move(host));
    if (!answer) co_return answer.error();
    co_return read_watts(*answer);
}

Client::Task<void> Client::switch_off(HostId host) {
    return change("off", std::move(host));
}

Client::Task<void> Client::switch_on(HostId host) {
    return change("on", std::move(host));
}

Client::Task<void> Client::shut_down_softly(HostId host) {
    return change("soft", std::move(host));
}

// One other change of the host may be under way; who comes after several is told that it took too long.
Client::Task<void> Client::change(std::string verb, HostId host) {
    const Duration deadline = 2 * longest(host) + margin_;
    Request asked = request(std::move(verb), std::move(host));
    const auto answer = co_await call(std::move(asked), deadline);
    if (!answer) co_return answer.error();
    if (*answer != true) co_return Error{ErrorCode::corrupt, "power broker", "its answer makes no sense: not true"};
    co_return Result<void>();
}

Client::Task<boost::json::value> Client::read(std::string verb, HostId host) {
    const auto place = co_await readings_.enter();
    if (!place) co_return Error{ErrorCode::refused, host.value, "too many readings are waiting already"};
    const Duration deadline = longest(host) + margin_;
    Request asked = request(std::move(verb), std::move(host));
    co_return co_await call(std::move(asked), deadline);
}

Client::Task<boost::json::value> Client::call(Request request, Duration deadline) {
    Stream stream(co_await asio::this_coro::executor);
    stream.expires_after(deadline);
    const asio::local::stream_protocol::endpoint broker(socket_);
    auto connect_token = asio::as_tuple(asio::use_awaitable);
    const auto connected = co_await stream.async_connect(broker, connect_token);
    if (std::get<0>(connected)) co_return failed(std::get<0>(connected), "cannot be reached");
    const std::string line = to_line(request);
    auto write_token = asio::as_tuple(asio::use_awaitable);
    const auto written = co_await asio::async_write(stream, asio::buffer(line), write_token);
    if (std::get<0>(written)) co_return failed(std::get<0>(written), "took no request");
    std::string reply;
    auto read_token = asio::as_tuple(asio::use_awaitable);
    auto buffer = asio::dynamic_buffer(reply, longest_reply);
    const auto read = co_await asio::async_read_until(stream, buffer, '\n', read_token);
    if (std::get<0>(read) == asio::error::eof)
        co_return Error{ErrorCode::unavailable, "power broker",
                        "gave no answer: it was stopped, or this user may not ask"};
    if (std::get<0>(read)) co_return failed(std::get<0>(read), "gave no answer");
    co_return read_reply(reply.substr(0, std::get<1>(read)), request.id);
}

Duration Client::longest(const HostId& host) const {
    const auto found = known_.find(host);
    return found == known_.end() ? unknown_longest : found->second.longest;
}

Request Client::request(std::string verb, HostId host) {
    return {++last_id_, std::move(verb), std::move(host)};
}

}  // namespace ballast::power
