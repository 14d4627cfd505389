#include "daemon/metrics_listener.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <list>

#include "daemon/tcp_listen.h"

namespace ballast::daemon {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

using Body = std::shared_ptr<const std::string>;
using Response = http::response<http::span_body<const char>>;

constexpr std::uint32_t header_limit = 8192;  // what other servers allow; a scrape sends some 300 bytes
// After a failed accept: the process or the machine ran out of descriptors, which does not end at once.
constexpr Duration accept_again = std::chrono::milliseconds{100};

auto token() {
    return asio::as_tuple(asio::use_awaitable);
}

struct Answer {
    http::status status;
    Body text;
    const char* type = "text/plain; charset=utf-8";
};

Answer plain(http::status status, std::string text) {
    return {status, std::make_shared<const std::string>(std::move(text))};
}

std::string path_of(std::string_view target) {
    return std::string(target.substr(0, target.find('?')));
}

}  // namespace

struct MetricsListener::State : std::enable_shared_from_this<State> {
    using Stream = std::shared_ptr<beast::tcp_stream>;

    State(tcp::acceptor listening, const Clock& use_clock, std::function<std::string()> text, MetricsLimits use)
        : acceptor(std::move(listening)), clock(use_clock), make_text(std::move(text)), limits(use) {}

    tcp::acceptor acceptor;
    const Clock& clock;
    std::function<std::string()> make_text;
    const MetricsLimits limits;
    std::list<Stream> streams;  // oldest first
    Body kept;
    Instant kept_until{};

    Body text();
    Answer answer(const http::request<http::empty_body>& request);
    Stream admit(tcp::socket socket);
    void close();
    static asio::awaitable<void> accept(std::shared_ptr<State> state);
    static asio::awaitable<void> serve(std::shared_ptr<State> state, Stream stream);
    static asio::awaitable<void> exchange(std::shared_ptr<State> state, Stream stream);
};

Body MetricsListener::State::text() {
    const Instant begin = clock.now();
    if (kept && begin < kept_until) return kept;
    kept = std::make_shared<const std::string>(make_text());
    const Instant end = clock.now();
    kept_until = std::max(begin + limits.text_kept, end + limits.text_rests * (end - begin));
    return kept;
}

Answer MetricsListener::State::answer(const http::request<http::empty_body>& request) {
    if (request.method() != http::verb::get && request.method() != http::verb::head)
        return plain(http::status::method_not_allowed, "only GET and HEAD\n");
    const std::string path = path_of({request.target().data(), request.target().size()});
    if (path == "/") return plain(http::status::ok, "ballastd: the metrics are at /metrics\n");
    if (path != "/metrics") return plain(http::status::not_found, "only /metrics\n");
    return {http::status::ok, text(), "text/plain; version=0.0.4; charset=utf-8"};
}

// When there are too many, the oldest goes: a scrape takes milliseconds, so the oldest is not one, and whoever holds
// connections open without using them cannot keep Prometheus out.
MetricsListener::State::Stream MetricsListener::State::admit(tcp::socket socket) {
    while (streams.size() >= limits.connections) {
        streams.front()->close();
        streams.pop_front();
    }
    auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
    stream->expires_after(limits.patience);
    streams.push_back(stream);
    return stream;
}

void MetricsListener::State::close() {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    for (const Stream& stream : streams) stream->close();
    streams.clear();
}

asio::awaitable<void> MetricsListener::State::accept(std::shared_ptr<State> state) {
    while (state->acceptor.is_open()) {
        auto [error, socket] = co_await state->acceptor.async_accept(token());
        if (!state->acceptor.is_open()) co_return;
        if (!error) {
            Stream stream = state->admit(std::move(socket));
            asio::co_spawn(state->acceptor.get_executor(), serve(state, stream), asio::detached);
            continue;
        }
        asio::steady_timer pause(state->acceptor.get_executor(), accept_again);
        co_await pause.async_wait(token());
    }
}

asio::awaitable<void> MetricsListener::State::serve(std::shared_ptr<State> state, Stream stream) {
    co_await exchange(state, stream);
    stream->close();
    state->streams.remove(stream);
}

asio::awaitable<void> MetricsListener::State::exchange(std::shared_ptr<State> state, Stream stream) {
    beast::flat_buffer buffer(header_limit);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(header_limit);
    const auto [bad, size] = co_await http::async_read(*stream, buffer, parser, token());
    if (bad) co_return;                         // closed, too slow, too long, or not HTTP
    if (!state->acceptor.is_open()) co_return;  // the listener is gone, and who makes the text may be as well
    const Answer answer = state->answer(parser.get());
    Response response(answer.status, 11);
    response.set(http::field::content_type, answer.type);
    if (answer.status == http::status::method_not_allowed) response.set(http::field::allow, "GET, HEAD");
    response.keep_alive(false);
    response.content_length(answer.text->size());
    if (parser.get().method() != http::verb::head)
        response.body() = beast::span<const char>(answer.text->data(), answer.text->size());
    co_await http::async_write(*stream, response, token());
    boost::system::error_code ignored;
    stream->socket().shutdown(tcp::socket::shutdown_send, ignored);
}

Result<std::unique_ptr<MetricsListener>> MetricsListener::open(asio::any_io_executor executor, const Clock& clock,
                                                               const std::string& address,
                                                               std::function<std::string()> text,
                                                               MetricsLimits limits) {
    BALLAST_ASSERT(limits.connections > 0);
    auto listening = listen_by_tcp(executor, "metrics.listen", address);
    if (!listening) return listening.error();
    auto state = std::make_shared<State>(std::move(*listening), clock, std::move(text), limits);
    asio::co_spawn(executor, State::accept(state), asio::detached);
    return std::unique_ptr<MetricsListener>(new MetricsListener(std::move(state)));
}

MetricsListener::~MetricsListener() {
    state_->close();
}

std::uint16_t MetricsListener::port() const {
    return state_->acceptor.local_endpoint().port();
}

std::size_t MetricsListener::connections() const {
    return state_->streams.size();
}

}  // namespace ballast::daemon
