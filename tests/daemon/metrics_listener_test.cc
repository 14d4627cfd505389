#include "daemon/metrics_listener.h"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/virtual_clock.h"

using namespace ballast;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using daemon::MetricsLimits;
using daemon::MetricsListener;

namespace {

constexpr auto scrape = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

struct Served {
    boost::asio::io_context io;
    test::VirtualClock clock;
    int made = 0;
    Duration making_takes{};
    std::unique_ptr<MetricsListener> listener;

    explicit Served(MetricsLimits limits = {}, const std::string& address = "127.0.0.1:0") {
        auto text = [this] {
            clock.advance(making_takes);
            return "text " + std::to_string(++made) + "\n";
        };
        auto opened = MetricsListener::open(io.get_executor(), clock, address, text, limits);
        REQUIRE(opened.has_value());
        listener = std::move(*opened);
    }

    tcp::socket connect() {
        tcp::socket socket(io);
        socket.connect({boost::asio::ip::address_v4::loopback(), listener->port()});
        return socket;
    }

    void say(tcp::socket& socket, const std::string& request) {
        boost::asio::write(socket, boost::asio::buffer(request));
    }

    /// What comes until the other side closes; bounded by 10 s in case it never does.
    std::string hear(tcp::socket& socket) {
        socket.non_blocking(true);
        std::string heard;
        boost::system::error_code error;
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while ((!error || error == boost::asio::error::would_block) && std::chrono::steady_clock::now() < deadline) {
            char part[4096];
            io.run_one_for(1ms);
            heard.append(part, socket.read_some(boost::asio::buffer(part), error));
        }
        REQUIRE((error == boost::asio::error::eof || error == boost::asio::error::connection_reset));
        return heard;
    }

    std::string ask(const std::string& request) {
        tcp::socket socket = connect();
        say(socket, request);
        return hear(socket);
    }

    void settle() {
        while (io.poll() > 0) {
        }
    }
};

std::size_t open_descriptors() {
    std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(all, {}));
}

}  // namespace

TEST_CASE("A scrape gets the metrics in Prometheus' text format, and the connection ends") {
    Served served;
    const std::string reply = served.ask(scrape);
    CHECK(reply.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(reply.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != std::string::npos);
    CHECK(reply.find("Connection: close\r\n") != std::string::npos);
    CHECK(reply.ends_with("\r\n\r\ntext 1\n"));
    served.settle();
    CHECK(served.listener->connections() == 0);
}

TEST_CASE("Only GET and HEAD of /metrics give metrics") {
    Served served;
    CHECK(served.ask("GET / HTTP/1.1\r\n\r\n").find("at /metrics") != std::string::npos);
    CHECK(served.ask("GET /metrics/../secret HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    CHECK(served.ask("DELETE /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    CHECK(served.made == 0);
    CHECK(served.ask("GET /metrics?collect=all HTTP/1.0\r\n\r\n").ends_with("text 1\n"));
    CHECK(served.ask("HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("Content-Length: 7\r\n\r\n"));
}

TEST_CASE("What is not a small HTTP request is closed without a word") {
    Served served;
    CHECK(served.ask("\x16\x03\x01 not HTTP\r\n\r\n").empty());
    CHECK(served.ask("GET /metrics HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n").empty());
    CHECK(served.made == 0);
    CHECK(served.ask(scrape).ends_with("text 1\n"));
}

TEST_CASE("A request in pieces is put together") {
    Served served;
    tcp::socket socket = served.connect();
    for (const char* piece : {"GET /met", "rics HT", "TP/1.1\r\nHost: x\r", "\n\r\n"}) {
        served.say(socket, piece);
        served.settle();
    }
    CHECK(served.hear(socket).ends_with("text 1\n"));
}

TEST_CASE("Idle connections never exceed the limit and never keep a scrape out") {
    Served served(MetricsLimits{8, 1h, 0s});
    const std::size_t before = open_descriptors();
    std::vector<tcp::socket> idle;
    for (int i = 0; i < 500; ++i) {
        idle.push_back(served.connect());
        served.settle();
        REQUIRE(served.listener->connections() <= 8);
    }
    CHECK(open_descriptors() - before <= 500 + 8);
    CHECK(served.listener->connections() == 8);
    CHECK(served.ask(scrape).ends_with("text 1\n"));
    CHECK(served.hear(idle.front()).empty());  // the oldest had to go
}

TEST_CASE("A connection that says nothing or too little is closed in time") {
    Served served(MetricsLimits{8, 50ms, 0s});
    tcp::socket silent = served.connect();
    tcp::socket slow = served.connect();
    served.say(slow, "GET /metrics HTTP/1.1\r\nHost:");
    CHECK(served.hear(silent).empty());
    CHECK(served.hear(slow).empty());
    served.settle();
    CHECK(served.listener->connections() == 0);
}

TEST_CASE("Scrapes in quick succession share one text") {
    Served served;
    CHECK(served.ask(scrape).ends_with("text 1\n"));
    CHECK(served.ask(scrape).ends_with("text 1\n"));
    served.clock.advance(1s);
    CHECK(served.ask(scrape).ends_with("text 2\n"));
}

TEST_CASE("A text that takes long to make is made rarely") {
    Served served;
    served.making_takes = 2s;
    CHECK(served.ask(scrape).ends_with("text 1\n"));
    served.clock.advance(17s);
    CHECK(served.ask(scrape).ends_with("text 1\n"));
    served.clock.advance(1s);
    CHECK(served.ask(scrape).ends_with("text 2\n"));
}

TEST_CASE("A port in use and an address that is none are told clearly") {
    Served served;
    const std::string taken = "127.0.0.1:" + std::to_string(served.listener->port());
    const auto open = [&](const std::string& address) {
        return MetricsListener::open(served.io.get_executor(), served.clock, address, [] { return std::string(); });
    };
    const auto second = open(taken);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == ErrorCode::conflict);
    CHECK(to_string(second.error()).find(taken) != std::string::npos);
    CHECK(open("192.0.2.1:9477").error().code == ErrorCode::unavailable);
    for (const char* address : {"", "9477", "localhost:9477", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1"})
        CHECK(open(address).error().code == ErrorCode::invalid);
}

TEST_CASE("The listener can go at any step of a request, and asks for no text from then on") {
    for (int steps = 0; steps < 10; ++steps) {
        Served served;
        tcp::socket idle = served.connect();
        tcp::socket asking = served.connect();
        served.settle();
        served.say(asking, scrape);
        for (int i = 0; i < steps; ++i) served.io.poll_one();
        const int made = served.made;
        served.listener.reset();
        CHECK(served.hear(idle).empty());
        served.hear(asking);
        CHECK(served.made == made);
    }
}

TEST_CASE("The io_context can end before the coroutines of the listener do") {
    auto served = std::make_unique<Served>();
    tcp::socket idle = served->connect();
    served->settle();
    CHECK(served->listener->connections() == 1);
    idle.close();
    served.reset();
    SUCCEED("no memory error");
}
