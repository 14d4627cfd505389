#include "daemon/page_server.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <list>
#include <spdlog/spdlog.h>

#include "daemon/page_reply.h"
#include "daemon/page_tls.h"
#include "daemon/page_users.h"
#include "daemon/tcp_listen.h"

namespace ballast::daemon {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;

constexpr std::uint32_t header_limit = 8192;
// After a failed accept: the process or the machine ran out of descriptors, which does not end at once.
constexpr Duration accept_again = std::chrono::milliseconds{100};
constexpr Duration strangers_told = std::chrono::minutes{1};  // of failed logins, one line of the log in so long

// Nothing from elsewhere, no code but the page's own files, in nobody's frame.
constexpr const char* content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

auto token() {
    return asio::as_tuple(asio::use_awaitable);
}

void set_headers(http::fields& fields, const PageReply& reply) {
    fields.set(http::field::content_type, reply.type);
    fields.set(http::field::cache_control, "no-store");
    fields.set("Content-Security-Policy", content_security_policy);
    fields.set("X-Content-Type-Options", "nosniff");
    fields.set("Referrer-Policy", "no-referrer");
    fields.set("Cross-Origin-Opener-Policy", "same-origin");
    fields.set("Cross-Origin-Resource-Policy", "same-origin");
    if (!reply.allow.empty()) fields.set(http::field::allow, reply.allow);
    if (!reply.authenticate.empty()) fields.set(http::field::www_authenticate, reply.authenticate);
}

/// As the list of connections knows it.
struct Visitor {
    std::function<void()> close;
    bool views = false;  // stays for as long as it likes
};

}  // namespace

struct PageServer::State : std::enable_shared_from_this<State> {
    using Own = std::shared_ptr<State>;
    using Place = std::shared_ptr<Visitor>;

    State(tcp::acceptor listening, PageFeed::Answer answer, bool in_cluster, PageLimits use)
        : acceptor(std::move(listening)),
          limits(use),
          feed(std::make_shared<PageFeed>(acceptor.get_executor(), std::move(answer), in_cluster, use.pace)) {}

    tcp::acceptor acceptor;
    const PageLimits limits;
    std::shared_ptr<PageFeed> feed;
    std::shared_ptr<ssl::context> tls;  // empty: without
    std::unique_ptr<PageUsers> users;   // empty: whoever reaches it may look
    std::list<Place> visitors;          // oldest first
    std::chrono::steady_clock::time_point stranger_told{};

    Place admit(std::function<void()> close);
    void close();
    void note_stranger();
    asio::awaitable<PageReply> reply(const PageRequest& request);
    asio::awaitable<PageReply> login_asked_of(const PageRequest& request);

    static asio::awaitable<void> accept(Own state);
    static asio::awaitable<void> serve(Own state, std::shared_ptr<beast::tcp_stream> stream, Place place);
    static asio::awaitable<void> serve_tls(Own state, std::shared_ptr<beast::ssl_stream<beast::tcp_stream>> stream,
                                           Place place);
    template <class Stream>
    static asio::awaitable<void> converse(Own state, std::shared_ptr<Stream> stream, Place place);
    template <class Stream>
    static asio::awaitable<bool> send(Own state, std::shared_ptr<Stream> stream, const PageRequest& request,
                                      const PageReply& reply);
    template <class Stream>
    static asio::awaitable<void> tell(Own state, std::shared_ptr<Stream> stream, Place place);
    void begin(tcp::socket socket);
};

// When there are too many, the oldest that does not view goes: whoever holds connections open without using them cannot
// keep others out, and there are always some, as viewers are fewer.
PageServer::State::Place PageServer::State::admit(std::function<void()> close) {
    for (auto visitor = visitors.begin(); visitors.size() >= limits.connections && visitor != visitors.end();) {
        if ((*visitor)->views) {
            ++visitor;
            continue;
        }
        (*visitor)->close();
        visitor = visitors.erase(visitor);
    }
    auto place = std::make_shared<Visitor>();
    place->close = std::move(close);
    visitors.push_back(place);
    return place;
}

void PageServer::State::close() {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    feed->end();
    for (const Place& visitor : visitors) visitor->close();
    visitors.clear();
}

void PageServer::State::note_stranger() {
    const auto now = std::chrono::steady_clock::now();
    if (now - stranger_told < strangers_told) return;
    stranger_told = now;
    spdlog::warn("audit: verb=page-login outcome=forbidden");
}

void PageServer::State::begin(tcp::socket socket) {
    const auto executor = acceptor.get_executor();
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (tls) {
        auto stream = std::make_shared<beast::ssl_stream<beast::tcp_stream>>(std::move(socket), *tls);
        Place place = admit([weak = std::weak_ptr(stream)] {
            if (const auto there = weak.lock()) beast::get_lowest_layer(*there).close();
        });
        asio::co_spawn(executor, serve_tls(shared_from_this(), stream, place), asio::detached);
    } else {
        auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
        Place place = admit([weak = std::weak_ptr(stream)] {
            if (const auto there = weak.lock()) there->close();
        });
        asio::co_spawn(executor, serve(shared_from_this(), stream, place), asio::detached);
    }
}

asio::awaitable<void> PageServer::State::accept(Own state) {
    while (state->acceptor.is_open()) {
        auto [error, socket] = co_await state->acceptor.async_accept(token());
        if (!state->acceptor.is_open()) co_return;
        if (!error) {
            state->begin(std::move(socket));
            continue;
        }
        asio::steady_timer pause(state->acceptor.get_executor(), accept_again);
        co_await pause.async_wait(token());
    }
}

asio::awaitable<void> PageServer::State::serve(Own state, std::shared_ptr<beast::tcp_stream> stream, Place place) {
    co_await converse(state, stream, place);
    stream->close();
    state->visitors.remove(place);
}

asio::awaitable<void> PageServer::State::serve_tls(Own state,
                                                   std::shared_ptr<beast::ssl_stream<beast::tcp_stream>> stream,
                                                   Place place) {
    beast::get_lowest_layer(*stream).expires_after(state->limits.patience);
    const auto [bad] = co_await stream->async_handshake(ssl::stream_base::server, token());
    if (!bad) co_await converse(state, stream, place);
    beast::get_lowest_layer(*stream).close();
    state->visitors.remove(place);
}

template <class Stream>
asio::awaitable<void> PageServer::State::converse(Own state, std::shared_ptr<Stream> stream, Place place) {
    beast::flat_buffer buffer(2 * header_limit);
    for (bool more = true; more;) {
        http::request_parser<http::empty_body> parser;
        parser.header_limit(header_limit);
        beast::get_lowest_layer(*stream).expires_after(state->limits.patience);
        const auto [bad, size] = co_await http::async_read(*stream, buffer, parser, token());
        if (bad) co_return;                                // closed, too slow, too long, with a body, or not HTTP
        beast::get_lowest_layer(*stream).expires_never();  // what follows has its own bounds
        if (!state->acceptor.is_open()) co_return;         // the server is gone, and who answers may be as well
        const PageReply reply = co_await state->reply(parser.get());
        if (!state->acceptor.is_open()) co_return;
        if (reply.kind == PageReply::Kind::live) {
            co_await tell(state, stream, place);
            co_return;
        }
        more = co_await send(state, stream, parser.get(), reply);
    }
}

asio::awaitable<PageReply> PageServer::State::reply(const PageRequest& request) {
    if (users) {
        PageReply asked = co_await login_asked_of(request);
        if (asked.status != 200) co_return asked;
    }
    PageReply reply = reply_to(request, users != nullptr);
    if (reply.kind == PageReply::Kind::live && feed->viewers() >= limits.viewers)
        co_return plain_reply(503, "Too many look already; try again later.");
    if (reply.kind != PageReply::Kind::look) co_return reply;
    const auto shared = feed;
    std::string target = std::move(reply.target);
    const Reply told = co_await PageFeed::look(shared, std::move(target));
    reply.status = told.status;
    reply.type = "application/json";
    reply.body = json::serialize(told.body);
    co_return reply;
}

/// Status 200: the login is right.
asio::awaitable<PageReply> PageServer::State::login_asked_of(const PageRequest& request) {
    const auto header = request[http::field::authorization];
    Login login = login_from({header.data(), header.size()});
    const bool tried = !login.name.empty();
    const auto verdict = co_await users->verdict(std::move(login));
    if (verdict == PageUsers::Verdict::welcome) co_return plain_reply(200, "");
    if (verdict == PageUsers::Verdict::busy) co_return plain_reply(503, "Too many log in at once; try again.");
    if (tried) note_stranger();
    PageReply reply = plain_reply(401, "Name and password, please.");
    reply.authenticate = "Basic realm=\"Ballast\", charset=\"UTF-8\"";
    co_return reply;
}

/// Whether the connection goes on.
template <class Stream>
asio::awaitable<bool> PageServer::State::send(Own state, std::shared_ptr<Stream> stream, const PageRequest& request,
                                              const PageReply& reply) {
    http::response<http::span_body<const char>> response(static_cast<http::status>(reply.status), request.version());
    set_headers(response, reply);
    response.keep_alive(request.keep_alive());
    response.content_length(reply.body.size());
    if (request.method() != http::verb::head)
        response.body() = beast::span<const char>(reply.body.data(), reply.body.size());
    beast::get_lowest_layer(*stream).expires_after(state->limits.patience);
    const auto [bad, size] = co_await http::async_write(*stream, response, token());
    co_return !bad && request.keep_alive();
}

// Events until the other side goes. Each is written within the patience; what was made meanwhile is skipped, so that a
// slow viewer costs no more than one that is fast.
template <class Stream>
asio::awaitable<void> PageServer::State::tell(Own state, std::shared_ptr<Stream> stream, Place place) {
    place->views = true;
    const auto viewer = PageFeed::view(state->feed);
    http::response<http::empty_body> response(http::status::ok, 11);
    PageReply head;
    head.type = "text/event-stream; charset=utf-8";
    set_headers(response, head);
    response.keep_alive(false);
    http::response_serializer<http::empty_body> serializer(response);
    beast::get_lowest_layer(*stream).expires_after(state->limits.patience);
    const auto [refused, length] = co_await http::async_write_header(*stream, serializer, token());
    if (refused) co_return;
    static const PageFeed::Text nothing_new = std::make_shared<const std::string>(": still here\n\n");
    std::uint64_t shown = 0;
    PageFeed::Text text = state->feed->newest();
    for (;;) {
        if (!text) text = nothing_new;
        shown = state->feed->number();
        beast::get_lowest_layer(*stream).expires_after(state->limits.patience);
        const auto [gone, size] = co_await asio::async_write(*stream, asio::buffer(*text), token());
        if (gone || !state->acceptor.is_open()) co_return;
        beast::get_lowest_layer(*stream).expires_never();
        const std::uint64_t now = co_await state->feed->wait(shown, state->limits.sign_of_life);
        if (!state->acceptor.is_open()) co_return;
        text = now == shown ? nothing_new : state->feed->newest();
    }
}

Result<std::unique_ptr<PageServer>> PageServer::open(asio::any_io_executor executor, const config::PageOptions& options,
                                                     bool in_cluster, PageFeed::Answer answer, PageLimits limits) {
    BALLAST_ASSERT(limits.connections > limits.viewers);
    std::shared_ptr<ssl::context> tls;
    std::unique_ptr<PageUsers> users;
    if (!options.cert_file.empty()) {
        auto context = tls_of_page(options.cert_file, options.key_file);
        if (!context) return context.error();
        tls = std::move(*context);
        auto known = PageUsers::open(options.users_file);
        if (!known) return known.error();
        users = std::move(*known);
    }
    auto listening = listen_by_tcp(executor, "page.listen", options.listen);
    if (!listening) return listening.error();
    auto state = std::make_shared<State>(std::move(*listening), std::move(answer), in_cluster, limits);
    state->tls = std::move(tls);
    state->users = std::move(users);
    asio::co_spawn(executor, State::accept(state), asio::detached);
    return std::unique_ptr<PageServer>(new PageServer(std::move(state)));
}

PageServer::~PageServer() {
    state_->close();
}

std::uint16_t PageServer::port() const {
    return state_->acceptor.local_endpoint().port();
}

std::size_t PageServer::connections() const {
    return state_->visitors.size();
}

std::size_t PageServer::viewers() const {
    return state_->feed->viewers();
}

}  // namespace ballast::daemon
