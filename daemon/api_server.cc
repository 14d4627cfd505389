#include "daemon/api_server.h"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ballast::daemon {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t largest_header = 8 * 1024;
constexpr std::uint64_t largest_body = 64 * 1024;
constexpr std::size_t read_buffer = 16 * 1024;
// After accept() failed, for want of file descriptors mostly: trying again at once would only burn CPU.
constexpr auto accept_pause = std::chrono::milliseconds{100};
// A stranger who knocks all the time gets one line of the log a minute.
constexpr auto stranger_interval = std::chrono::minutes{1};

using Response = http::response<http::string_body>;

Response response_of(const Reply& reply, unsigned version, bool keep_alive) {
    Response response(static_cast<http::status>(reply.status), version);
    response.set(http::field::content_type, "application/json");
    response.set(http::field::cache_control, "no-store");
    if (!reply.allow.empty()) response.set(http::field::allow, reply.allow);
    response.keep_alive(keep_alive);
    response.body() = json::serialize(reply.body) + "\n";
    response.prepare_payload();
    return response;
}

// What to tell a client whose request could not be read; nothing when there is nobody to tell.
std::optional<Reply> reply_to(const boost::system::error_code& error, const Caller& caller) {
    const bool too_large =
        error == http::error::header_limit || error == http::error::body_limit || error == http::error::buffer_overflow;
    const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
    if (gone || error.category() != make_error_code(http::error::end_of_stream).category()) return std::nullopt;
    if (caller.role == Role::none) return forbidden(caller);
    if (too_large) return failure(413, "too_large", "request", "a header has at most 8 KiB and a body 64 KiB");
    return failure(400, "invalid", "request", "malformed HTTP: " + error.message());
}

// Never waits: a fresh socket's buffer takes so little.
void turn_away(asio::local::stream_protocol::socket& socket) {
    const Reply reply = failure(503, "unavailable", "control socket", "too many connections; try again later");
    const Response response = response_of(reply, 11, false);
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    http::write(socket, response, ignored);
}

std::pair<dev_t, ino_t> identity_of(const std::string& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino};
}

}  // namespace

ApiOptions api_options(const config::DaemonOptions& options) {
    ApiOptions out;
    out.socket = options.socket;
    out.admin_group = options.admin_group;
    out.view_group = options.view_group;
    return out;
}

ApiServer::ApiServer(asio::any_io_executor executor, Answer answer, ApiOptions options)
    : executor_(std::move(executor)), options_(std::move(options)), answer_(std::move(answer)) {}

ApiServer::ApiServer(asio::any_io_executor executor, Controller& controller, Clock& clock, ApiOptions options,
                     ApiHooks hooks)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      service_(std::in_place, controller, clock, with_groups(std::move(hooks)), options_.watch_patience),
      answer_([this](std::string method, std::string target, std::string body, Caller caller) {
          return service_->answer(std::move(method), std::move(target), std::move(body), std::move(caller));
      }) {}

ApiServer::~ApiServer() {
    if (!acceptor_) return;
    boost::system::error_code ignored;
    acceptor_->close(ignored);
    if (identity_of(options_.socket) == file_) ::unlink(options_.socket.c_str());
}

// A reload also notices groups that were made since.
ApiHooks ApiServer::with_groups(ApiHooks hooks) {
    if (!hooks.reload) return hooks;
    hooks.reload = [this, reload = std::move(hooks.reload)] {
        look_up_groups();
        return reload();
    };
    return hooks;
}

void ApiServer::look_up_groups() {
    groups_ = role_groups(options_.admin_group, options_.view_group);
}

Result<void> ApiServer::start() {
    look_up_groups();
    auto listening = service::listen_on(executor_, options_.socket);
    if (!listening) return listening.error();
    acceptor_.emplace(std::move(*listening));
    file_ = identity_of(options_.socket);
    asio::co_spawn(executor_, accept(), asio::detached);
    return Result<void>();
}

asio::awaitable<void> ApiServer::accept() {
    asio::steady_timer pause(executor_);
    for (;;) {
        Socket socket(executor_);
        auto token = asio::redirect_error(asio::use_awaitable, accept_error_);
        co_await acceptor_->async_accept(socket, token);
        if (accept_error_ == asio::error::operation_aborted) co_return;
        if (!accept_error_) {
            admit(std::move(socket));
            continue;
        }
        spdlog::warn("control API: cannot accept a connection: {}", accept_error_.message());
        pause.expires_after(accept_pause);
        auto waited = asio::as_tuple(asio::use_awaitable);
        co_await pause.async_wait(waited);
    }
}

std::size_t ApiServer::share_of(Role role) const {
    switch (role) {
        case Role::admin: return options_.admin_connections;
        case Role::viewer: return options_.viewer_connections;
        case Role::none: return options_.other_connections;
    }
    return 0;
}

void ApiServer::note_stranger(const Peer& peer) {
    const auto now = std::chrono::steady_clock::now();
    if (peer.uid == last_stranger_ && now - stranger_noted_ < stranger_interval) return;
    last_stranger_ = peer.uid;
    stranger_noted_ = now;
    spdlog::warn("audit: uid={} pid={} verb=connect outcome=forbidden", peer.uid, peer.pid);
}

void ApiServer::admit(Socket socket) try {
    auto peer = service::peer_of(socket.native_handle());
    if (!peer) return;  // who cannot be told who it is gets nothing
    Caller caller{*peer, role_of(*peer, groups_), "?"};
    if (caller.role == Role::none) note_stranger(*peer);
    if ((*connections_)[caller.role] >= share_of(caller.role)) return turn_away(socket);
    auto place = take_place(caller.role);
    asio::co_spawn(executor_, serve(Stream(std::move(socket)), std::move(caller), std::move(place)), asio::detached);
} catch (const std::exception& error) {  // out of memory: this client's loss, not the daemon's
    spdlog::error("control API: {}", error.what());
}

ApiServer::Place ApiServer::take_place(Role role) {
    ++(*connections_)[role];
    return Place(nullptr, [counts = connections_, role](void*) { --(*counts)[role]; });
}

asio::awaitable<void> ApiServer::serve(Stream stream, Caller caller, Place) {
    beast::flat_buffer buffer(read_buffer);
    if (caller.role != Role::none) caller.user = co_await names_.of(caller.peer.uid);
    for (bool more = true; more;) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(largest_header);
        parser.body_limit(largest_body);
        stream.expires_after(options_.read_patience);
        auto token = asio::as_tuple(asio::use_awaitable);
        const auto read = co_await http::async_read(stream, buffer, parser, token);
        const boost::system::error_code error = std::get<0>(read);
        std::optional<Reply> reply;
        more = !error && parser.get().keep_alive() && caller.role != Role::none;
        if (error) {
            reply = reply_to(error, caller);
            if (!reply) co_return;
        } else {
            stream.expires_never();  // the answer has its own bounds
            std::string method(parser.get().method_string());
            std::string target(parser.get().target());
            std::string body = std::move(parser.get().body());
            Caller asking = caller;
            reply = co_await answer_(std::move(method), std::move(target), std::move(body), std::move(asking));
        }
        const unsigned version = error ? 11 : parser.get().version();
        const Response response = response_of(*reply, version, more);
        stream.expires_after(options_.write_patience);
        auto written_token = asio::as_tuple(asio::use_awaitable);
        const auto written = co_await http::async_write(stream, response, written_token);
        if (std::get<0>(written)) co_return;
    }
}

}  // namespace ballast::daemon
