// The broker's socket: root and the daemon's user, known by their credentials, one request at a time a connection.
// Bounded in everything a client can use up. What a client asked for is done even if it goes away meanwhile.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "ports/power.h"
#include "power/protocol.h"
#include "service/peer.h"
#include "service/socket.h"

namespace ballast::power {

struct ServerOptions {
    std::string socket = "/run/ballast-power/broker.sock";
    std::set<uid_t> users = {0};
    std::size_t connections = 128;                 // twice what the daemon opens at most
    Duration patience = std::chrono::seconds{10};  // for a whole request to come, and for a reply to be taken
};

/// Who may ask: by user alone. A group is something that is given to people.
bool may_ask(const service::Peer& peer, const std::set<uid_t>& users);

class Server {
public:
    /// `power` has to outlive the running of the io_context.
    Server(boost::asio::any_io_executor executor, PowerControl& power, ServerOptions options);

    /// Listens; see service::listen_on for the errors.
    Result<void> start();
    void stop();

private:
    using Stream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;
    using Place = std::shared_ptr<void>;
    struct Caller {
        service::Peer peer;
        std::string user;
    };

    boost::asio::awaitable<void> accept();
    void admit(boost::asio::local::stream_protocol::socket socket);
    boost::asio::awaitable<void> serve(Stream stream, Caller caller, Place place);
    boost::asio::awaitable<std::string> answer(std::string line, Caller caller);
    boost::asio::awaitable<Result<boost::json::value>> carry_out(Request request);
    void note_stranger(const service::Peer& peer);

    boost::asio::any_io_executor executor_;
    PowerControl& power_;
    ServerOptions options_;
    std::optional<service::LocalAcceptor> acceptor_;
    std::shared_ptr<std::size_t> open_ = std::make_shared<std::size_t>(0);
    std::optional<std::chrono::steady_clock::time_point> stranger_noted_;
};

}  // namespace ballast::power
