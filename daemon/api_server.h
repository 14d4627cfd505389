// The control socket: HTTP on a unix socket, bounded in everything a client can use up, every client known by its peer
// credentials. One io_context thread. The contract with clients is docs/api.md.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/api_service.h"
#include "daemon/peer.h"
#include "service/socket.h"
#include "service/user_names.h"

namespace ballast::daemon {

struct ApiOptions {
    std::string socket = "/run/ballast/ballast.sock";
    std::string admin_group = "ballast";
    std::string view_group = "ballast-view";
    // 64 in all. Each role has its own share, so that nobody who may do less can lock out who may do more.
    std::size_t admin_connections = 16;
    std::size_t viewer_connections = 40;
    std::size_t other_connections = 8;
    Duration read_patience = std::chrono::seconds{10};  // for one whole request, and between two
    Duration write_patience = std::chrono::seconds{10};
    Duration watch_patience = std::chrono::seconds{25};  // below the 30 s at which many HTTP clients give up
};
/// What the daemon file says; the rest are the defaults.
ApiOptions api_options(const config::DaemonOptions& options);

class ApiServer {
public:
    /// Answers as it is told to.
    using Answer = std::function<boost::asio::awaitable<Reply>(std::string method, std::string target, std::string body,
                                                               Caller caller)>;
    ApiServer(boost::asio::any_io_executor executor, Answer answer, ApiOptions options);
    /// Controller and clock have to outlive the server, and the server the running of the io_context.
    ApiServer(boost::asio::any_io_executor executor, Controller& controller, Clock& clock, ApiOptions options,
              ApiHooks hooks);
    /// Stops listening and removes the socket's file when it is still this server's.
    ~ApiServer();
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;

    /// Listens; see service::listen_on for the errors.
    Result<void> start();
    /// Something clients may wait for has changed: call it when a cycle ended and when an operation changed.
    void changed() {
        if (service_) service_->changes().bump();
    }
    /// What it would answer to somebody at its socket.
    boost::asio::awaitable<Reply> answer(std::string method, std::string target, std::string body, Caller caller) {
        return answer_(std::move(method), std::move(target), std::move(body), std::move(caller));
    }
    /// The same for others to keep, for as long as the server lives.
    Answer answerer() {
        return [this](std::string method, std::string target, std::string body, Caller caller) {
            return answer_(std::move(method), std::move(target), std::move(body), std::move(caller));
        };
    }

private:
    using Stream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;
    using Socket = boost::asio::local::stream_protocol::socket;
    /// Connections by role, shared with the sessions: they may be destroyed after the server.
    using Counts = std::map<Role, std::size_t>;
    using Place = std::shared_ptr<void>;  // given back when the last copy is gone

    boost::asio::awaitable<void> accept();
    void admit(Socket socket);
    boost::asio::awaitable<void> serve(Stream stream, Caller caller, Place place);
    void look_up_groups();
    Place take_place(Role role);
    std::size_t share_of(Role role) const;
    void note_stranger(const Peer& peer);
    ApiHooks with_groups(ApiHooks hooks);

    boost::asio::any_io_executor executor_;
    service::UserNames names_{executor_, &service::user_name};
    ApiOptions options_;
    std::optional<ApiService> service_;
    Answer answer_;
    RoleGroups groups_;
    boost::system::error_code accept_error_;
    std::optional<service::LocalAcceptor> acceptor_;
    std::pair<dev_t, ino_t> file_{};
    std::shared_ptr<Counts> connections_ = std::make_shared<Counts>();
    uid_t last_stranger_ = 0;
    std::chrono::steady_clock::time_point stranger_noted_{};
};

}  // namespace ballast::daemon
