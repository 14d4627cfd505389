// A TCP proxy in front of a member that can lose answers, break connections and refuse new ones. On the io_context of
// the test.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <vector>

namespace ballast::test {

class Proxy {
    using tcp = boost::asio::ip::tcp;
    using Socket = std::shared_ptr<tcp::socket>;

public:
    Proxy(boost::asio::io_context& io, unsigned short port)
        : state_(std::make_shared<State>(io)), target_(boost::asio::ip::address_v4::loopback(), port) {
        boost::asio::co_spawn(io, accept(state_, target_), boost::asio::detached);
    }
    ~Proxy() {
        state_->acceptor.close();
        cut();
    }
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    std::string endpoint() const {
        return "http://127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
    }
    /// Breaks every connection.
    void cut() {
        for (const auto& weak : state_->sockets) {
            boost::system::error_code ignored;
            if (const auto socket = weak.lock()) socket->close(ignored);
        }
        state_->sockets.clear();
    }
    /// Breaks new ones at once as well.
    void refuse(bool yes) {
        state_->refusing = yes;
        if (yes) cut();
    }
    /// Requests arrive, answers do not.
    void swallow_answers(bool yes) { state_->swallowing = yes; }

private:
    struct State {
        explicit State(boost::asio::io_context& io)
            : acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {}
        tcp::acceptor acceptor;
        std::vector<std::weak_ptr<tcp::socket>> sockets;
        bool refusing = false;
        bool swallowing = false;
    };

    static auto into(boost::system::error_code& failure) { return redirect_error(boost::asio::use_awaitable, failure); }

    static boost::asio::awaitable<void> accept(std::shared_ptr<State> state, tcp::endpoint target) {
        const auto executor = state->acceptor.get_executor();
        for (;;) {
            boost::system::error_code failure;
            const auto client = std::make_shared<tcp::socket>(executor),
                       server = std::make_shared<tcp::socket>(executor);
            co_await state->acceptor.async_accept(*client, into(failure));
            if (failure) co_return;
            if (state->refusing) continue;
            co_await server->async_connect(target, into(failure));
            if (failure) continue;
            state->sockets.push_back(client);
            state->sockets.push_back(server);
            boost::asio::co_spawn(executor, carry(state, client, server, false), boost::asio::detached);
            boost::asio::co_spawn(executor, carry(state, server, client, true), boost::asio::detached);
        }
    }

    static boost::asio::awaitable<void> carry(std::shared_ptr<State> state, Socket from, Socket to, bool answers) {
        std::vector<char> buffer(64 * 1024);
        boost::system::error_code failure;
        while (!failure) {
            const auto length = co_await from->async_read_some(boost::asio::buffer(buffer), into(failure));
            if (failure || (answers && state->swallowing)) continue;
            co_await boost::asio::async_write(*to, boost::asio::buffer(buffer.data(), length), into(failure));
        }
        to->close(failure);
        from->close(failure);
    }

    std::shared_ptr<State> state_;
    tcp::endpoint target_;
};

}  // namespace ballast::test
