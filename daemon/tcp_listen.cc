#include "daemon/tcp_listen.h"

#include <optional>

namespace ballast::daemon {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// As long as the kernel allows: a full one costs whoever comes during a flood a second, the first SYN's retry.
constexpr int backlog = asio::socket_base::max_listen_connections;

std::optional<tcp::endpoint> endpoint_from(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    std::string host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const std::string port = address.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    boost::system::error_code error;
    const auto ip = asio::ip::make_address(host, error);
    const unsigned long number = std::stoul(port);
    if (error || number > 65535) return std::nullopt;
    return tcp::endpoint(ip, static_cast<std::uint16_t>(number));
}

Error open_error(const std::string& subject, const boost::system::error_code& error) {
    if (error == asio::error::address_in_use)
        return {ErrorCode::conflict, subject, "another process listens there; choose another port or \"\" for none"};
    if (error == asio::error::access_denied)
        return {ErrorCode::refused, subject, "not allowed to listen there; ports below 1024 need a privilege"};
    if (error == boost::system::errc::address_not_available)
        return {ErrorCode::unavailable, subject, "this machine does not have that address"};
    return {ErrorCode::internal, subject, error.message()};
}

boost::system::error_code listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);  // a restart need not wait
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(backlog, error);
    return error;
}

}  // namespace

Result<tcp::acceptor> listen_by_tcp(asio::any_io_executor executor, const std::string& key,
                                    const std::string& address) {
    const std::string subject = key + " " + address;
    const auto endpoint = endpoint_from(address);
    if (!endpoint) return Error{ErrorCode::invalid, subject, "expected ADDRESS:PORT such as 127.0.0.1:9477"};
    tcp::acceptor acceptor(executor);
    if (const auto error = listen(acceptor, *endpoint)) return open_error(subject, error);
    return acceptor;
}

}  // namespace ballast::daemon
