#include "power/server.h"

#include <boost/asio.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace ballast::power {

namespace asio = boost::asio;

namespace {

// After accept() failed, for want of file descriptors mostly: trying again at once would only burn CPU.
constexpr auto accept_pause = std::chrono::milliseconds{100};
// A stranger who knocks all the time gets one line of the log a minute.
constexpr auto stranger_interval = std::chrono::minutes{1};

std::string outcome_of(const Result<boost::json::value>& answer) {
    return answer ? boost::json::serialize(*answer)
                  : to_string(answer.error().code) + " (" + answer.error().message + ")";
}

bool changes_something(const Request& request) {
    return request.verb == "off" || request.verb == "on" || request.verb == "soft";
}

/// json::value or the error, from the result of a call of the port.
template <class T>
Result<boost::json::value> in_json(const Result<T>& result) {
    if (!result) return result.error();
    return to_json(*result);
}
Result<boost::json::value> in_json(const Result<void>& result) {
    if (!result) return result.error();
    return boost::json::value(true);
}

}  // namespace

bool may_ask(const service::Peer& peer, const std::set<uid_t>& users) {
    return users.contains(peer.uid);
}

Server::Server(asio::any_io_executor executor, PowerControl& power, ServerOptions options)
    : executor_(std::move(executor)), power_(power), options_(std::move(options)) {}

Result<void> Server::start() {
    auto listening = service::listen_on(executor_, options_.socket);
    if (!listening) return listening.error();
    acceptor_.emplace(std::move(*listening));
    asio::co_spawn(executor_, accept(), asio::detached);
    return {};
}

void Server::stop() {
    boost::system::error_code ignored;
    if (acceptor_) acceptor_->close(ignored);
    ::unlink(options_.socket.c_str());
}

asio::awaitable<void> Server::accept() {
    asio::steady_timer pause(executor_);
    for (;;) {
        asio::local::stream_protocol::socket socket(executor_);
        boost::system::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        co_await acceptor_->async_accept(socket, token);
        if (error == asio::error::operation_aborted) co_return;
        if (!error) {
            admit(std::move(socket));
            continue;
        }
        spdlog::warn("cannot accept a connection: {}", error.message());
        pause.expires_after(accept_pause);
        auto waited = asio::as_tuple(asio::use_awaitable);
        co_await pause.async_wait(waited);
    }
}

// Who may not ask is told nothing; the socket closes with this scope.
void Server::admit(asio::local::stream_protocol::socket socket) {
    auto peer = service::peer_of(socket.native_handle());
    if (!peer) return;
    if (!may_ask(*peer, options_.users)) return note_stranger(*peer);
    if (*open_ >= options_.connections) return spdlog::warn("too many connections: uid={} is turned away", peer->uid);
    ++*open_;
    Place place(nullptr, [open = open_](void*) { --*open; });
    Caller caller{*peer, service::user_name(peer->uid)};
    asio::co_spawn(executor_, serve(Stream(std::move(socket)), std::move(caller), std::move(place)), asio::detached);
}

void Server::note_stranger(const service::Peer& peer) {
    const auto now = std::chrono::steady_clock::now();
    if (stranger_noted_ && now - *stranger_noted_ < stranger_interval) return;
    stranger_noted_ = now;
    spdlog::warn("audit: uid={} pid={} verb=connect outcome=forbidden", peer.uid, peer.pid);
}

asio::awaitable<void> Server::serve(Stream stream, Caller caller, Place) {
    std::string buffer;
    for (;;) {
        auto token = asio::as_tuple(asio::use_awaitable);
        stream.expires_after(options_.patience);
        const auto read =
            co_await asio::async_read_until(stream, asio::dynamic_buffer(buffer, longest_request), '\n', token);
        if (std::get<0>(read)) co_return;  // gone, too slow, or too long
        std::string line = buffer.substr(0, std::get<1>(read));
        buffer.erase(0, line.size());
        stream.expires_never();  // the answer has its own bounds
        Caller asking = caller;
        const std::string reply = co_await answer(std::move(line), std::move(asking));
        auto write_token = asio::as_tuple(asio::use_awaitable);
        stream.expires_after(options_.patience);
        const auto written = co_await asio::async_write(stream, asio::buffer(reply), write_token);
        if (std::get<0>(written)) co_return;
    }
}

asio::awaitable<std::string> Server::answer(std::string line, Caller caller) {
    auto request = read_request(line);
    if (!request) {
        spdlog::warn("audit: user={} uid={} pid={} outcome=invalid", caller.user, caller.peer.uid, caller.peer.pid);
        co_return to_line(0, request.error());
    }
    const Request asked = *request;
    const auto begun = std::chrono::steady_clock::now();
    const auto result = co_await carry_out(std::move(*request));
    const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
    const auto level = !result                    ? spdlog::level::warn
                       : changes_something(asked) ? spdlog::level::info
                                                  : spdlog::level::debug;
    if (asked.verb != "hosts" || !result)
        spdlog::log(level, "audit: user={} uid={} pid={} verb={} host={} outcome={} duration={}", caller.user,
                    caller.peer.uid, caller.peer.pid, asked.verb, asked.host.value, outcome_of(result),
                    to_string(took));
    co_return to_line(asked.id, result);
}

asio::awaitable<Result<boost::json::value>> Server::carry_out(Request request) {
    HostId host = request.host;
    if (request.verb == "hosts") {
        const auto hosts = co_await power_.hosts();
        co_return in_json(hosts);
    }
    if (request.verb == "status") {
        const auto power = co_await power_.status(std::move(host));
        co_return in_json(power);
    }
    if (request.verb == "watts") {
        const auto watts = co_await power_.watts(std::move(host));
        co_return in_json(watts);
    }
    Result<void> done = Error{ErrorCode::invalid, request.verb, "is no verb"};
    if (request.verb == "off") done = co_await power_.switch_off(std::move(host));
    if (request.verb == "on") done = co_await power_.switch_on(std::move(host));
    if (request.verb == "soft") done = co_await power_.shut_down_softly(std::move(host));
    co_return in_json(done);
}

}  // namespace ballast::power
