#include "power/server.h"

#include "power/client.h"
#include "tests/power/lab.h"
#include "tests/support/fake_power.h"

using namespace ballast;
using namespace ballast::power;
using test::Lab;
using test::milliseconds;
namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

namespace {

/// A server of a fake power on the lab's socket.
class Bench {
public:
    explicit Bench(std::set<uid_t> users = {0, ::getuid()}) {
        options.socket = lab.path("broker.sock");
        options.users = std::move(users);
        power.add_host("host1").takes = milliseconds{1};
    }
    void start() {
        server.emplace(lab.io.get_executor(), power, options);
        REQUIRE(server->start());
    }
    ~Bench() {
        if (server) server->stop();
    }
    Socket connect() {
        Socket socket(lab.io);
        socket.connect(asio::local::stream_protocol::endpoint(options.socket));
        return socket;
    }
    /// What comes back until the server closes the connection, or a line's end.
    std::string exchange(Socket& socket, const std::string& text) {
        std::optional<std::string> reply;
        lab.start(send_and_read(socket, text), reply);
        lab.run_until([&] { return reply.has_value(); });
        return *reply;
    }

    Lab lab;
    test::FakePower power{lab.clock};
    ServerOptions options;
    std::optional<Server> server;

private:
    static asio::awaitable<std::string> send_and_read(Socket& socket, std::string text) {
        auto token = asio::as_tuple(asio::use_awaitable);
        co_await asio::async_write(socket, asio::buffer(text), token);
        std::string reply;
        auto read_token = asio::as_tuple(asio::use_awaitable);
        auto buffer = asio::dynamic_buffer(reply);
        co_await asio::async_read_until(socket, buffer, '\n', read_token);
        co_return reply;
    }
};

}  // namespace

TEST_CASE("a client sees the power of hosts through the broker's socket") {
    Bench bench;
    bench.start();
    Client client(bench.options.socket);
    const HostId host1{"host1"};
    CHECK_FALSE(client.knows(host1));
    CHECK(bench.lab.run(client.hosts())->size() == 1);
    CHECK(client.host(host1) == bench.power.hosts_by_id.at(host1).can);
    CHECK(*bench.lab.run(client.status(host1)) == Power::on);
    CHECK(*bench.lab.run(client.watts(host1)) == 100);
    CHECK(bench.lab.run(client.switch_off(host1)));
    CHECK(*bench.lab.run(client.status(host1)) == Power::off);
    CHECK(bench.lab.run(client.switch_on(host1)));
    CHECK(bench.lab.run(client.shut_down_softly(host1)));
    CHECK(bench.power.orders == std::vector<std::string>{"off host1", "on host1", "soft host1"});
    bench.power.hosts_by_id.at(host1).watts.reset();
    CHECK_FALSE(*bench.lab.run(client.watts(host1)));
    for (const auto code : {ErrorCode::timed_out, ErrorCode::unavailable, ErrorCode::refused}) {
        bench.power.hosts_by_id.at(host1).error = Error{code, "host1", "why"};
        CHECK(bench.lab.run(client.switch_off(host1)).error() == *bench.power.hosts_by_id.at(host1).error);
        CHECK(bench.lab.run(client.status(host1)).error().code == code);
    }
    CHECK(bench.lab.run(client.status({"host2"})).error().code == ErrorCode::not_found);
}

TEST_CASE("a broker that is not there is an error, and is found again when it comes") {
    Bench bench;
    Client client(bench.options.socket);
    CHECK(bench.lab.run(client.hosts()).error().code == ErrorCode::unavailable);
    CHECK(bench.lab.run(client.switch_off({"host1"})).error().code == ErrorCode::unavailable);
    CHECK(bench.power.orders.empty());
    bench.start();
    CHECK(bench.lab.run(client.switch_off({"host1"})));
}

TEST_CASE("only root and the daemon's user may ask") {
    service::Peer peer;
    peer.uid = 990;
    peer.gid = 0;
    peer.groups = {0, 27};
    CHECK_FALSE(may_ask(peer, {0, 991}));
    CHECK(may_ask(peer, {0, 990}));
    peer.uid = 0;
    CHECK(may_ask(peer, {0, 990}));
}

TEST_CASE("who may not ask is told nothing and changes nothing") {
    Bench bench({::getuid() + 1});
    bench.start();
    Socket socket = bench.connect();
    CHECK(bench.exchange(socket, to_line(Request{1, "off", {"host1"}})).empty());
    Client client(bench.options.socket);
    CHECK(bench.lab.run(client.switch_off({"host1"})).error().code == ErrorCode::unavailable);
    CHECK(bench.power.orders.empty());
}

TEST_CASE("several requests can go over one connection, and a bad one does not end it") {
    Bench bench;
    bench.start();
    Socket socket = bench.connect();
    CHECK(bench.exchange(socket, to_line(Request{5, "status", {"host1"}})) == "{\"id\":5,\"result\":\"on\"}\n");
    CHECK_THAT(bench.exchange(socket, "nonsense\n"), Catch::Contains("\"code\":\"invalid\""));
    CHECK(bench.exchange(socket, to_line(Request{6, "off", {"host1"}})) == "{\"id\":6,\"result\":true}\n");
}

TEST_CASE("an oversized request and a slow one end the connection") {
    Bench bench;
    bench.options.patience = milliseconds{300};
    bench.start();
    Socket large = bench.connect(), slow = bench.connect();
    CHECK(bench.exchange(large, std::string(longest_request + 1, 'x')).empty());
    CHECK(bench.exchange(slow, "{\"id\": 1").empty());
    CHECK(bench.power.orders.empty());
}

TEST_CASE("connections beyond the limit are turned away, and places come free again") {
    Bench bench;
    bench.options.connections = 2;
    bench.start();
    const std::string request = to_line(Request{1, "status", {"host1"}});
    std::optional<Socket> first(bench.connect());
    Socket second = bench.connect();
    CHECK_FALSE(bench.exchange(*first, request).empty());
    CHECK_FALSE(bench.exchange(second, request).empty());
    Socket third = bench.connect();
    CHECK(bench.exchange(third, request).empty());
    first.reset();
    while (bench.lab.io.poll_one() > 0) continue;
    Socket fourth = bench.connect();
    CHECK_FALSE(bench.exchange(fourth, request).empty());
}

TEST_CASE("what was asked for is done although the client is gone") {
    Bench bench;
    bench.power.hosts_by_id.at({"host1"}).takes = milliseconds{200};
    bench.start();
    {
        Socket socket = bench.connect();
        asio::write(socket, asio::buffer(to_line(Request{1, "off", {"host1"}})));
        bench.lab.run_until([&] { return !bench.power.orders.empty(); });
    }
    const auto off = [&] { return bench.power.hosts_by_id.at({"host1"}).power == Power::off; };
    bench.lab.run_until(off);
    CHECK(off());
}

TEST_CASE("a broker that never answers is an error by the deadline, not a success") {
    Bench bench;
    bench.options.socket = bench.lab.path("mute.sock");
    auto acceptor = service::listen_on(bench.lab.io.get_executor(), bench.options.socket);
    REQUIRE(acceptor);  // connections wait in its backlog
    Client client(bench.options.socket, milliseconds{300});
    CHECK(bench.lab.run(client.hosts()).error().code == ErrorCode::timed_out);
}
