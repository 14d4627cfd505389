// A page server on a free port with an API that a test makes up, and blocking clients in threads of their own.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "daemon/page_server.h"
#include "tests/daemon/run_beside.h"

namespace ballast::test {

using namespace std::chrono_literals;

inline constexpr const char* hash_of_open_sesame =
    "$6$rounds=1000$abcdefgh$Xh.7.kL3HzhnviFlsn40n4gUrDaYioIIiDlHiWZorP18.1JsnixO1BkqKbso/o60j4iwJz6yRdVGlrUTIYtXT/";
inline constexpr const char* hash_of_swordfish =
    "$y$j75$k2XAnEHBqQ1Ct2aMXFKNa/$th5zhy0qP/LtIK/0IgHZdER9s4rux0RFmZ8hTtrvpQ.";

struct Folder {
    Folder() {
        path = std::filesystem::temp_directory_path() / "ballast-page-XXXXXX";
        REQUIRE(::mkdtemp(path.data()));
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    void write(const std::string& name, const std::string& text, mode_t mode) {
        const std::string file = path + "/" + name;
        std::ofstream(file) << text;
        REQUIRE(::chmod(file.c_str(), mode) == 0);
    }

    std::string path;
};

using Tcp = boost::asio::ip::tcp;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

/// Blocks, at most for ten seconds a call.
class Browser {
public:
    explicit Browser(std::uint16_t port) : socket_(io_) {
        socket_.connect({boost::asio::ip::address_v4::loopback(), port});
        const timeval patience{10, 0};
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    void send(const std::string& bytes) {
        boost::system::error_code ignored;  // the server may have closed: then receive() tells
        boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
    }
    /// Status 0: closed without a word.
    Response receive() {
        Response response;
        boost::system::error_code error;
        boost::beast::http::read(socket_, buffer_, response, error);
        if (error) response.result(0u);
        return response;
    }
    Response get(const std::string& target, const std::string& more = "") {
        send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n");
        return receive();
    }
    /// What comes until this text has, or until the other side closes.
    std::string until(const std::string& text) {
        std::string heard;
        char part[4096];
        boost::system::error_code error;
        while (!error && heard.find(text) == std::string::npos) {
            const auto length = ::recv(socket_.native_handle(), part, sizeof part, 0);
            if (length <= 0) break;
            heard.append(part, static_cast<std::size_t>(length));
        }
        return heard;
    }

private:
    boost::asio::io_context io_;
    Tcp::socket socket_;
    boost::beast::flat_buffer buffer_;
};

inline daemon::PageLimits quick_limits() {
    daemon::PageLimits limits;
    limits.pace.interval = 20ms;
    limits.sign_of_life = 200ms;
    return limits;
}

struct Served {
    explicit Served(daemon::PageLimits limits = quick_limits(), config::PageOptions options = {},
                    bool in_cluster = false) {
        options.listen = "127.0.0.1:0";
        auto answer = [this](std::string method, std::string target, std::string body, daemon::Caller caller) {
            return this->answer(std::move(method), std::move(target), std::move(body), std::move(caller));
        };
        auto opened = daemon::PageServer::open(io.get_executor(), options, in_cluster, std::move(answer), limits);
        REQUIRE(opened.has_value());
        server = std::move(*opened);
    }

    boost::asio::awaitable<daemon::Reply> answer(std::string method, std::string target, std::string body,
                                                 daemon::Caller caller) {
        asked.push_back(method + " " + target + body);
        roles.insert(caller.role);
        if (takes > Duration{}) {
            boost::asio::steady_timer timer(io, takes);
            co_await timer.async_wait(boost::asio::use_awaitable);
        }
        daemon::Reply reply;
        reply.status = status;
        reply.body = boost::json::object{{"asked", target}, {"times", asked.size()}};
        co_return reply;
    }

    /// Serves until the work, in a thread of its own, is done.
    template <class Work>
    auto run(Work work) {
        return test::run_beside(io, std::move(work));
    }
    /// Until it holds; false: it did not for ten seconds.
    bool until(const std::function<bool()>& holds) {
        const auto give_up = std::chrono::steady_clock::now() + 10s;
        while (!holds() && std::chrono::steady_clock::now() < give_up) {
            io.restart();
            io.run_for(2ms);
        }
        return holds();
    }
    Response get(const std::string& target, const std::string& more = "") {
        return run([=, port = server->port()] { return Browser(port).get(target, more); });
    }

    boost::asio::io_context io;
    std::vector<std::string> asked;
    std::set<daemon::Role> roles;
    Duration takes{};
    unsigned status = 200;
    std::unique_ptr<daemon::PageServer> server;
};

}  // namespace ballast::test
