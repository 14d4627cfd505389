#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <chrono>
#include <cstdlib>

#include "cli/api.h"

namespace ballast::cli {

namespace {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::local::stream_protocol>;
using Response = http::response<http::string_body>;

constexpr std::chrono::seconds patience{60};  // longer than any call of the daemon on its own account
constexpr std::chrono::seconds text_patience{10};
constexpr std::uint64_t largest_answer = 256ULL << 20;  // some 10,000 VMs with everything known about them

http::verb verb_of(Method method) {
    switch (method) {
        case Method::get: return http::verb::get;
        case Method::post: return http::verb::post;
        case Method::put: return http::verb::put;
        case Method::erase: return http::verb::delete_;
    }
    return http::verb::get;
}

http::request<http::string_body> request_for(Method method, const std::string& target, const boost::json::value& body) {
    http::request<http::string_body> request{verb_of(method), target, 11};
    request.set(http::field::host, "ballast");
    request.set(http::field::user_agent, "ballastctl/" BALLAST_VERSION);
    request.set(http::field::accept, "application/json");
    request.keep_alive(false);
    if (!body.is_null()) {
        request.set(http::field::content_type, "application/json");
        request.body() = boost::json::serialize(body);
    }
    if (method != Method::get) request.prepare_payload();
    return request;
}

/// Over a stream that is connected and has its time-out. Empty with an error.
template <class Connected>
Response answer_to(const http::request<http::string_body>& request, Connected& stream, asio::io_context& io,
                   error_code& error) {
    const auto finish = [&](error_code e, std::size_t) { error = e; };
    // A daemon that refuses early may close before it has read everything: its answer counts, not the write.
    http::async_write(stream, request, finish);
    io.run();
    io.restart();
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(largest_answer);
    http::async_read(stream, buffer, parser, finish);
    io.run();
    return error ? Response{} : parser.release();
}

ErrorCode code_of(const error_code& error) {
    namespace errc = boost::system::errc;
    if (error == errc::permission_denied) return ErrorCode::refused;
    if (error == beast::error::timeout) return ErrorCode::timed_out;
    if (error == errc::no_such_file_or_directory || error == errc::connection_refused || error == errc::not_connected ||
        error == errc::connection_reset || error == errc::broken_pipe || error == http::error::end_of_stream)
        return ErrorCode::unavailable;
    return ErrorCode::corrupt;
}

class SocketApi : public Api {
public:
    explicit SocketApi(std::string path) : path_(std::move(path)) {}

    Result<Answer> call(Method method, const std::string& target, const boost::json::value& body) override {
        if (path_.empty()) return Error{ErrorCode::invalid, "--socket", "an empty path"};
        if (path_.size() >= sizeof(sockaddr_un::sun_path))
            return Error{ErrorCode::invalid, path_, "the path of a socket has at most 107 characters"};
        error_code error;
        const auto response = exchange(request_for(method, target, body), error);
        if (error == boost::system::errc::not_connected)
            return Error{ErrorCode::unavailable, path_, "it does not accept connections: it hangs, or is very busy"};
        if (error) return Error{code_of(error), path_, error.message()};
        return parsed(response);
    }

private:
    // Asynchronous underneath, because only that way Beast's time-outs work.
    Response exchange(const http::request<http::string_body>& request, error_code& error) {
        asio::io_context io;
        Stream stream(io);
        stream.expires_after(patience);
        const auto finish = [&](error_code e, std::size_t = 0) { error = e; };
        stream.async_connect(asio::local::stream_protocol::endpoint(path_), finish);
        io.run();
        // With its backlog full the kernel says EAGAIN, which Asio takes for a connection under way [unix(7)].
        if (!error) (void)stream.socket().remote_endpoint(error);
        if (error) return {};
        io.restart();
        return answer_to(request, stream, io, error);
    }

    Result<Answer> parsed(const Response& response) const {
        Answer answer{response.result_int(), nullptr, response.body()};
        if (response.body().empty()) return answer;
        error_code error;
        answer.body = boost::json::parse(response.body(), error);
        if (error) return Error{ErrorCode::corrupt, path_, "the answer is not JSON: " + error.message()};
        return answer;
    }

    std::string path_;
};
}  // namespace

std::unique_ptr<Api> connect_by_socket(std::string path) {
    return std::make_unique<SocketApi>(std::move(path));
}

Result<std::string> fetch_text(const std::string& address_and_port, const std::string& target) {
    const auto colon = address_and_port.rfind(':');
    std::string address = address_and_port.substr(0, colon);
    if (address == "0.0.0.0" || address.empty() || address == "[::]") address = "127.0.0.1";
    std::erase_if(address, [](char c) { return c == '[' || c == ']'; });
    asio::io_context io;
    beast::tcp_stream stream(io);
    stream.expires_after(text_patience);
    error_code error;
    const auto finish = [&](error_code e, std::size_t = 0) { error = e; };
    const auto ip = asio::ip::make_address(address, error);
    const int port = colon == std::string::npos ? 0 : std::atoi(address_and_port.c_str() + colon + 1);
    if (error || port <= 0) return Error{ErrorCode::invalid, address_and_port, "is no address and port"};
    stream.async_connect(asio::ip::tcp::endpoint(ip, static_cast<unsigned short>(port)), finish);
    io.run();
    if (error) return Error{code_of(error), address_and_port, error.message()};
    io.restart();
    http::request<http::string_body> request{http::verb::get, target, 11};
    request.set(http::field::host, address_and_port);
    request.keep_alive(false);
    auto response = answer_to(request, stream, io, error);
    if (error) return Error{code_of(error), address_and_port, error.message()};
    return std::move(response.body());
}

std::string url_encoded(std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~')) {
            out += c;
        } else {
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }
    return out;
}

}  // namespace ballast::cli
